"""Operators of tables: source, filter, map, materialise."""

from __future__ import annotations

from kappaflow.streams.processors.base import Processor, RowStore, TaskContext
from kappaflow.streams.processors.keys import KeyWriter
from kappaflow.streams.processors.put_results import is_kept, is_latest
from kappaflow.streams.processors.result_cache import CachingProcessor, table_holds_back
from kappaflow.streams.record import Change, Record
from kappaflow.streams.topology import nodes as n


class TableSourceProcessor(CachingProcessor):
    """Turns records of a topic, or of a stream, into changes of a table.

    A null key is dropped.  A record that is older than the stored row is applied all the same; a versioned store keeps
    it as an earlier version, or refuses it.
    """

    def __init__(self, node: n.TableSource | n.ToTable, context: TaskContext, store: RowStore | None) -> None:
        super().__init__(node.name, context)
        self.store = store
        self.write_key = KeyWriter(node.store.key_serde) if node.store is not None else None
        if node.store is not None and table_holds_back(context, node.store):
            self.hold_back(node.store)

    def process(self, record: Record, port: int = 0) -> None:
        """Store the row and forward the change."""
        if record.key is None:
            self.context.drop("null-key")
            return
        if self.store is None or self.write_key is None:
            self.forward(record.with_value(Change(record.value, None)))
            return
        key = self.write_key(record.key)
        before = self.store.get(key)
        old = before[0] if before is not None else None
        result = self.store.put(key, record.value, record.timestamp)
        if is_kept(result):
            self.send(key, record.with_value(Change(record.value, old, is_latest(result))), old)


class TableFilterProcessor(Processor):
    """Keeps rows for which the predicate is true; a row that stops matching becomes a deletion."""

    def __init__(self, node: n.TableFilter, context: TaskContext) -> None:
        super().__init__(node.name, context)
        self.tracks_old = node.tracks_old
        self._keep = node.predicate.row

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the change as the filtered table sees it, unless it sees none."""
        change: Change = record.value
        new = change.new if change.new is not None and self._keep(record.with_value(change.new)) else None
        old = change.old if change.old is not None and self._keep(record.with_value(change.old)) else None
        if new is None and old is None and self.tracks_old:
            return
        self.forward(record.with_value(Change(new, old, change.is_latest)))


class TableMapValuesProcessor(Processor):
    """Gives the rows of a table new values."""

    def __init__(self, node: n.TableMapValues, context: TaskContext) -> None:
        super().__init__(node.name, context)
        self.mapper = node.mapper
        self._map = node.mapper.row

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the change with mapped rows; a missing row stays missing."""
        change: Change = record.value
        new = None if change.new is None else self._map(record.with_value(change.new))
        old = None if change.old is None else self._map(record.with_value(change.old))
        self.forward(record.with_value(Change(new, old, change.is_latest)))


class MaterialiseProcessor(CachingProcessor):
    """Keeps a table in a store and forwards its changes."""

    def __init__(self, node: n.Materialise, context: TaskContext, store: RowStore) -> None:
        super().__init__(node.name, context)
        self.store = store
        self.write_key = KeyWriter(node.store.key_serde)
        if table_holds_back(context, node.store):
            self.hold_back(node.store)

    def process(self, record: Record, port: int = 0) -> None:
        """Store the new row; the old one comes from the store."""
        change: Change = record.value
        key = self.write_key(record.key)
        before = self.store.get(key)
        self.store.put(key, change.new, record.timestamp)
        old = before[0] if before is not None else None
        self.send(key, record.with_value(Change(change.new, old, change.is_latest)), old)
