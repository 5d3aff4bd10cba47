"""`kappa users list`: who can log on by SCRAM."""

from __future__ import annotations

import argparse

from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the users."""
    with open_session(arguments) as session:
        users = session.admin.users.list()
    if arguments.json:
        print_json(users)
    else:
        rows = [(user, mechanism, count) for user, found in users.items() for mechanism, count in found.items()]
        print_table(("USER", "MECHANISM", "ITERATIONS"), rows, right=(2,))
    return 0
