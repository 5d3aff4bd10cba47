"""Join of a stream with a table."""

from __future__ import annotations

from kappaflow.streams.processors.base import Processor, RowStore, TaskContext
from kappaflow.streams.processors.keys import KeyWriter
from kappaflow.streams.record import Change, Record
from kappaflow.streams.topology import nodes as n

STREAM_PORT = 0


class StreamTableJoinProcessor(Processor):
    """Looks each stream record up in the table as it is at that moment; only the stream produces results.

    A null value, or a null key of an inner join, drops the record.  The result has the stream record's time.
    """

    def __init__(self, node: n.StreamTableJoin, context: TaskContext, store: RowStore) -> None:
        super().__init__(node.name, context)
        self.node = node
        self.store = store
        self.write_key = KeyWriter(node.store.key_serde)

    def process(self, record: Record, port: int = 0) -> None:
        """Take a change of the table (port 1), or join a stream record (port 0)."""
        if port != STREAM_PORT:
            change: Change = record.value
            self.store.put(self.write_key(record.key), change.new, record.timestamp)
            return
        if record.value is None or (record.key is None and not self.node.left):
            self.context.drop("null-key-or-value")
            return
        found = self.store.get(self.write_key(record.key)) if record.key is not None else None
        if found is None and not self.node.left:
            return
        right = found[0] if found is not None else None
        self.forward(record.with_value(self.node.joiner.row(record.key, record.value, right)))
