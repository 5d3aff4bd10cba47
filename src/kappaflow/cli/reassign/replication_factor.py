"""`kappa reassign replication-factor N TOPIC...`: another number of replicas, leaders unchanged."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import carry_out
from kappaflow.cli.operations.target import open_session
from kappaflow.cli.reassign.options import add_move_arguments, move_options
from kappaflow.ops.reassignment import plan_replication_factor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("factor", type=int, metavar="N", help=message("reassign_factor.factor"))
    parser.add_argument("topics", nargs="+", metavar="TOPIC", help=message("reassign_factor.topics"))
    add_move_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        plan = plan_replication_factor(session, arguments.topics, arguments.factor, move_options(session, arguments))
        return carry_out(session, plan, arguments)
