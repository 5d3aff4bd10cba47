"""Run the embedded broker until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kappaflow.cli.messages import message
from kappaflow.errors import ConfigError, UsageError
from kappaflow.runtime.logging import log_as_asked

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker

RECOVERY_LINE_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data-dir", type=Path, required=True, metavar="D", help=message("broker.data_dir"))
    parser.add_argument("--kafka-port", type=int, default=9092, metavar="P", help=message("broker.kafka_port"))
    parser.add_argument("--host", default="127.0.0.1", help=message("broker.host"))
    parser.add_argument(
        "--listener", action="append", default=[], metavar="NAME://HOST:PORT", help=message("broker.listener")
    )
    parser.add_argument(
        "--advertised-listener",
        action="append",
        default=[],
        metavar="NAME://HOST:PORT",
        help=message("broker.advertised_listener"),
    )
    parser.add_argument("--flush", choices=("none", "interval", "group"), default="none", help=message("broker.flush"))
    parser.add_argument(
        "--property", action="append", default=[], metavar="NAME=VALUE", help=message("broker.property")
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help=message("broker.config"))
    parser.add_argument("--exit-on-stdin-eof", action="store_true", help=message("broker.exit_on_stdin_eof"))


def run(arguments: argparse.Namespace) -> int:
    """Serve; the ready line goes to standard output, everything else to standard error."""
    from kappaflow.broker.config import BrokerConfig, with_properties
    from kappaflow.broker.server import check_listeners, serve

    log_as_asked("broker")
    if not 0 <= arguments.kafka_port <= 65535:
        raise UsageError(message("broker.bad_port", port=arguments.kafka_port))
    config = BrokerConfig(
        data_dir=arguments.data_dir, host=arguments.host, port=arguments.kafka_port, flush=arguments.flush
    )
    config = with_properties(config, [*_file(arguments.config), *_listener_properties(arguments), *arguments.property])
    check_listeners(config)
    asyncio.run(serve(config, _announce, _tell_recovery(), exit_on_stdin_eof=arguments.exit_on_stdin_eof))
    return 0


def _listener_properties(arguments: argparse.Namespace) -> list[str]:
    lists = {"listeners": arguments.listener, "advertised.listeners": arguments.advertised_listener}
    return [f"{name}={','.join(values)}" for name, values in lists.items() if values]


def _file(path: Path | None) -> list[str]:
    """The properties of a file: one NAME=VALUE a line; empty lines and lines that start with # say nothing."""
    if path is None:
        return []
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise ConfigError(message("broker.config_unreadable", path=path, reason=error.strerror)) from None
    return [line for line in lines if line and not line.startswith("#")]


def _tell_recovery() -> Callable[[int, int, int], None]:
    """Tell from time to time how far recovery is: a line a supervisor takes for a sign of life."""
    told_at = time.monotonic()

    def tell(done: int, total: int, read_bytes: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= RECOVERY_LINE_SECONDS:
            told_at = time.monotonic()
            sys.stdout.write(
                message("broker.recovering", done=done, total=total, megabytes=read_bytes // 1_000_000) + "\n"
            )
            sys.stdout.flush()

    return tell


def _announce(broker: Broker) -> None:
    first, *others = broker.listeners
    address = f"{broker.advertised_host}:{broker.port}"
    if others or first.name != "PLAINTEXT":
        address = ",".join(listener.advertised for listener in broker.listeners)
    sys.stdout.write(message("broker.ready", address=address, data_dir=broker.config.data_dir) + "\n")
    sys.stdout.flush()
    # What was imported stays for good: later collections need not look at it again.
    gc.freeze()
