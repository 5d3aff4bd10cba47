"""The face of one kind of step, and the table of all kinds.

A family of actions registers itself in its module; the table below says which module knows a name, so that a plan read
from a file finds its actions without loading the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, Protocol

from kappaflow.errors import PlanError
from kappaflow.ops.plans import texts as _texts
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, message

assert _texts

Arguments = Mapping[str, Any]
Progress = Callable[[Text], None]
"""Told where a long step is."""


class Action(Protocol):
    """One kind of change to a cluster.

    Every method may be called again after a crash at any point, with the same arguments.
    """

    @property
    def name(self) -> str:
        """Its name in plans, such as ``topic.create``."""
        ...

    def describe(self, arguments: Arguments) -> Text:
        """What a step does, in one line."""
        ...

    def is_reversible(self, arguments: Arguments) -> bool:
        """Whether `undo` can bring back what was before."""
        ...

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Why the step must not be done now; empty where nothing is against it."""
        ...

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """What `undo` will need to know, as JSON values; kept durably before `apply` is called."""
        ...

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether the cluster is already as the step wants it."""
        ...

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Make the change and wait for it."""
        ...

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """What is not as the step wanted it; empty where all is."""
        ...

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Bring back what was before; also where `apply` was only begun."""
        ...


class ReversibleAction:
    """What most actions have in common: nothing is against them, and `undo` finds all it needs in the arguments.

    The others say in their own `check`, `capture` and `is_reversible` what is different.
    """

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Nothing is against it."""
        return []

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Nothing."""
        return {}


_PACKAGES = {
    "topic": "kappaflow.ops.topics",
    "records": "kappaflow.ops.topics",
    "config": "kappaflow.ops.configs",
    "group": "kappaflow.ops.groups",
    "reassign": "kappaflow.ops.reassignment",
    "disk": "kappaflow.ops.disk",
    "transaction": "kappaflow.ops.transactions",
    "acl": "kappaflow.ops.acls",
    "quota": "kappaflow.ops.users",
    "user": "kappaflow.ops.users",
    "zookeeper": "kappaflow.ops.zookeeper",
    "quorum": "kappaflow.ops.quorum",
    "broker": "kappaflow.ops.brokers",
    "node": "kappaflow.ops.brokers",
    "upgrade": "kappaflow.ops.upgrade",
    "migration": "kappaflow.ops.migration",
}
"""The package of each family, by the first word of its actions' names and of its texts' keys.

It has a module ``actions``, which registers the actions, and a module ``texts``.
"""

ACTIONS: dict[str, Action] = {}


def register_actions(*actions: Action) -> None:
    """Add a family of actions to the table."""
    ACTIONS.update({action.name: action for action in actions})


def load_texts(keys: Iterable[str]) -> None:
    """Load the texts of families that a plan from a file speaks of.

    Raises:
        PlanError: there is no such family.
    """
    for family in sorted({key.partition(".")[0] for key in keys}):
        if family not in _PACKAGES:
            raise PlanError(message("plans.no_texts", family=family))
        import_module(f"{_PACKAGES[family]}.texts")


def find_action(name: str) -> Action:
    """The action of a name.

    Raises:
        PlanError: there is none.
    """
    package = _PACKAGES.get(name.partition(".")[0])
    if name not in ACTIONS and package is not None:
        import_module(f"{package}.actions")
    if name not in ACTIONS:
        raise PlanError(message("plans.no_action", name=name))
    return ACTIONS[name]
