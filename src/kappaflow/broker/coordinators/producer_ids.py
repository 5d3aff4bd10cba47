"""Ids for idempotent producers, unique over the whole life of the data directory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

BLOCK_SIZE = 1000


class ProducerIds:
    """Gives out ids from blocks; only the end of a block is journalled, so a restart skips the rest of one.

    Args:
        write: makes one journal entry durable.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None]) -> None:
        self._write = write
        self._next = 0
        self._block_end = 0

    def next(self) -> int:
        """An id that was never given out before."""
        if self._next >= self._block_end:
            end = self._next + BLOCK_SIZE
            self._write({"type": "producer_ids_reserved", "end": end})
            self._block_end = end
        self._next += 1
        return self._next - 1

    def replay(self, entry: dict[str, Any]) -> None:
        """Apply one journal entry of an earlier run."""
        if entry["type"] == "producer_ids_reserved":
            self._next = self._block_end = entry["end"]

    def snapshot(self) -> list[dict[str, Any]]:
        """The entry that rebuilds this."""
        return [{"type": "producer_ids_reserved", "end": self._block_end}]
