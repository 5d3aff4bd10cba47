"""Run the embedded broker until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kappaflow.cli.messages import message
from kappaflow.errors import UsageError

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data-dir", type=Path, required=True, metavar="D", help=message("broker.data_dir"))
    parser.add_argument("--kafka-port", type=int, default=9092, metavar="P", help=message("broker.kafka_port"))
    parser.add_argument("--host", default="127.0.0.1", help=message("broker.host"))
    parser.add_argument("--flush", choices=("none", "interval", "group"), default="none", help=message("broker.flush"))
    parser.add_argument(
        "--property", action="append", default=[], metavar="NAME=VALUE", help=message("broker.property")
    )
    parser.add_argument("--exit-on-stdin-eof", action="store_true", help=message("broker.exit_on_stdin_eof"))


def run(arguments: argparse.Namespace) -> int:
    """Serve; the ready line goes to standard output, everything else to standard error."""
    from kappaflow.broker.config import BrokerConfig, with_properties
    from kappaflow.broker.server import check_host, serve

    level = os.environ.get("KAPPA_LOG_LEVEL", "INFO").upper()
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    check_host(arguments.host)
    if not 0 <= arguments.kafka_port <= 65535:
        raise UsageError(message("broker.bad_port", port=arguments.kafka_port))
    config = BrokerConfig(
        data_dir=arguments.data_dir, host=arguments.host, port=arguments.kafka_port, flush=arguments.flush
    )
    config = with_properties(config, arguments.property)
    asyncio.run(serve(config, _announce, exit_on_stdin_eof=arguments.exit_on_stdin_eof))
    return 0


def _announce(broker: Broker) -> None:
    address = f"{broker.advertised_host}:{broker.port}"
    sys.stdout.write(message("broker.ready", address=address, data_dir=broker.config.data_dir) + "\n")
    sys.stdout.flush()
    # What was imported stays for good: later collections need not look at it again.
    gc.freeze()
