"""`kappa reassign balance`: level replicas and leadership over all brokers."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import carry_out
from kappaflow.cli.operations.target import open_session
from kappaflow.cli.reassign.options import add_move_arguments, move_options
from kappaflow.ops.reassignment import plan_balance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=message("reassign_balance.topics"))
    add_move_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        plan = plan_balance(session, arguments.topics or None, move_options(session, arguments))
        return carry_out(session, plan, arguments)
