"""`kappa plan show FILE`: what a plan does and how far it is."""

from __future__ import annotations

import argparse

from kappaflow.cli.operations.carrying_out import show_plan
from kappaflow.cli.operations.tables import print_json
from kappaflow.cli.plan import target
from kappaflow.ops.plans import PlanJournal, read_plan
from kappaflow.ops.plans.journal import journal_path

add_arguments = target.add_arguments


def run(arguments: argparse.Namespace) -> int:
    """Print the plan; nothing is changed and no cluster is asked."""
    plan = read_plan(arguments.path)
    states = None
    if journal_path(arguments.path).exists():
        with PlanJournal(plan, journal_path(arguments.path)) as journal:
            states = list(journal.states)
    if arguments.json:
        print_json(plan.to_data() | {"states": None if states is None else [str(state) for state in states]})
    else:
        show_plan(plan, states)
    return 0
