"""Joins that look rows up in a table: of a stream with a table, and of one table with another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.streams.processors.base import Processor, TaskContext
from kappaflow.streams.processors.table_views import TableView
from kappaflow.streams.record import Change, Record


class StreamViewJoinProcessor(Processor):
    """Looks each record of a stream up in a table.

    Args:
        key_of: the table's key of a record; None for a record that has none.
        joiner: of the record's key, its value and the row, which may be None in a left join.
        left: records without a row are kept.
    """

    def __init__(
        self,
        name: str,
        context: TaskContext,
        view: TableView,
        key_of: Callable[[Any, Any], Any],
        joiner: Callable[[Any, Any, Any], Any],
        *,
        left: bool,
    ) -> None:
        super().__init__(name, context)
        self._view = view
        self._key_of = key_of
        self._joiner = joiner
        self._left = left

    def _look_up(self, key: Any, timestamp: int) -> Any:
        """Return the row of a key: in a versioned table the one of the record's time."""
        return self._view.get_at(key, timestamp) if self._view.is_versioned else self._view.get(key)

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the joined record."""
        if record.value is None:
            self.context.drop("null-key-or-value")
            return
        key = self._key_of(record.key, record.value)
        if key is None and not self._left:
            self.context.drop("null-key-or-value")
            return
        found = None if key is None else self._look_up(key, record.timestamp)
        if found is not None or self._left:
            row = None if found is None else found[0]
            self.forward(record.with_value(self._joiner(record.key, record.value, row)))


class TableJoinSideProcessor(Processor):
    """Joins the changes of one table with the current rows of another.

    Args:
        other: the rows of the other table.
        joiner: of the key, this side's value and the other's.
        keeps_own: rows of this side without a partner are kept.
        keeps_other: rows of the other side without a partner are kept.
        sends_old: old joined values are forwarded.
        latest_only: changes of a versioned table that are not its latest are left out.
    """

    def __init__(
        self,
        name: str,
        context: TaskContext,
        other: TableView,
        joiner: Callable[[Any, Any, Any], Any],
        *,
        keeps_own: bool,
        keeps_other: bool,
        sends_old: bool,
        latest_only: bool = False,
    ) -> None:
        super().__init__(name, context)
        self._other = other
        self._joiner = joiner
        self._keeps_own = keeps_own
        self._keeps_other = keeps_other
        self._sends_old = sends_old
        self._latest_only = latest_only

    def process(self, record: Record, port: int = 0) -> None:
        """Forward what the change means for the joined table."""
        if record.key is None:
            self.context.drop("null-key")
            return
        change: Change = record.value
        if self._latest_only and not change.is_latest:
            self.context.drop("out-of-order-version")
            return
        found = self._other.get(record.key)
        if found is None and (not self._keeps_own or (change.new is None and change.old is None)):
            return
        other = None if found is None else found[0]
        new = self._joined(record.key, change.new, other)
        old = self._joined(record.key, change.old, other) if self._sends_old else None
        joined = record.with_value(Change(new, old, change.is_latest))
        joined.timestamp = record.timestamp if found is None else max(record.timestamp, found[1])
        self.forward(joined)

    def _joined(self, key: Any, own: Any, other: Any) -> Any:
        if own is None and (other is None or not self._keeps_other):
            return None
        return self._joiner(key, own, other)
