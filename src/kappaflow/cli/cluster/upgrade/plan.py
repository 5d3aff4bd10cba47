"""`kappa cluster upgrade plan`: the way to another version as a plan in a file; nothing is changed."""

from __future__ import annotations

import argparse

from kappaflow.cli.cluster.upgrade import carry
from kappaflow.cli.operations.carrying_out import carry_out
from kappaflow.cli.operations.target import open_session
from kappaflow.ops.contexts import home_directory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    carry.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and keep the plan."""
    with open_session(arguments) as session:
        plan = carry.make_plan(session, arguments)
        arguments.dry_run = True
        arguments.plan_file = arguments.plan_file or home_directory() / "plans" / f"{plan.plan_id}.json"
        return carry_out(session, plan, arguments)
