"""`kappa plan verify FILE`: compare the cluster with what a plan wanted."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json
from kappaflow.cli.plan import target
from kappaflow.ops.plans import AuditLog, PlanJournal, PlanRunner, read_plan
from kappaflow.ops.plans.journal import journal_path

add_arguments = target.add_arguments


def run(arguments: argparse.Namespace) -> int:
    """Print what is different; 1 where something is."""
    plan = read_plan(arguments.path)
    with (
        target.session_of(plan, arguments) as session,
        PlanJournal(plan, journal_path(arguments.path)) as journal,
    ):
        problems = PlanRunner(session, plan, journal, AuditLog()).verify()
    if arguments.json:
        print_json([{"step": p.step + 1, "problem": str(p.problem)} for p in problems])
    else:
        lines = [message("plan.problem", step=p.step + 1, problem=p.problem) for p in problems]
        sys.stdout.write("\n".join(lines or [message("plan.verified")]) + "\n")
    return 1 if problems else 0
