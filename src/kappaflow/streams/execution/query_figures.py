"""Live figures of a query in one worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from kappaflow.streams.execution.restore import RestoreProgress
from kappaflow.streams.execution.sensors import ThreadSensors

State = Literal["CREATED", "REBALANCING", "RESTORING", "RUNNING", "PAUSED", "ERROR", "STOPPED"]


class ChangelogPosition(NamedTuple):
    """How far a store has its changelog, as of the last commit."""

    store: str
    topic: str
    partition: int
    offset: int


class QueryFigures:
    """Live figures of a query in one worker.

    Attributes:
        sensors: how often and how long it processes, polls, commits and punctuates.
        on_state: called when the state has changed; in the thread that changed it.
    """

    def __init__(self) -> None:
        self._state: State = "CREATED"
        self.on_state: Callable[[], None] | None = None
        self.error = ""
        self.restarts = 0
        self.records = 0
        self.records_per_second = 0.0
        self.tasks = 0
        self.lag_records = 0
        self.commits = 0
        self.restore = RestoreProgress()
        self.sensors = ThreadSensors()
        self.dropped: dict[str, int] = {}
        self.problems: list[str] = []
        self.changelogs: list[ChangelogPosition] = []

    @property
    def state(self) -> State:
        """What the query does."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        changed, self._state = state != self._state, state
        if changed and self.on_state is not None:
            self.on_state()
