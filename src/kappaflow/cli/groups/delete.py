"""`kappa groups delete NAME`: delete an empty group."""

from __future__ import annotations

import argparse

from kappaflow.cli.groups import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.groups import plan_delete

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("names", nargs="+", metavar="GROUP", help=message("groups.name"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        return carry_out(session, plan_delete(session, *arguments.names), arguments)
