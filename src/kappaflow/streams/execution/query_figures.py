"""Live figures of a query in one worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from kappaflow.streams.execution.restore import RestoreProgress

State = Literal["CREATED", "REBALANCING", "RESTORING", "RUNNING", "PAUSED", "ERROR", "STOPPED"]


class ChangelogPosition(NamedTuple):
    """How far a store has its changelog, as of the last commit."""

    store: str
    topic: str
    partition: int
    offset: int


@dataclass(slots=True)
class QueryFigures:
    """Live figures of a query in one worker."""

    state: State = "CREATED"
    error: str = ""
    restarts: int = 0
    records: int = 0
    records_per_second: float = 0.0
    tasks: int = 0
    lag_records: int = 0
    commits: int = 0
    restore: RestoreProgress = field(default_factory=RestoreProgress)
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    problems: list[str] = field(default_factory=list[str])
    changelogs: list[ChangelogPosition] = field(default_factory=list[ChangelogPosition])
