"""`kappa users remove NAME`: take a user's passwords away."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.users import texts as _texts
from kappaflow.ops.admin.user_faces import SCRAM_MECHANISMS
from kappaflow.ops.users import plan_remove_user

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", metavar="NAME", help=message("users.name"))
    mechanisms = tuple(SCRAM_MECHANISMS)
    parser.add_argument("--mechanism", action="append", choices=mechanisms, help=message("users.mechanism"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        return carry_out(session, plan_remove_user(session, arguments.name, arguments.mechanism), arguments)
