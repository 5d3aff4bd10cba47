"""Join of two tables by their keys."""

from __future__ import annotations

from typing import Any

from kappaflow.streams.processors.base import Processor, RowStore, TaskContext
from kappaflow.streams.processors.keys import KeyWriter
from kappaflow.streams.record import Change, Record
from kappaflow.streams.topology import nodes as n

LEFT = 0


class TableTableJoinProcessor(Processor):
    """Joins each change of one table with the current row of the other.

    A change is forwarded when the joined row is or was there; outer sides are joined with None.  The time is the
    larger of both rows' times.
    """

    def __init__(self, node: n.TableTableJoin, context: TaskContext, left: RowStore, right: RowStore) -> None:
        super().__init__(node.name, context)
        self.node = node
        self.stores = (left, right)
        self.write_keys = (KeyWriter(node.left_store.key_serde), KeyWriter(node.right_store.key_serde))
        self.keeps = (node.keep_left, node.keep_right)

    def process(self, record: Record, port: int = 0) -> None:
        """Store the change, then forward what it means for the joined table."""
        change: Change = record.value
        self.stores[port].put(self.write_keys[port](record.key), change.new, record.timestamp)
        other_port = 1 - port
        found = self.stores[other_port].get(self.write_keys[other_port](record.key))
        other = found[0] if found is not None else None
        if not self._concerns(port, change, other):
            return
        timestamp = max(record.timestamp, found[1]) if found is not None else record.timestamp
        new = self._joined(record.key, port, change.new, other)
        old = self._joined(record.key, port, change.old, other)
        joined = record.with_value(Change(new, old))
        joined.timestamp = timestamp
        self.forward(joined)

    def _concerns(self, port: int, change: Change, other: Any) -> bool:
        """Tell whether the joined table can change."""
        if other is None:
            # Without a partner only a kept side has rows, and a deletion of nothing is nothing.
            return self.keeps[port] and (change.new is not None or change.old is not None)
        return True

    def _joined(self, key: Any, port: int, own: Any, other: Any) -> Any:
        if own is None and (other is None or not self.keeps[1 - port]):
            return None
        if other is None and not self.keeps[port]:
            return None
        left, right = (own, other) if port == LEFT else (other, own)
        return self.node.joiner.row(key, left, right)
