"""Ask all members of a group to end.

    join ─▶ join again, and say so ─▶ the leader gives everybody an assignment that says so ─▶ the others leave
                                                                       the one that asked stays until all have left

Who has not got its assignment when a member leaves joins once more, and hears it then, as the one that asked says it
again.
Source: KIP-671
"""

from __future__ import annotations

import time

from kappaflow.client.connection import ClientConfig, Connection
from kappaflow.client.groups import describe_group
from kappaflow.client.membership import GroupMembership
from kappaflow.errors import ShutdownRequested
from kappaflow.streams.execution.task_assignor import TaskAssignor, ends_all

LOOK_SECONDS = 0.2


class ShuttingDown:
    """What a member does when it is told that all are to end, or is the one that asks.

    Args:
        asks: it is that one, and takes no tasks.
        session_timeout_ms: a member that does not leave for so long has died.
    """

    def __init__(self, config: ClientConfig, group_id: str, session_timeout_ms: int, *, asks: bool) -> None:
        self.asks = asks
        self._config = config
        self._group_id = group_id
        self._patience_seconds = session_timeout_ms / 1000
        self._heard_at: float | None = None
        self._looked_at = 0.0

    def assigned(self, assignment: bytes, assignor: TaskAssignor, membership: GroupMembership) -> bool:
        """Take an assignment; tell whether it is taken, so that nothing of it is to be opened.

        Raises:
            ShutdownRequested: another member asks all to end.
        """
        if ends_all(assignment):
            if not self.asks:
                raise self._over()
            self._heard_at = self._heard_at or time.monotonic()
        elif self.asks:
            assignor.shuts_down = True
            membership.request_rejoin()  # what a member tells counts from its next join on
        return self.asks

    def check(self) -> None:
        """Look now and then whether the others have left.

        Raises:
            ShutdownRequested: they have, or have died.
        """
        now = time.monotonic()
        if self._heard_at is None or now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        with Connection(self._config, "shutting-down") as connection:
            left = len(describe_group(connection, self._group_id).members)
        if left <= 1 or now - self._heard_at > self._patience_seconds:
            raise self._over()

    def _over(self) -> ShutdownRequested:
        return ShutdownRequested(f"An instance has asked all of {self._group_id} to end.")
