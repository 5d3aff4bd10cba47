"""Entry point of the control process: ``python -m kappaflow.server.control``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import socket
import sys
from typing import Any

import anyio.to_thread
from hypercorn.asyncio import serve
from hypercorn.config import Config

from kappaflow.client.admin import Admin
from kappaflow.client.records import RecordWriter
from kappaflow.client.schema_registry import registry_by_url
from kappaflow.errors import ConfigError, KappaError, ServerError
from kappaflow.runtime.logging import log_as_asked
from kappaflow.server.configuration import WILDCARDS, ServerConfig
from kappaflow.server.control.application import REGISTRY_PATH, make_application
from kappaflow.server.control.command_statuses import CommandStatuses
from kappaflow.server.control.command_topic import WRITE_TIMEOUT_MS, CommandLog, create_command_topic
from kappaflow.server.control.peers import Peers
from kappaflow.server.control.query_cleanup import QueryCleanup
from kappaflow.server.control.state import BrokerTopics, ControlState
from kappaflow.server.control.statements.execute import execute_request
from kappaflow.server.control.statements.session import Session
from kappaflow.server.functions.loader import has_entry_points
from kappaflow.server.garbage import collect_nothing_yet, keep_what_is_loaded
from kappaflow.server.lifeline import read_first_line, watch_parent
from kappaflow.server.processing_log import LogSettings
from kappaflow.server.registry.schema_log import SchemaLog
from kappaflow.server.rpc import RpcClient
from kappaflow.sql.engine import Engine
from kappaflow.sql.functions.registry import default_registry
from kappaflow.sql.functions.user.declarations import UserFunctions
from kappaflow.sql.grammar.parser import keep_tables_in

logger = logging.getLogger(__name__)


def build_state(config: ServerConfig) -> ControlState:
    """Connect to the brokers and replay the command topic.

    Raises:
        KappaError: the brokers cannot be reached or the topic cannot be read.
    """
    keep_tables_in(config.grammar_tables)
    client = config.client("kappa-control")
    admin = Admin(client)
    cluster = admin.describe_cluster()
    replication = create_command_topic(admin, config)
    embedded = None if registry_by_url(config.properties) else SchemaLog(client, admin, replication)
    registry = embedded or registry_by_url(config.properties)
    uses_functions = config.functions_enabled and (config.functions_directory or has_entry_points())
    functions = UserFunctions(default_registry()) if uses_functions else None
    engine = Engine(config.service_id, config.engine_properties, BrokerTopics(admin), functions, registry)
    statuses = CommandStatuses()
    commands = CommandLog(client, config.command_topic, engine, statuses.record)
    commands.start()
    cleanup = QueryCleanup(client, config.service_id, engine, commands)
    cleanup.start()
    workers = [RpcClient(config.worker_socket(index)) for index in range(config.workers)]
    writer = RecordWriter(client, delivery_timeout_ms=WRITE_TIMEOUT_MS)
    peers = Peers(config, admin)
    state = ControlState(
        config, admin, engine, commands, cleanup, writer, workers, cluster.cluster_id, replication, peers
    )
    state.schemas = embedded
    state.statuses = statuses
    state.functions = functions
    return state


def create_log_stream(state: ControlState) -> None:
    """Create the stream over the processing log, and its topic, where the properties ask for it."""
    settings = LogSettings.of(state.config)
    if not settings.creates_stream:
        return
    settings.create_topic(state.admin, state.replication_factor)
    status, answer = execute_request(state, settings.statement, Session())
    if status != 200:
        logger.warning("The stream %s was not created: %s", settings.stream, answer)


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket.

    Raises:
        ServerError: the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ServerError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Stop the program that uses the port, or choose "
            "another with --http-port (0 takes any free one)."
        ) from error
    bound.listen(1024)
    return bound


def _set_soon(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # Connections that are cancelled when the server ends are no error, though asyncio's streams report them as one.
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)


def _url(config: ServerConfig, port: int) -> str:
    """Return the URL of the listener, and say it to the workers."""
    host = config.listen_host
    if host in WILDCARDS:
        host = socket.getfqdn()
    url = f"{config.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    made = config.url_file.with_suffix(".tmp")
    made.write_text(url, encoding="utf-8")
    made.replace(config.url_file)
    return url


async def run(config: ServerConfig, port: int) -> None:
    """Serve until SIGTERM or the end of the parent."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch_parent(lambda: _set_soon(loop, stop))
    bound = listen(config.listen_host, port)
    port = bound.getsockname()[1]
    url = _url(config, port)
    state = await asyncio.to_thread(build_state, config)
    hypercorn = Config()
    hypercorn.bind = [f"fd://{bound.detach()}"]
    hypercorn.loglevel = "WARNING"
    if config.tls_certificate:
        hypercorn.certfile, hypercorn.keyfile = config.tls_certificate, config.tls_key
    hypercorn.graceful_timeout = 1.0
    hypercorn.keep_alive_timeout = 60.0
    hypercorn.keep_alive_max_requests = sys.maxsize  # clients do not expect a connection to end by itself
    if state.schemas is not None:
        config.registry_file.write_text(f"{config.own_url(port)}{REGISTRY_PATH}", encoding="utf-8")
    await anyio.to_thread.run_sync(create_log_stream, state)
    poll = asyncio.create_task(state.poll_workers())
    keep_what_is_loaded(state.commands.next_offset)
    print(f"READY {url}", flush=True)  # noqa: T201 - the supervisor reads this line
    await serve(make_application(state), hypercorn, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
    poll.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await poll
    await state.peers.close()
    state.cleanup.close()
    state.commands.close()
    if state.schemas is not None:
        state.schemas.close()


def main() -> int:
    """Read the configuration from standard input and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--http-port", type=int, default=0)
    arguments = parser.parse_args()
    try:
        log_as_asked("control", level="WARNING")
    except ConfigError as error:
        parser.error(str(error))
    collect_nothing_yet()
    config = ServerConfig.from_line(read_first_line())
    try:
        asyncio.run(run(config, arguments.http_port))
    except KappaError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a clear line instead of a stack trace
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
