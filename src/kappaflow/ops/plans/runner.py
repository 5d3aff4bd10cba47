"""Apply, resume, verify and undo a plan.

Every step is journalled before it touches the cluster and after it has. A step that a crash left between is asked
whether the cluster is as it wants it, and applied again where not: actions can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kappaflow.errors import BrokerUnreachable, PlanError, UnsafeError
from kappaflow.ops.plans import texts as _texts
from kappaflow.ops.plans.action import Action, find_action
from kappaflow.ops.plans.audit import AuditLog
from kappaflow.ops.plans.journal import PlanJournal, StepState
from kappaflow.ops.plans.plan import Plan, Step
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, message

assert _texts

StepProgress = Callable[[int, StepState, Text | None], None]
"""Told of each step by its place: the state it is in, and what it says about a long piece of work."""


class StepProblem(NamedTuple):
    """What a step, by its place in the plan, is not as it was meant to be."""

    step: int
    problem: Text


def _no_progress(_step: int, _state: StepState, _text: Text | None) -> None:
    """Nobody watches."""


class PlanRunner:
    """One plan on its cluster."""

    def __init__(
        self,
        session: OpsSession,
        plan: Plan,
        journal: PlanJournal,
        audit: AuditLog,
        progress: StepProgress | None = None,
    ) -> None:
        """Look at the plan; nothing is changed.

        Args:
            session: the cluster.
            plan: what to do.
            journal: how far it is.
            audit: where it is noted who did it.
            progress: told of every step.

        Raises:
            PlanError: the plan is for another cluster, or has an action that is not known.
        """
        self._session = session
        self._plan = plan
        self._journal = journal
        self._audit = audit
        self._progress = progress or _no_progress
        self._actions = [find_action(step.action) for step in plan.steps]

    def _require_same_cluster(self) -> None:
        if not self._plan.cluster_id:
            return
        try:
            found = self._session.admin.describe().cluster_id
        except BrokerUnreachable:
            if all(state is StepState.PENDING for state in self._journal.states):
                raise
            return  # it was the right one when the plan was begun, and may be what the plan has stopped
        if found != self._plan.cluster_id:
            raise PlanError(
                message(
                    "plans.other_cluster",
                    plan_id=self._plan.plan_id,
                    cluster_id=self._plan.cluster_id,
                    bootstrap_servers=self._session.context.bootstrap_servers,
                    found=found,
                )
            )

    def apply(self) -> None:
        """Do what is not done yet, in order. Also goes on after a crash.

        Raises:
            UnsafeError: the cluster is read-only, or something is against a step now; what was done before stays.
            PlanError: the plan does not fit the cluster, or was undone already.
            KappaError: a step failed; it can be resumed or undone.
        """
        self._session.require_writable()
        self._require_same_cluster()
        states = self._journal.states
        if StepState.UNDOING in states:
            raise PlanError(message("plans.being_undone", plan_id=self._plan.plan_id))
        if states and all(state is StepState.UNDONE for state in states):
            raise PlanError(message("plans.undone", plan_id=self._plan.plan_id))
        self._note("plan.apply")
        for index, (step, action) in enumerate(zip(self._plan.steps, self._actions, strict=True)):
            if states[index] is not StepState.DONE:
                self._apply_step(index, step, action)
        self._note("plan.applied")

    def _apply_step(self, index: int, step: Step, action: Action) -> None:
        session, arguments = self._session, step.arguments
        resumed = self._journal.states[index] is StepState.STARTED
        if not resumed or not action.is_applied(session, arguments):
            against = action.check(session, arguments)
            if against:
                reasons = "; ".join(str(reason) for reason in against)
                raise UnsafeError(
                    message("plans.refused", step=index + 1, action=action.describe(arguments), reasons=reasons)
                )
            if not resumed:
                self._journal.move(index, StepState.STARTED, action.capture(session, arguments))
            self._progress(index, StepState.STARTED, None)
            crash_point("plan.step.started")
            action.apply(session, arguments, lambda text: self._progress(index, StepState.STARTED, text))
            crash_point("plan.step.applied")
        self._journal.move(index, StepState.DONE)
        self._progress(index, StepState.DONE, None)
        crash_point("plan.step.done")

    def verify(self) -> list[StepProblem]:
        """What the done steps are not, or no longer; empty where the cluster is as the plan wanted it."""
        problems: list[StepProblem] = []
        for index, (step, action) in enumerate(zip(self._plan.steps, self._actions, strict=True)):
            if self._journal.states[index] is StepState.DONE:
                found = action.verify(self._session, step.arguments)
                problems += [StepProblem(index, problem) for problem in found]
        return problems

    def undo(self) -> None:
        """Take back what was done or begun, the last step first. Also goes on after a crash.

        Raises:
            UnsafeError: a step that was begun cannot be taken back; nothing was undone then.
            PlanError: nothing was done yet, or the plan does not fit the cluster.
            KappaError: a step failed; the undoing can be repeated.
        """
        self._session.require_writable()
        self._require_same_cluster()
        begun = [
            index
            for index, state in enumerate(self._journal.states)
            if state in (StepState.STARTED, StepState.DONE, StepState.UNDOING)
        ]
        if not begun:
            raise PlanError(message("plans.nothing_done", plan_id=self._plan.plan_id))
        final = [i for i in begun if not self._actions[i].is_reversible(self._plan.steps[i].arguments)]
        if final:
            names = "; ".join(str(self._actions[i].describe(self._plan.steps[i].arguments)) for i in final)
            raise UnsafeError(message("plans.final", names=names))
        self._note("plan.undo")
        for index in reversed(begun):
            self._undo_step(index)
        self._note("plan.undone")

    def _undo_step(self, index: int) -> None:
        step, action = self._plan.steps[index], self._actions[index]
        if self._journal.states[index] is not StepState.UNDOING:
            self._journal.move(index, StepState.UNDOING)
        self._progress(index, StepState.UNDOING, None)
        crash_point("plan.step.undoing")
        captured = self._journal.captured.get(index, {})
        action.undo(
            self._session, step.arguments, captured, lambda text: self._progress(index, StepState.UNDOING, text)
        )
        crash_point("plan.step.taken-back")
        self._journal.move(index, StepState.UNDONE)
        self._progress(index, StepState.UNDONE, None)

    def _note(self, event: str) -> None:
        self._audit.append(
            event,
            {
                "plan_id": self._plan.plan_id,
                "title": str(self._plan.title),
                "cluster": self._session.context.name,
                "cluster_id": self._plan.cluster_id,
                "digest": self._plan.digest(),
                "states": [str(state) for state in self._journal.states],
            },
        )
