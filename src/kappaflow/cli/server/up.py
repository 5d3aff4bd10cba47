"""`kappa up`: the whole platform in one command."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.messages import message
from kappaflow.cli.server import texts as _texts
from kappaflow.cli.server.settings import add_shared_arguments, server_config

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_shared_arguments(parser)
    parser.add_argument("--kafka-port", type=int, metavar="P", help=message("up.kafka_port"))
    parser.add_argument("--flush", choices=("none", "interval", "group"), help=message("up.flush"))


def run(arguments: argparse.Namespace) -> int:
    """Start everything, print one line when it is ready, and stop on SIGTERM or Ctrl-C."""
    from kappaflow.runtime.logging import log_as_asked
    from kappaflow.server.configuration import LOOPBACK_HOSTS
    from kappaflow.server.supervisor import Supervisor

    log_as_asked("supervisor", level="WARNING")
    config = server_config(arguments)
    if config.listen_host not in LOOPBACK_HOSTS and not config.tls_certificate:
        sys.stderr.write(message("up.unencrypted", host=config.listen_host) + "\n")
    supervisor = Supervisor(config)
    supervisor.start()
    ready = message("up.ready", http=supervisor.http_url, kafka=supervisor.bootstrap_servers)
    sys.stdout.write(ready + "\n")
    sys.stdout.flush()
    supervisor.run_until_stopped()
    return 0
