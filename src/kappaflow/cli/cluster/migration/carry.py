"""`kappa cluster migrate`: bring a cluster with ZooKeeper to the next phase on its way to KRaft."""

from __future__ import annotations

import argparse

from kappaflow.cli.brokers.options import add_rolling_arguments
from kappaflow.cli.cluster.migration import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import carry_out
from kappaflow.cli.operations.target import open_session
from kappaflow.ops.migration import Phase, plan_migration

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    phases = [str(phase) for phase in Phase if phase is not Phase.ZOOKEEPER]
    parser.add_argument("--to", choices=phases, default="", metavar="PHASE", help=message("cluster_migrate.to"))
    add_rolling_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    to = Phase(arguments.to) if arguments.to else None
    with open_session(arguments) as session:
        plan = plan_migration(session, to, force=arguments.force, timeout_s=arguments.gate_timeout)
        return carry_out(session, plan, arguments)
