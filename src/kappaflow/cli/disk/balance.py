"""`kappa disk balance BROKER`: level the directories of a broker."""

from __future__ import annotations

import argparse

from kappaflow.cli.disk import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.disk import plan_balance_directories

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("broker", type=int, metavar="BROKER", help=message("disk.broker_option"))
    parser.add_argument("--batch", type=int, default=10, metavar="N", help=message("disk_balance.batch"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        plan = plan_balance_directories(session, arguments.broker, max(1, arguments.batch))
        return carry_out(session, plan, arguments)
