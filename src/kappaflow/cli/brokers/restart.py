"""`kappa brokers restart`: restart servers one by one, each only when nothing becomes unwritable without it."""

from __future__ import annotations

import argparse

from kappaflow.cli.brokers.options import add_rolling_arguments
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import carry_out
from kappaflow.cli.operations.target import open_session
from kappaflow.ops.brokers.restart import plan_restart


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("nodes", nargs="*", type=int, metavar="ID", help=message("brokers.nodes"))
    add_rolling_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        plan = plan_restart(session, arguments.nodes or None, force=arguments.force, timeout_s=arguments.gate_timeout)
        return carry_out(session, plan, arguments)
