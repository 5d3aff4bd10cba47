"""Operators of streams without state: filter, map, flat map, select key, to stream, sink."""

from __future__ import annotations

from kappaflow.streams.processors.base import Processor, TaskContext
from kappaflow.streams.record import Change, Record
from kappaflow.streams.topology import nodes as n


class FilterProcessor(Processor):
    """Keeps records for which the predicate is true; null values are dropped by SQL predicates themselves."""

    def __init__(self, node: n.Filter, context: TaskContext) -> None:
        super().__init__(node.name, context)
        self.predicate = node.predicate
        self._keep = node.predicate.row

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the record or drop it."""
        if self._keep(record):
            self.forward(record)


class MapValuesProcessor(Processor):
    """Gives records new values."""

    def __init__(self, node: n.MapValues, context: TaskContext) -> None:
        super().__init__(node.name, context)
        self.mapper = node.mapper
        self._map = node.mapper.row

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the record with its new value."""
        self.forward(record.with_value(self._map(record)))


class FlatMapValuesProcessor(Processor):
    """Turns a record into any number of records."""

    def __init__(self, node: n.FlatMapValues, context: TaskContext) -> None:
        super().__init__(node.name, context)
        self._map = node.mapper.row

    def process(self, record: Record, port: int = 0) -> None:
        """Forward one record for each new value."""
        for value in self._map(record):
            self.forward(record.with_value(value))


class SelectKeyProcessor(Processor):
    """Gives records new keys."""

    def __init__(self, node: n.SelectKey, context: TaskContext) -> None:
        super().__init__(node.name, context)
        self.mapper = node.mapper
        self._map = node.mapper.row
        self.drop_null = node.drop_null

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the record with its new key."""
        key = self._map(record)
        if key is None and self.drop_null:
            self.context.drop("null-key")
            return
        self.forward(record.with_key(key))


class ToStreamProcessor(Processor):
    """Turns the changes of a table into a stream of new values; deletions stay as null values."""

    def __init__(self, node: n.ToStream, context: TaskContext) -> None:
        super().__init__(node.name, context)

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the new value."""
        change: Change = record.value
        self.forward(record.with_value(change.new))


class SinkProcessor(Processor):
    """Hands records to the task, which writes them."""

    def __init__(self, node: n.Sink | n.Repartition, context: TaskContext) -> None:
        super().__init__(node.name, context)
        self.node = node

    def process(self, record: Record, port: int = 0) -> None:
        """Emit the record."""
        self.context.emit(self.node, record)
