"""How far a plan is: one JSON line an event beside the plan, durable before and after every step.

    PENDING ──start──▶ STARTED ──finish──▶ DONE ──undo──▶ UNDOING ──undone──▶ UNDONE
                          └──────────────undo──────────────┘

A line that a crash cut off is the last one and is not counted.
"""

from __future__ import annotations

import fcntl
import json
import os
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from kappaflow.errors import PlanError
from kappaflow.ops.plans import texts as _texts
from kappaflow.ops.plans.plan import Plan
from kappaflow.runtime.messages import message

assert _texts


class StepState(StrEnum):
    """Where one step is."""

    PENDING = "pending"
    STARTED = "started"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


TRANSITIONS: dict[StepState, frozenset[StepState]] = {
    StepState.PENDING: frozenset({StepState.STARTED}),
    StepState.STARTED: frozenset({StepState.DONE, StepState.UNDOING}),
    StepState.DONE: frozenset({StepState.UNDOING}),
    StepState.UNDOING: frozenset({StepState.UNDONE}),
    StepState.UNDONE: frozenset({StepState.STARTED}),
}


def journal_path(plan_path: Path) -> Path:
    """The journal of a plan: beside its file."""
    return plan_path.with_name(plan_path.name + ".journal")


class PlanJournal:
    """The events of one plan; held by one process at a time.

    Attributes:
        states: of the steps, by their place in the plan.
        captured: what each started step has noted for its undoing.
    """

    def __init__(self, plan: Plan, path: Path) -> None:
        """Open or begin the journal.

        Args:
            plan: whose events these are.
            path: the journal's file.

        Raises:
            PlanError: another process works on this plan, or the plan was edited since it was begun.
        """
        self.states = [StepState.PENDING] * len(plan.steps)
        self.captured: dict[int, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file: IO[str] = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise PlanError(message("plans.taken", path=path)) from error
        try:
            self._read(plan)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> PlanJournal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, plan: Plan) -> None:
        self._file.seek(0)
        content = self._file.read()
        whole, _, torn = content.rpartition("\n")
        if torn:
            self._file.truncate(len((whole + "\n").encode()) if whole else 0)
        lines = whole.splitlines()
        if not lines:
            self._write({"event": "begin", "plan_id": plan.plan_id, "digest": plan.digest()})
            return
        for line in lines:
            self._take(json.loads(line), plan)

    def _take(self, event: dict[str, Any], plan: Plan) -> None:
        if event["event"] == "begin":
            if event["digest"] != plan.digest():
                raise PlanError(message("plans.edited", plan_id=plan.plan_id, path=self._path))
            return
        self.states[event["step"]] = StepState(event["state"])
        if "captured" in event:
            self.captured[event["step"]] = event["captured"]

    def move(self, step: int, state: StepState, captured: dict[str, Any] | None = None) -> None:
        """Note that a step enters a state; durable when this returns.

        Raises:
            PlanError: the step cannot enter it from where it is.
        """
        if state not in TRANSITIONS[self.states[step]]:
            raise PlanError(message("plans.no_transition", step=step + 1, now=self.states[step], state=state))
        event: dict[str, Any] = {"event": "step", "step": step, "state": str(state)}
        if captured is not None:
            event["captured"] = captured
            self.captured[step] = captured
        self._write(event)
        self.states[step] = state

    def _write(self, event: dict[str, Any]) -> None:
        self._file.seek(0, os.SEEK_END)
        self._file.write(json.dumps(event, ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let another process work on the plan."""
        self._file.close()
