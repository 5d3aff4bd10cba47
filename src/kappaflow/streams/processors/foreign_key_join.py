"""Join of a table with another by an expression of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.state import OrderedStore
from kappaflow.streams.processors.base import Processor, TaskContext
from kappaflow.streams.processors.keys import KeyReader, KeyWriter
from kappaflow.streams.record import Change, Record
from kappaflow.streams.topology import nodes as n

LEFT = 0


class ForeignKeyJoinProcessor(Processor):
    """Joins rows of the left table with the right row that their foreign key names.

    A change of the right table updates every left row that refers to it, in the order of their key bytes.
    The time is the larger of both rows' times.
    """

    def __init__(self, node: n.ForeignKeyJoin, context: TaskContext, left: OrderedStore, right: OrderedStore) -> None:
        super().__init__(node.name, context)
        self.node = node
        self.left, self.right = left, right
        self.write_left = KeyWriter(node.left_store.key_serde)
        self.write_right = KeyWriter(node.right_store.key_serde)
        self._foreign = node.foreign_key.row
        self._subscribers: dict[bytes, dict[bytes, Any]] = {}  # left keys by the right key that they refer to

    def process(self, record: Record, port: int = 0) -> None:
        """Take a change of the left (port 0) or the right table (port 1)."""
        if port == LEFT:
            self._left_changed(record)
        else:
            self._right_changed(record)

    def _foreign_key(self, record: Record, row: Any) -> Any:
        key = None if row is None else self._foreign(record.with_value(row))
        return None if key is None or None in key else key

    def _left_changed(self, record: Record) -> None:
        change: Change = record.value
        key = self.write_left(record.key)
        stored = self.left.get(key)
        old_row = stored[0] if stored is not None else None
        self.left.put(key, change.new, record.timestamp)
        old_foreign, new_foreign = self._foreign_key(record, old_row), self._foreign_key(record, change.new)
        keep = self.node.keep_left
        if old_foreign is not None and old_foreign != new_foreign:
            self._subscribers.get(self.write_right(old_foreign), {}).pop(key, None)
        if new_foreign is None:
            if change.new is not None and keep:
                self._emit(record, change.new, None, record.timestamp)
            elif old_foreign is not None or (keep and old_row is not None):
                self._emit_deletion(record, record.timestamp)
            return
        right_key = self.write_right(new_foreign)
        self._subscribers.setdefault(right_key, {})[key] = record.key
        found = self.right.get(right_key)
        if found is None:
            if keep:
                self._emit(record, change.new, None, record.timestamp)
            elif old_foreign is not None:
                self._emit_deletion(record, record.timestamp)
            return
        self._emit(record, change.new, found[0], max(record.timestamp, found[1]))

    def _right_changed(self, record: Record) -> None:
        change: Change = record.value
        right_key = self.write_right(record.key)
        self.right.put(right_key, change.new, record.timestamp)
        for left_bytes, left_key in sorted(self._subscribers.get(right_key, {}).items()):
            found = self.left.get(left_bytes)
            if found is None:
                continue
            timestamp = max(record.timestamp, found[1])
            target = Record(left_key, None, timestamp, record.headers)
            if change.new is None and not self.node.keep_left:
                self._emit_deletion(target, timestamp)
            else:
                self._emit(target, found[0], change.new, timestamp)

    def _emit(self, record: Record, left: Any, right: Any, timestamp: int) -> None:
        joined = record.with_value(Change(self.node.joiner.row(record.key, left, right), None))
        joined.timestamp = timestamp
        self.forward(joined)

    def _emit_deletion(self, record: Record, timestamp: int) -> None:
        deleted = record.with_value(Change(None, None))
        deleted.timestamp = timestamp
        self.forward(deleted)

    def resume(self, progress: Mapping[str, int]) -> None:
        """Go on; which left rows refer to a right row follows from the left table."""
        super().resume(progress)
        read_key = KeyReader(self.node.left_store.key_serde)
        for key, (row, timestamp) in self.left.range():
            left_key = read_key(key)
            foreign = self._foreign_key(Record(left_key, row, timestamp), row)
            if foreign is not None:
                self._subscribers.setdefault(self.write_right(foreign), {})[key] = left_key
