"""Regrouping of tables in the streams library: the selector gives a new key and a new value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.errors import StreamsError
from kappaflow.streams.processors.base import Processor, TaskContext
from kappaflow.streams.record import Change, Record

Pair = tuple[Any, Any]


class RegroupTableProcessor(Processor):
    """Sends each change of a table to its old and its new group.

    Where both are the same one record carries both values; otherwise the subtraction comes first.  A null key or
    value leaves that half out.

    Args:
        latest_only: changes of a versioned table that are not its latest are left out.
    """

    def __init__(
        self, name: str, context: TaskContext, selector: Callable[[Any, Any], Any], *, latest_only: bool = False
    ) -> None:
        super().__init__(name, context)
        self._selector = selector
        self._latest_only = latest_only

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the subtraction and the addition."""
        if record.key is None:
            raise StreamsError(f"{self.name} got a row without a key; tables have none.")
        change: Change = record.value
        if self._latest_only and not change.is_latest:
            return
        new, old = self._pair(record.key, change.new), self._pair(record.key, change.old)
        if new is not None and old is not None and new[0] == old[0]:
            self._forward(record, new[0], Change(new[1], old[1], change.is_latest))
            return
        if old is not None:
            self._forward(record, old[0], Change(None, old[1], change.is_latest))
        if new is not None:
            self._forward(record, new[0], Change(new[1], None, change.is_latest))

    def _pair(self, key: Any, value: Any) -> Pair | None:
        if value is None:
            return None
        made = self._selector(key, value)
        if made is None:
            return None
        if not isinstance(made, tuple) or len(made) != 2:  # pyright: ignore[reportUnknownArgumentType]
            raise StreamsError(f"{self.name} has to return a tuple (key, value), not {made!r}.")
        pair: Pair = made  # pyright: ignore[reportUnknownVariableType]
        return None if pair[0] is None or pair[1] is None else pair

    def _forward(self, record: Record, key: Any, change: Change) -> None:
        grouped = record.with_key(key)
        grouped.value = change
        self.forward(grouped)
