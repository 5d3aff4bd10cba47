"""What one look at a cluster gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from kappaflow.errors import KappaError


class Series(NamedTuple):
    """One figure that is looked at again and again: its name and its labels, sorted by name."""

    metric: str
    labels: tuple[tuple[str, str], ...] = ()

    def label(self, name: str) -> str:
        """The value of a label; empty where it has none of the name."""
        return next((value for key, value in self.labels if key == name), "")

    def __str__(self) -> str:
        return self.metric + ("{" + ",".join(f"{k}={v}" for k, v in self.labels) + "}" if self.labels else "")


def series(metric: str, **labels: object) -> Series:
    """A series by name and labels.

    >>> str(series("kappa_broker_leaders", broker=3))
    'kappa_broker_leaders{broker=3}'
    """
    return Series(metric, tuple((name, str(value)) for name, value in sorted(labels.items())))


@dataclass
class Snapshot:
    """Everything that one look saw.

    Attributes:
        at_ms: when it began, in ms since the epoch.
        values: the figures.
        missing: why a part could not be looked at, by the part's name.
        seconds: how long each part took.
    """

    at_ms: int
    values: dict[Series, float] = field(default_factory=dict[Series, float])
    missing: dict[str, str] = field(default_factory=dict[str, str])
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def put(self, metric: str, value: float, **labels: object) -> None:
        """Note a figure."""
        self.values[series(metric, **labels)] = float(value)

    def get(self, metric: str, **labels: object) -> float | None:
        """A figure; None where it was not seen."""
        return self.values.get(series(metric, **labels))

    def attempt(self, part: str, look: Callable[[], None], clock: Callable[[], float]) -> bool:
        """Look at a part; a failure is noted, and nothing else is lost by it.

        Args:
            part: its name.
            look: notes its figures, all or none.
            clock: seconds that never go back.
        """
        started = clock()
        try:
            look()
        except KappaError as error:
            self.missing[part] = str(error)
        self.seconds[part] = clock() - started
        return part not in self.missing
