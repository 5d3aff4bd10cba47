"""`kappa reassign cancel`: cancel all reassignments under way."""

from __future__ import annotations

import argparse

from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.reassignment import plan_cancel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        return carry_out(session, plan_cancel(session), arguments)
