"""``kappa transactions terminate``: end an open transaction everywhere and fence its producer."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.transactions import texts as _texts
from kappaflow.ops.transactions import plan_terminate

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("transactional_id", metavar="ID", help=message("transactions.id"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        return carry_out(session, plan_terminate(session, arguments.transactional_id), arguments)
