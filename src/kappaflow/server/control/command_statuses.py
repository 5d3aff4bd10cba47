"""What became of the statements that changed something, by the ids that their answers gave.

An id is ``type/`NAME`/action``; a later statement with the same id takes the place of the earlier one.
"""

from __future__ import annotations

import threading
from typing import Any

from kappaflow.server.control.command_topic import Outcome
from kappaflow.server.control.entities import command_id

STATUSES_MAX = 10_000
Status = dict[str, Any]


class CommandStatuses:
    """The latest status by id; the oldest are forgotten when there are very many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Status] = {}

    def record(self, outcome: Outcome) -> None:
        """Take in what replaying a command gave."""
        kind, _, rest = outcome.key.partition("/")
        name, _, action = rest.rpartition("/")
        if not action:
            return  # the record is no command
        plan = outcome.plan
        status: Status = {
            "status": "SUCCESS" if plan is not None else "ERROR",
            "message": plan.message if plan is not None else str(outcome.error),
            "queryId": plan.query.id if plan is not None and plan.query is not None else None,
        }
        with self._lock:
            found = command_id((kind, name, action))
            self._known.pop(found, None)
            self._known[found] = status
            if len(self._known) > STATUSES_MAX:
                del self._known[next(iter(self._known))]

    def all(self) -> dict[str, str]:
        """Return what became of each."""
        with self._lock:
            return {name: status["status"] for name, status in self._known.items()}

    def find(self, text: str) -> Status | None:
        """Return the status of an id, whose name may be written with or without back-quotes."""
        wanted = text.replace("`", "")
        with self._lock:
            return next((s for name, s in reversed(self._known.items()) if name.replace("`", "") == wanted), None)
