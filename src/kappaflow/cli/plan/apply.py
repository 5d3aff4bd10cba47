"""`kappa plan apply FILE`: do what a plan says."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import apply_plan, confirm, show_plan
from kappaflow.cli.plan import target
from kappaflow.ops.plans import read_plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    target.add_arguments(parser)
    parser.add_argument("--confirm", default="", metavar="WORD", help=message("plan.confirm"))


def run(arguments: argparse.Namespace) -> int:
    """Show the plan, ask where it is dangerous, and do it."""
    plan = read_plan(arguments.path)
    if not arguments.json:
        show_plan(plan)
    confirm(plan, arguments.confirm)
    with target.session_of(plan, arguments) as session:
        return apply_plan(session, plan, arguments.path, as_json=arguments.json)
