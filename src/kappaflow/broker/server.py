"""The broker as a process: listen, maintain, stop.

run -> Broker.open -> listen -> ready line -> (signal | parent gone | disk failed) -> close
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from kappaflow.broker.broker import Broker
from kappaflow.broker.config import BrokerConfig
from kappaflow.broker.connection import KafkaConnection
from kappaflow.broker.security.listeners import Listener, check_safe
from kappaflow.broker.security.tls import tls_context
from kappaflow.errors import ConfigError, KappaError, StorageError

BACKLOG = 512
IDLE_CHECKS = 10


def check_listeners(config: BrokerConfig) -> None:
    """Refuse listeners that cannot work, and those that let strangers in.

    Raises:
        ConfigError: a listener or one of its files cannot be read.
        UnsafeError: a listener off loopback does not authenticate clients.
    """
    for listener in config.listeners:
        check_safe(listener, config.security)
        tls_context(listener, config.security)


async def serve(
    config: BrokerConfig,
    on_ready: Callable[[Broker], None],
    on_recovered: Callable[[int, int, int], None] = lambda *_: None,
    *,
    exit_on_stdin_eof: bool = False,
) -> None:
    """Run a broker until SIGTERM or SIGINT, or until the parent's pipe closes.

    Args:
        config: its settings.
        on_ready: called once it accepts connections.
        on_recovered: told as logs of an unclean end are checked: how many are done, how many there are, bytes read.
        exit_on_stdin_eof: stop when standard input ends, which it does when the parent process is gone.

    Raises:
        UnsafeError: a listener off loopback does not authenticate clients.
        ConfigError: a listener cannot be read, or its port is taken.
        KappaError: the data directory cannot be used, or the disk failed.
    """
    check_listeners(config)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if exit_on_stdin_eof:
        _watch_stdin(loop, stop)
    broker = Broker.open(config, on_recovered=on_recovered)
    try:
        broker.failed.add_done_callback(lambda _: stop.set())
        servers = [await _listen(loop, broker, index) for index in range(len(broker.listeners))]
        maintenance = asyncio.ensure_future(_maintain(broker))
        compaction = asyncio.ensure_future(_compact(broker))
        idleness = asyncio.ensure_future(_close_idle(broker))
        on_ready(broker)
        await stop.wait()
        maintenance.cancel()
        compaction.cancel()
        idleness.cancel()
        for server in servers:
            server.close()
        for connection in tuple(broker.connections):
            connection.close()
    finally:
        _close(broker)
    if broker.failed.done():
        raise StorageError(broker.failed.result())


async def _listen(loop: asyncio.AbstractEventLoop, broker: Broker, index: int) -> asyncio.Server:
    listener = broker.listeners[index]
    try:
        server = await loop.create_server(
            # Looked up anew: the port is known only afterwards.
            lambda: KafkaConnection(broker, broker.listeners[index]),
            # "localhost" may name two addresses, which would get two different ports.
            "127.0.0.1" if listener.host == "localhost" else listener.host,
            listener.port,
            backlog=BACKLOG,
            reuse_address=True,
            ssl=tls_context(listener, broker.config.security),
        )
    except OSError as error:
        raise _cannot_listen(listener, error) from error
    broker.listeners[index] = listener.bound_to(server.sockets[0].getsockname()[1])
    return server


def _cannot_listen(listener: Listener, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot listen on {listener.host}:{listener.port} ({os.strerror(error.errno or 0)}); "
        "choose another port with --kafka-port or --listener, or 0 for any free one"
    )


async def _maintain(broker: Broker) -> None:
    while True:
        await asyncio.sleep(broker.config.retention_check_interval_ms / 1000)
        broker.maintain()


async def _compact(broker: Broker) -> None:
    while True:
        await asyncio.sleep(broker.config.log_cleaner_backoff_ms / 1000)
        await broker.compact()


async def _close_idle(broker: Broker) -> None:
    """Close the connections of clients that are gone without a word: nothing else ever would."""
    longest_s = broker.config.connections_max_idle_ms / 1000
    while longest_s > 0:
        await asyncio.sleep(longest_s / IDLE_CHECKS)
        before = asyncio.get_running_loop().time() - longest_s
        for connection in tuple(broker.connections):
            connection.close_if_idle(before)


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    descriptor = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            stop.set()

    loop.add_reader(descriptor, readable)


def _close(broker: Broker) -> None:
    try:
        broker.close()
    except KappaError as error:
        # Nothing is lost: without the mark of a clean end the next start checks every log.
        broker.stop_because(str(error))
