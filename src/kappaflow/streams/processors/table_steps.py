"""Operators of tables in the streams library: filter, map and merge, with or without a store of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.streams.processors.base import RowStore, TaskContext
from kappaflow.streams.processors.keys import KeyWriter
from kappaflow.streams.processors.put_results import is_kept, is_latest
from kappaflow.streams.processors.result_cache import CachingProcessor, table_holds_back
from kappaflow.streams.record import Change, Record
from kappaflow.streams.topology.nodes import StoreSpec

Compute = Callable[[Any, Any], Any]


class TableStepProcessor(CachingProcessor):
    """Computes each row of a table from the same row of another.

    Args:
        compute: makes the new value of a key and a value that is not None; None is no row.
        sends_old: old values are forwarded: those of the store, or computed.
        skips_nothing: a change from nothing to nothing is left out, where old values are known.
        store: keeps the new rows; None computes old values from old values.
        spec: of the store.
    """

    def __init__(
        self,
        name: str,
        context: TaskContext,
        compute: Compute,
        *,
        sends_old: bool,
        skips_nothing: bool,
        store: RowStore | None = None,
        spec: StoreSpec | None = None,
    ) -> None:
        super().__init__(name, context)
        self._compute = compute
        self._sends_old = sends_old
        self._skips_nothing = skips_nothing
        self._store = store
        self._write_key = KeyWriter(spec.key_serde) if spec is not None else None
        if spec is not None and table_holds_back(context, spec):
            self.hold_back(spec)

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the change of the row."""
        change: Change = record.value
        new = None if change.new is None else self._compute(record.key, change.new)
        old: Any = None
        if self._store is None or self._write_key is None:
            if self._sends_old and change.old is not None:
                old = self._compute(record.key, change.old)
            if not (self._skips_nothing and self._sends_old and new is None and old is None):
                self.forward(record.with_value(Change(new, old, change.is_latest)))
            return
        key = self._write_key(record.key)
        kept = self.row_before(self._store, key, reads=self._sends_old)
        before = None if kept is None else kept[0]
        old = before if self._sends_old else None
        if self._skips_nothing and self._sends_old and new is None and old is None:
            return
        result = self._store.put(key, new, record.timestamp)
        if is_kept(result):
            changed = record.with_value(Change(new, old, is_latest(result)))
            self.send(key, changed, before, sends_old=self._sends_old)


class TableMergeProcessor(CachingProcessor):
    """Forwards the changes that either side of a join of tables gives, and keeps the joined rows where asked to."""

    def __init__(
        self,
        name: str,
        context: TaskContext,
        *,
        sends_old: bool,
        store: RowStore | None = None,
        spec: StoreSpec | None = None,
    ) -> None:
        super().__init__(name, context)
        self._sends_old = sends_old
        self._store = store
        self._write_key = KeyWriter(spec.key_serde) if spec is not None else None
        if spec is not None and table_holds_back(context, spec):
            self.hold_back(spec)

    def process(self, record: Record, port: int = 0) -> None:
        """Keep and forward the change."""
        change: Change = record.value
        old = change.old if self._sends_old else None
        if self._store is None or self._write_key is None:
            self.forward(record.with_value(Change(change.new, old, change.is_latest)))
            return
        key = self._write_key(record.key)
        kept = self.row_before(self._store, key, reads=False)
        result = self._store.put(key, change.new, record.timestamp)
        if is_kept(result):
            changed = record.with_value(Change(change.new, old, is_latest(result)))
            self.send(key, changed, None if kept is None else kept[0], sends_old=self._sends_old)
