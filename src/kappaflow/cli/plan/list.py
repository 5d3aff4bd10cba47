"""`kappa plan list`: the plans of this home directory."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument
from kappaflow.ops.contexts import home_directory
from kappaflow.ops.plans import PlanJournal, read_plan
from kappaflow.ops.plans.journal import journal_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print each plan with how far it is, newest first."""
    rows: list[dict[str, object]] = []
    for path in sorted((home_directory() / "plans").glob("*.json"), reverse=True):
        plan = read_plan(path)
        with PlanJournal(plan, journal_path(path)) as journal:
            states = [str(state) for state in journal.states]
        rows.append({"file": str(path), "cluster": plan.cluster, "title": str(plan.title), "states": states})
    if arguments.json:
        print_json(rows)
    else:
        shown = [(row["title"], row["cluster"], _summary(row["states"]), row["file"]) for row in rows]
        print_table(("PLAN", "CLUSTER", "STATE", "FILE"), shown)
    return 0


def _summary(states: object) -> str:
    assert isinstance(states, list)
    return ", ".join(f"{states.count(state)} {message(f'plan.state.{state}')}" for state in dict.fromkeys(states))
