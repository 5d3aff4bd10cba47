"""`kappa plan resume FILE`: go on with a plan that was interrupted."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import apply_plan
from kappaflow.cli.plan import target
from kappaflow.errors import UsageError
from kappaflow.ops.plans import read_plan
from kappaflow.ops.plans.journal import journal_path

add_arguments = target.add_arguments


def run(arguments: argparse.Namespace) -> int:
    """Do what is not done yet; who began the plan has confirmed it."""
    plan = read_plan(arguments.path)
    if not journal_path(arguments.path).exists():
        raise UsageError(message("plan_resume.not_begun", path=arguments.path))
    with target.session_of(plan, arguments) as session:
        return apply_plan(session, plan, arguments.path, as_json=arguments.json)
