"""From the entries of a topology to what the execution layer runs: stores specified, internal topics named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kappaflow.errors import TopologyError
from kappaflow.serde import Serde
from kappaflow.serde.objects import MissingSerde
from kappaflow.streams import topology as run
from kappaflow.streams.dsl.entries import Connected, Entry, TimestampExtractor
from kappaflow.streams.expressions.nodes import Expression
from kappaflow.streams.expressions.scopes import record_scope
from kappaflow.streams.expressions.values import ExpressionTime
from kappaflow.streams.functions import TimestampExtractor as TimeOf
from kappaflow.streams.record import Record
from kappaflow.streams.topology.nodes import KeySerde, StoreSpec


@dataclass(frozen=True, slots=True)
class Binding:
    """A topology together with what it is bound to.

    Attributes:
        entries: by name, each behind its parents.
        stores: all of the topology, by name.
        global_stores: those that every processor sees.
        internal: internal topics, without the application id.
        key_serde, value_serde: defaults where an entry names none.
        topics: that there are, for sources that read by a pattern.
    """

    application_id: str
    entries: Mapping[str, Entry]
    stores: Mapping[str, StoreSpec]
    global_stores: tuple[StoreSpec, ...]
    internal: frozenset[str]
    key_serde: Serde | None
    value_serde: Serde | None
    topics: Sequence[str]

    def bound(self) -> run.Topology:
        """Return the topology of the execution layer.

        Raises:
            TopologyError: no topic matches a pattern.
        """
        builder = run.TopologyBuilder(self.application_id)
        children = self._children()
        sinks = {entry.topics[0]: entry for entry in self.entries.values() if entry.kind == "sink" and entry.topics}
        nodes: dict[str, list[run.Node]] = {}
        for entry in self.entries.values():
            before = [node for parent in entry.parents for node in nodes[parent]]
            if entry.kind == "source":
                if self._is_internal(entry):
                    sink = sinks[entry.topics[0]]
                    written = (node for parent in sink.parents for node in nodes[parent])
                    nodes[entry.name] = [builder.add(self._repartition(sink, entry), *written)]
                else:
                    read = enumerate(entry.topics or self._matching(entry))
                    nodes[entry.name] = [builder.add(self._source(entry, topic, n)) for n, topic in read]
            elif entry.kind == "sink":
                if not self._is_internal(entry):
                    builder.add(self._sink(entry), *before)
            else:
                assert entry.make is not None
                stores = tuple(self.stores[store] for store in entry.stores)
                at = Connected(entry.name, stores, self.stores, tuple(children[entry.name]), self.global_stores)
                nodes[entry.name] = [builder.add(entry.make(at), *before)]
        return builder.build()

    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {name: [] for name in self.entries}
        for entry in self.entries.values():
            for parent in entry.parents:
                children[parent].append(entry.name)
        return children

    def _is_internal(self, entry: Entry) -> bool:
        return bool(entry.topics) and entry.topics[0] in self.internal

    def _matching(self, entry: Entry) -> tuple[str, ...]:
        """Return the topics that a source reads by its pattern; internal ones are not its business."""
        pattern = entry.pattern
        assert pattern is not None
        internal = (f"{self.application_id}-", "__")
        found = [topic for topic in self.topics if pattern.fullmatch(topic) and not topic.startswith(internal)]
        if not found:
            raise TopologyError(f"No topic matches {pattern.pattern}, which source {entry.name} reads.")
        return tuple(sorted(found))

    def _key(self, entry: Entry) -> KeySerde:
        return entry.key_serde or self.key_serde or MissingSerde(f"the keys of {entry.kind} {entry.name}")

    def _value(self, entry: Entry) -> Serde:
        return entry.value_serde or self.value_serde or MissingSerde(f"the values of {entry.kind} {entry.name}")

    def _source(self, entry: Entry, topic: str, number: int) -> run.Node:
        return run.Source(
            name=entry.name if number == 0 else f"{entry.name}-{topic}",
            topic=topic,
            key_serde=self._key(entry),
            value_serde=self._value(entry),
            timestamp=self._extractor(entry),
            reads_headers=True,
            reads_position=True,
            is_global=entry.is_global,
            offset_reset=entry.offset_reset,
        )

    def _extractor(self, entry: Entry) -> TimeOf | None:
        if isinstance(entry.timestamp, Expression):
            scope = record_scope(self._value(entry), self._key(entry), entry.name)
            return ExpressionTime(entry.timestamp, scope)
        return None if entry.timestamp is None else _Extractor(entry.timestamp)

    def _sink(self, entry: Entry) -> run.Node:
        return run.Sink(
            name=entry.name,
            topic=entry.topics[0] if entry.topics else None,
            key_serde=self._key(entry),
            value_serde=self._value(entry),
            topic_of=entry.topic_of,
            partition_of=entry.partition_of,
        )

    def _repartition(self, sink: Entry, source: Entry) -> run.Node:
        return run.Repartition(
            name=source.name,
            sink_name=sink.name,
            topic=f"{self.application_id}-{source.topics[0]}",
            key_serde=self._key(sink),
            value_serde=self._value(sink),
            carries_changes=sink.carries_changes,
            partitions=sink.partitions,
            partition_of=sink.partition_of,
        )


class _Extractor:
    """A function as the execution layer's timestamp extractor."""

    columnar = False

    def __init__(self, function: TimestampExtractor) -> None:
        self._function = function

    def extract(self, record: Record, partition_time: int) -> int:
        """Return the time of a record."""
        return self._function(record, partition_time)

    def column(self, batch: Any) -> Any:
        """There is no column form."""
        raise TypeError("a callable has no column form")
