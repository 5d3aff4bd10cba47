"""Plans: changes as data.

    Plan (what, why, steps) ── show ──▶ Runner ── capture, apply, journal each step ──▶ verify
                                          │                                              │
                                          └── resume after a crash                       └── undo, backwards

    plan.py      the data, and its file
    action.py    the face of one kind of step, and the table of all kinds
    journal.py   how far a plan is; durable before and after every step
    runner.py    apply, resume, verify, undo
    audit.py     who changed what: a chain of hashes, one JSON line an event

A step is done by an action that can be repeated: after a crash nobody knows whether it had reached the cluster.
"""

from kappaflow.ops.plans.action import ACTIONS, Action, find_action, register_actions
from kappaflow.ops.plans.audit import AuditLog
from kappaflow.ops.plans.journal import PlanJournal, StepState
from kappaflow.ops.plans.plan import Plan, Step, new_plan, read_plan, write_plan
from kappaflow.ops.plans.runner import PlanRunner, StepProblem

__all__ = [
    "ACTIONS",
    "Action",
    "AuditLog",
    "Plan",
    "PlanJournal",
    "PlanRunner",
    "Step",
    "StepProblem",
    "StepState",
    "find_action",
    "new_plan",
    "read_plan",
    "register_actions",
    "write_plan",
]
