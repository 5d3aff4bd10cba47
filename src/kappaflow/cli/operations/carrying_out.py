"""Carry out a plan for a person: show it, ask, apply it with progress, verify it, and say how to take it back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kappaflow.cli.messages import message
from kappaflow.cli.operations import texts as _texts
from kappaflow.cli.operations.tables import print_json
from kappaflow.errors import UnsafeError
from kappaflow.ops.contexts import home_directory
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner, StepState, find_action, write_plan
from kappaflow.ops.plans.journal import journal_path
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text

assert _texts
EXIT_DONE, EXIT_FAILED = 0, 1


def add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of every command that changes a cluster."""
    parser.add_argument("--dry-run", action="store_true", help=message("plan.dry_run"))
    parser.add_argument("--plan-file", type=Path, metavar="FILE", help=message("plan.file"))
    parser.add_argument("--confirm", default="", metavar="WORD", help=message("plan.confirm"))


def carry_out(session: OpsSession, plan: Plan, arguments: argparse.Namespace) -> int:
    """Show a plan and, unless asked not to, do it.

    Returns:
        The exit code: 1 where the cluster is not as the plan wanted it.

    Raises:
        UnsafeError: the plan is dangerous and was not confirmed, or is refused.
        KappaError: a step failed; the plan's file says how to go on.
    """
    as_json = getattr(arguments, "json", False)
    if not as_json:
        show_plan(plan)
    if arguments.dry_run:
        if arguments.plan_file:
            write_plan(plan, arguments.plan_file)
        if as_json:
            print_json(plan.to_data())
        else:
            _say("plan.not_done")
            if arguments.plan_file:
                _say("plan.kept", path=arguments.plan_file)
        return EXIT_DONE
    session.require_writable()
    confirm(plan, arguments.confirm)
    path: Path = arguments.plan_file or home_directory() / "plans" / f"{plan.plan_id}.json"
    write_plan(plan, path)
    return apply_plan(session, plan, path, as_json=as_json)


def show_plan(plan: Plan, states: Sequence[StepState] | None = None) -> None:
    """Print what a plan does, and where its steps are."""
    _say("plan.title", title=plan.title, cluster=plan.cluster, steps=len(plan.steps))
    for effect in plan.effects:
        sys.stdout.write(f"  {effect}\n")
    for warning in plan.warnings:
        _say("plan.warning", warning=warning)
    for index, step in enumerate(plan.steps):
        action = find_action(step.action)
        final = "" if action.is_reversible(step.arguments) else "  " + message("plan.final")
        state = "" if states is None else f"  [{message(f'plan.state.{states[index]}')}]"
        sys.stdout.write(f"  {index + 1:>3}. {action.describe(step.arguments)}{final}{state}\n")


def confirm(plan: Plan, given: str) -> None:
    """Ask for the word that a dangerous plan needs.

    Raises:
        UnsafeError: it was not given.
    """
    if not plan.confirmation or given == plan.confirmation:
        return
    if given or not sys.stdin.isatty():
        raise UnsafeError(message("plan.unconfirmed", word=plan.confirmation))
    sys.stdout.write(message("plan.ask", word=plan.confirmation))
    sys.stdout.flush()
    if sys.stdin.readline().strip() != plan.confirmation:
        raise UnsafeError(message("plan.unconfirmed", word=plan.confirmation))


def apply_plan(session: OpsSession, plan: Plan, path: Path, *, as_json: bool = False) -> int:
    """Apply or resume a plan that lies in a file, and verify it."""
    with PlanJournal(plan, journal_path(path)) as journal:
        runner = PlanRunner(session, plan, journal, AuditLog(), None if as_json else _progress(plan))
        try:
            runner.apply()
        except BaseException:
            if any(state is not StepState.PENDING for state in journal.states):
                sys.stderr.write(message("plan.stopped", path=path) + "\n")
            raise
        problems = runner.verify()
    if as_json:
        found = [{"step": p.step + 1, "problem": str(p.problem)} for p in problems]
        print_json({"plan": plan.plan_id, "file": str(path), "problems": found})
    else:
        for problem in problems:
            _say("plan.problem", step=problem.step + 1, problem=problem.problem)
        if not problems:
            final = not all(find_action(step.action).is_reversible(step.arguments) for step in plan.steps)
            _say("plan.done_final" if final else "plan.done", path=path)
    return EXIT_FAILED if problems else EXIT_DONE


def undo_plan(session: OpsSession, plan: Plan, path: Path, *, as_json: bool = False) -> int:
    """Take back what was done of a plan that lies in a file."""
    with PlanJournal(plan, journal_path(path)) as journal:
        PlanRunner(session, plan, journal, AuditLog(), None if as_json else _progress(plan)).undo()
    if as_json:
        print_json({"plan": plan.plan_id, "undone": True})
    else:
        _say("plan.undone", path=path)
    return EXIT_DONE


class _progress:  # noqa: N801 - called like a function
    """Prints each step when it begins and ends; on a terminal long steps update their line."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._last = ""

    def __call__(self, index: int, state: StepState, said: Text | None) -> None:
        step = self._plan.steps[index]
        if said is not None:
            line = f"       {said}"
            if line != self._last:
                sys.stdout.write(f"\r\033[K{line}" if sys.stdout.isatty() else f"{line}\n")
                sys.stdout.flush()
            self._last = line
            return
        if self._last and sys.stdout.isatty():
            sys.stdout.write("\n")
        self._last = ""
        label = message(f"plan.state.{state}")
        sys.stdout.write(
            f"  {index + 1:>3}/{len(self._plan.steps)} {label}: {find_action(step.action).describe(step.arguments)}\n"
        )
        sys.stdout.flush()


def _say(key: str, **values: object) -> None:
    sys.stdout.write(message(key, **values) + "\n")
