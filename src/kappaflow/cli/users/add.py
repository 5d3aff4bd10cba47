"""`kappa users add NAME`: give a user a password, or another one."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.users import texts as _texts
from kappaflow.ops.admin.user_faces import SCRAM_MECHANISMS
from kappaflow.ops.users import plan_add_user
from kappaflow.ops.users.passwords import ITERATIONS

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", metavar="NAME", help=message("users.name"))
    parser.add_argument("--password-file", default="", metavar="FILE", help=message("users_add.password_file"))
    mechanisms = tuple(SCRAM_MECHANISMS)
    parser.add_argument("--mechanism", action="append", choices=mechanisms, help=message("users.mechanism"))
    parser.add_argument("--iterations", type=int, default=ITERATIONS, metavar="N", help=message("users_add.iterations"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    mechanisms = arguments.mechanism or list(SCRAM_MECHANISMS)
    with open_session(arguments) as session:
        plan = plan_add_user(
            session,
            arguments.name,
            mechanisms,
            password_file=arguments.password_file,
            iterations=arguments.iterations,
        )
        return carry_out(session, plan, arguments)
