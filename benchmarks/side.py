"""What a side is: one system on one workload, started, asked and ended by the same calls."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from kappaflow.runtime.closing import Closing

CACHE_BYTES = 10 << 20
LARGE_CACHE_BYTES = 512 << 20  # holds all keys of every workload: nothing is written before the commit


class Side(Closing):
    """One run of one side; a context that closes it.

    Attributes:
        name: what the results call it.
        group: part of the name of its consumer group.
    """

    name: str
    group: str

    @abstractmethod
    def start(self, topics: Sequence[str], caching: bool) -> None:
        """Start reading the topics from their beginnings."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """The root of its process tree."""

    @abstractmethod
    def processed(self) -> float | None:
        """Records read and processed so far, by its own count; None where it has none.

        Raises:
            RuntimeError: it has ended, or failed.
        """

    @abstractmethod
    def close(self) -> None:
        """End it and remove what it kept."""
