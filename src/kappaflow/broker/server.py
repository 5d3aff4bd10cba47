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
from kappaflow.errors import ConfigError, KappaError, StorageError, UnsafeError

BACKLOG = 512
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def check_host(host: str) -> None:
    """Refuse addresses that others can reach.

    Raises:
        UnsafeError: `host` is not a loopback address.
    """
    if host not in LOOPBACK_HOSTS:
        raise UnsafeError(
            f"refusing to listen on {host}: clients cannot be authenticated yet, so only this machine may connect; "
            "use --host 127.0.0.1"
        )


async def serve(
    config: BrokerConfig,
    on_ready: Callable[[Broker], None],
    *,
    exit_on_stdin_eof: bool = False,
) -> None:
    """Run a broker until SIGTERM or SIGINT, or until the parent's pipe closes.

    Args:
        config: its settings.
        on_ready: called once it accepts connections.
        exit_on_stdin_eof: stop when standard input ends, which it does when the parent process is gone.

    Raises:
        UnsafeError: the host is not a loopback address.
        ConfigError: the port is taken.
        KappaError: the data directory cannot be used, or the disk failed.
    """
    check_host(config.host)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if exit_on_stdin_eof:
        _watch_stdin(loop, stop)
    broker = Broker.open(config)
    try:
        broker.failed.add_done_callback(lambda _: stop.set())
        server = await _listen(loop, broker)
        maintenance = asyncio.ensure_future(_maintain(broker))
        compaction = asyncio.ensure_future(_compact(broker))
        on_ready(broker)
        await stop.wait()
        maintenance.cancel()
        compaction.cancel()
        server.close()
        for connection in tuple(broker.connections):
            connection.close()
    finally:
        _close(broker)
    if broker.failed.done():
        raise StorageError(broker.failed.result())


async def _listen(loop: asyncio.AbstractEventLoop, broker: Broker) -> asyncio.Server:
    config = broker.config
    try:
        server = await loop.create_server(
            # "localhost" may name two addresses, which would get two different ports.
            lambda: KafkaConnection(broker),
            "127.0.0.1" if config.host == "localhost" else config.host,
            config.port,
            backlog=BACKLOG,
            reuse_address=True,
        )
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {config.host}:{config.port} ({os.strerror(error.errno or 0)}); "
            "choose another port with --kafka-port, or 0 for any free one"
        ) from error
    broker.port = server.sockets[0].getsockname()[1]
    return server


async def _maintain(broker: Broker) -> None:
    while True:
        await asyncio.sleep(broker.config.retention_check_interval_ms / 1000)
        broker.maintain()


async def _compact(broker: Broker) -> None:
    while True:
        await asyncio.sleep(broker.config.log_cleaner_backoff_ms / 1000)
        await broker.compact()


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
