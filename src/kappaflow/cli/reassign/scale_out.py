"""`kappa reassign scale-out BROKER...`: give new brokers their share of replicas."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import carry_out
from kappaflow.cli.operations.target import open_session
from kappaflow.cli.reassign.options import add_move_arguments, broker_ids, move_options
from kappaflow.ops.reassignment import plan_scale_out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("brokers", nargs="+", metavar="BROKER", help=message("reassign_scale_out.brokers"))
    add_move_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        plan = plan_scale_out(session, broker_ids(arguments.brokers), move_options(session, arguments))
        return carry_out(session, plan, arguments)
