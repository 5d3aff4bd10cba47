"""`kappa plan undo FILE`: take back what a plan did."""

from __future__ import annotations

import argparse

from kappaflow.cli.operations.carrying_out import undo_plan
from kappaflow.cli.plan import target
from kappaflow.ops.plans import read_plan

add_arguments = target.add_arguments


def run(arguments: argparse.Namespace) -> int:
    """Undo the steps that were done or begun, the last one first."""
    plan = read_plan(arguments.path)
    with target.session_of(plan, arguments) as session:
        return undo_plan(session, plan, arguments.path, as_json=arguments.json)
