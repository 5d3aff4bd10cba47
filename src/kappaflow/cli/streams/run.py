"""`kappa streams run`: a topology as an application, until it is told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from kappaflow.cli.messages import message
from kappaflow.cli.streams.target import load_topology
from kappaflow.errors import StreamsError, UsageError
from kappaflow.streams import KafkaStreams

LOOK_SECONDS = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("target", metavar="TARGET", help=message("streams.target"))
    parser.add_argument("--application-id", required=True, metavar="ID", help=message("streams.application_id"))
    parser.add_argument(
        "--bootstrap-servers", default="127.0.0.1:9092", metavar="HOSTS", help=message("streams.bootstrap")
    )
    parser.add_argument(
        "--state-dir", type=Path, default=Path(".kappa-streams"), metavar="D", help=message("streams_run.state_dir")
    )
    parser.add_argument("--threads", type=int, metavar="N", help=message("streams_run.threads"))
    parser.add_argument(
        "--guarantee",
        choices=["at_least_once", "exactly_once_v2"],
        help=message("streams_run.guarantee"),
    )
    parser.add_argument("--commit-interval-ms", type=int, metavar="MS", help=message("streams_run.commit_interval"))
    parser.add_argument("--from", dest="reset", choices=["earliest", "latest"], help=message("streams_run.from"))
    parser.add_argument("--replication-factor", type=int, metavar="N", help=message("streams_run.replicas"))
    parser.add_argument(
        "--property", action="append", default=[], metavar="NAME=VALUE", help=message("streams_run.property")
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or Ctrl-C, commit, and end; 1 when the application failed."""
    if arguments.threads is not None and arguments.threads < 1:
        raise UsageError(message("streams_run.bad_threads", threads=arguments.threads))
    topology = load_topology(arguments.target)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    streams = KafkaStreams.from_properties(
        topology,
        _properties(arguments),
    )
    with streams:
        said = False
        while not stopping.wait(LOOK_SECONDS):
            state = streams.state
            if state == "ERROR":
                raise StreamsError(
                    message("streams_run.failed", application=arguments.application_id, why=streams.error)
                )
            if state == "RUNNING" and not said:
                said = True
                sys.stdout.write(message("streams_run.ready", application=arguments.application_id) + "\n")
                sys.stdout.flush()
    sys.stdout.write(message("streams_run.stopped", application=arguments.application_id) + "\n")
    return 0


def _properties(arguments: argparse.Namespace) -> dict[str, str]:
    """The settings by Kafka Streams' names; options of the command go before them where they were given."""
    found: dict[str, str] = {}
    for given in arguments.property:
        name, equals, value = given.partition("=")
        if not equals or not name:
            raise UsageError(message("streams_run.bad_property", given=given))
        found[name] = value
    options = {
        "application.id": arguments.application_id,
        "bootstrap.servers": arguments.bootstrap_servers,
        "state.dir": arguments.state_dir,
        "num.stream.threads": arguments.threads,
        "processing.guarantee": arguments.guarantee,
        "commit.interval.ms": arguments.commit_interval_ms,
        "auto.offset.reset": arguments.reset,
        "replication.factor": arguments.replication_factor,
    }
    return found | {name: str(value) for name, value in options.items() if value is not None}
