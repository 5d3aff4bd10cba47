"""Regrouping and aggregation of tables."""

from __future__ import annotations

from kappaflow.streams.processors.base import Processor, RowStore, TaskContext
from kappaflow.streams.processors.keys import KeyWriter
from kappaflow.streams.processors.put_results import is_kept, is_latest
from kappaflow.streams.processors.result_cache import CachingProcessor, table_holds_back
from kappaflow.streams.record import Change, Record
from kappaflow.streams.topology import nodes as n


class GroupTableProcessor(Processor):
    """Sends each change of a table to its old and its new group.

    When the group stays the same one record carries both values; otherwise the subtraction comes first.
    """

    def __init__(self, node: n.GroupTable, context: TaskContext) -> None:
        super().__init__(node.name, context)
        self._key = node.key_mapper.row

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the subtraction and the addition."""
        change: Change = record.value
        new_key = None if change.new is None else self._key(record.with_value(change.new))
        old_key = None if change.old is None else self._key(record.with_value(change.old))
        if new_key is not None and new_key == old_key:
            self._forward(record, new_key, Change(change.new, change.old))
            return
        if old_key is not None:
            self._forward(record, old_key, Change(None, change.old))
        if new_key is not None:
            self._forward(record, new_key, Change(change.new, None))

    def _forward(self, record: Record, key: object, change: Change) -> None:
        grouped = record.with_key(key)
        grouped.value = change
        self.forward(grouped)


class TableAggregateProcessor(CachingProcessor):
    """Folds the rows of each group of a table.

    The old row is taken back when there was one and the group has a state; then the new one is added.
    """

    def __init__(self, node: n.TableAggregate, context: TaskContext, store: RowStore) -> None:
        super().__init__(node.name, context)
        self.store = store
        self.aggregator = node.aggregator
        self.write_key = KeyWriter(node.store.key_serde)
        if table_holds_back(context, node.store):
            self.hold_back(node.store)

    def process(self, record: Record, port: int = 0) -> None:
        """Undo, add, store and forward."""
        if record.key is None:
            self.context.drop("null-key")
            return
        change: Change = record.value
        aggregator = self.aggregator
        key = self.write_key(record.key)
        before = self.store.get(key)
        state, timestamp = before if before is not None else (None, record.timestamp)
        old = aggregator.result(state) if state is not None else None
        timestamp = max(timestamp, record.timestamp)
        if change.old is not None and state is not None:
            state = aggregator.undo(record.key, record.with_value(change.old), state)
        if change.new is not None:
            state = aggregator.initial() if state is None else state
            state = aggregator.add(record.key, record.with_value(change.new), state)
        code = self.store.put(key, state, timestamp)
        if not is_kept(code):
            return
        result = aggregator.result(state) if state is not None else None
        changed = record.with_value(Change(result, old, is_latest(code)))
        changed.timestamp = timestamp
        self.send(key, changed, old, record.timestamp)
