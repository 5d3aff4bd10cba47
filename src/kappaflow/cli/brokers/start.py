"""`kappa brokers start ID ...`: start servers that are stopped, and wait until they are in sync."""

from __future__ import annotations

import argparse

from kappaflow.cli.brokers import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.brokers.restart import plan_start

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("nodes", nargs="+", type=int, metavar="ID", help=message("brokers.node"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        return carry_out(session, plan_start(session, arguments.nodes), arguments)
