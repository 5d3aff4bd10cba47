"""A topology of sources, processors and sinks: what the DSL writes and what users of the low-level API write.

Topology().add_source(..).add_processor(..).add_sink(..).describe()
topology.bind("application-id")  the same with its internal topics named, for the execution layer
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from kappaflow.errors import TopologyError, UsageError
from kappaflow.serde import Serde, WindowedKeySerde
from kappaflow.serde.objects import MissingSerde
from kappaflow.streams import topology as run
from kappaflow.streams.dsl.processor_api import ProcessorSupplier, UserProcessor
from kappaflow.streams.dsl.stores import StoreDefinition
from kappaflow.streams.dsl.windows import milliseconds
from kappaflow.streams.expressions.nodes import Expression
from kappaflow.streams.expressions.scopes import record_scope
from kappaflow.streams.expressions.values import ExpressionTime
from kappaflow.streams.record import Record
from kappaflow.streams.topology.description import DescribedNode, DescribedPart, describe, listed
from kappaflow.streams.topology.nodes import KeySerde, PartitionOf, StoreSpec
from kappaflow.streams.topology.nodes import TimestampExtractor as TimeOf

TimestampExtractor = Callable[[Record, int], int]
OffsetReset = str | timedelta | None
"""``earliest``, ``latest``, or a time ago."""


@dataclass(frozen=True, slots=True)
class Connected:
    """What a processor is given when its node is made.

    Attributes:
        stores: those that it is connected to, in that order.
        all_stores: of the topology, by name.
        children: names of the nodes behind it, in order.
        global_stores: that every processor sees.
    """

    name: str
    stores: tuple[StoreSpec, ...]
    all_stores: Mapping[str, StoreSpec]
    children: tuple[str, ...]
    global_stores: tuple[StoreSpec, ...] = ()


MakeNode = Callable[[Connected], run.Node]


@dataclass(slots=True)
class Entry:
    """One node of the topology."""

    name: str
    kind: str
    parents: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    stores: list[str] = field(default_factory=list[str])
    make: MakeNode | None = None
    key_serde: KeySerde | None = None
    value_serde: Serde | None = None
    timestamp: TimestampExtractor | Expression | None = None
    offset_reset: str | int | None = None
    topic_of: Callable[[Record], str | None] | None = None
    partition_of: PartitionOf | None = None
    carries_changes: bool = False
    partitions: int | None = None
    is_global: bool = False
    pattern: re.Pattern[str] | None = None


def user_node(supplier: ProcessorSupplier, *, keeps_key: bool) -> MakeNode:
    """Return what makes the operator of a user's processor."""

    def make(at: Connected) -> run.Node:
        return run.Operator(
            name=at.name,
            specs=at.stores,
            make=lambda context, opened: UserProcessor(
                at.name, context, supplier, opened, _seen(at), at.children, keeps_key=keeps_key
            ),
        )

    return make


def _seen(at: Connected) -> tuple[StoreSpec, ...]:
    """Return the stores that a processor may use: its own and the global ones, each once."""
    own = {spec.name for spec in at.stores}
    return (*at.stores, *(spec for spec in at.global_stores if spec.name not in own))


class Topology:
    """Collects nodes; names are unique.

    Args:
        key_serde, value_serde: defaults where a node or store names none.
        processor_wrapper: stands around every operator, those of the DSL included: given its name and what processes a
            record, it returns what does instead. The topology runs record by record then.
    """

    def __init__(
        self,
        key_serde: Serde | None = None,
        value_serde: Serde | None = None,
        *,
        processor_wrapper: run.ProcessorWrapper | None = None,
    ) -> None:
        self._wrap = processor_wrapper
        self.default_key, self.default_value = key_serde, value_serde
        self._entries: dict[str, Entry] = {}
        self._stores: dict[str, StoreDefinition] = {}
        self._internal: dict[str, int | None] = {}
        self._global: list[str] = []
        self._copartitioned: list[frozenset[str]] = []

    # ---- what users call ----

    def add_source(
        self,
        name: str,
        *topics: str | re.Pattern[str],
        key_serde: KeySerde | None = None,
        value_serde: Serde | None = None,
        timestamp: TimestampExtractor | Expression | None = None,
        offset_reset: OffsetReset = None,
    ) -> Topology:
        """Read topics, or all whose names match a pattern.

        Args:
            offset_reset: where to begin without committed offsets: ``earliest``, ``latest``, or a time ago; None is as
                the application says.

        Raises:
            UsageError: there is no such beginning.
            TopologyError: the name is taken, or another source reads one of the topics.
        """
        if not topics:
            raise TopologyError(f"Source {name} needs at least one topic.")
        pattern = next((each for each in topics if isinstance(each, re.Pattern)), None)
        if pattern is not None and len(topics) > 1:
            raise TopologyError(f"Source {name} reads topics by their names or by one pattern, not both.")
        named = tuple(each for each in topics if isinstance(each, str))
        for entry in self._entries.values():
            if entry.kind != "source":
                continue
            if both := set(entry.topics) & set(named):
                raise TopologyError(f"Topic {sorted(both)[0]} is already read by source {entry.name}.")
            one, other = (entry.pattern, named) if pattern is None else (pattern, entry.topics)
            if one is not None and (both := [topic for topic in other if one.fullmatch(topic)]):
                raise TopologyError(f"Topic {both[0]} is read by its name and by the pattern {one.pattern}.")
        return self._add(
            Entry(
                name,
                "source",
                topics=named,
                pattern=pattern,
                key_serde=key_serde,
                value_serde=value_serde,
                timestamp=timestamp,
                offset_reset=_reset_of(offset_reset),
            )
        )

    def add_processor(self, name: str, supplier: ProcessorSupplier, *parents: str) -> Topology:
        """Add a processor of the user behind its parents; the supplier is called once per task.

        Raises:
            TopologyError: the name is taken, or a parent is not there.
        """
        return self.add_user_processor(name, supplier, parents, (), keeps_key=False)

    def add_sink(
        self,
        name: str,
        topic: str | Callable[[Record], str | None],
        *parents: str,
        key_serde: KeySerde | None = None,
        value_serde: Serde | None = None,
        partitioner: PartitionOf | None = None,
    ) -> Topology:
        """Write a topic; a function chooses it for each record.

        Raises:
            TopologyError: the name is taken, or a parent is not there.
        """
        static = topic if isinstance(topic, str) else None
        return self._add(
            Entry(
                name,
                "sink",
                parents,
                (static,) if static is not None else (),
                key_serde=key_serde,
                value_serde=value_serde,
                topic_of=None if isinstance(topic, str) else topic,
                partition_of=partitioner,
            )
        )

    def add_state_store(self, store: StoreDefinition, *processors: str) -> Topology:
        """Add a store and connect processors to it.

        Raises:
            TopologyError: there is another store of that name.
        """
        known = self._stores.setdefault(store.name, store)
        if known != store:
            raise TopologyError(f"There are two stores called {store.name}.")
        for processor in processors:
            self.connect(processor, store.name)
        return self

    def connect(self, processor: str, *stores: str) -> Topology:
        """Connect a processor to stores.

        Raises:
            TopologyError: one of them is not there.
        """
        entry = self._entries.get(processor)
        if entry is None or entry.kind != "processor":
            raise TopologyError(f"There is no processor called {processor}.")
        for store in stores:
            if store not in self._stores:
                raise TopologyError(f"There is no store called {store}, which {processor} wants to use.")
            if store in self._global and not self._fills_global(entry):
                continue  # every processor sees it
            if store not in entry.stores:
                entry.stores.append(store)
        return self

    def _fills_global(self, entry: Entry) -> bool:
        """Tell whether a processor is one that fills a global store."""
        return any(self._entries[parent].is_global for parent in entry.parents)

    # ---- what the DSL calls besides ----

    def add_node(self, name: str, make: MakeNode, parents: Sequence[str], stores: Sequence[str] = ()) -> Topology:
        """Add an operator and connect it to stores."""
        self._add(Entry(name, "processor", tuple(parents), make=make))
        return self.connect(name, *stores)

    def add_user_processor(
        self, name: str, supplier: ProcessorSupplier, parents: Sequence[str], stores: Sequence[str], *, keeps_key: bool
    ) -> Topology:
        """Add a processor of the user and connect it to stores, and to those that its supplier brings with it."""
        own = stores_of(supplier)
        for store in own:
            self.add_state_store(store)
        stores = [*(store.name for store in own), *stores]

        return self.add_node(name, user_node(supplier, keeps_key=keeps_key), parents, stores)

    def add_repartition(
        self,
        sink_name: str,
        source_name: str,
        topic: str,
        parents: Sequence[str],
        *,
        key_serde: KeySerde | None,
        value_serde: Serde | None,
        carries_changes: bool = False,
        partitions: int | None = None,
        partition_of: PartitionOf | None = None,
    ) -> Topology:
        """Go through an internal topic; `topic` is its name behind the application id."""
        self.add_internal_sink(
            sink_name, topic, parents, key_serde, value_serde, carries_changes, partitions, partition_of
        )
        return self.add_source(source_name, topic, key_serde=key_serde, value_serde=value_serde)

    def add_internal_sink(
        self,
        sink_name: str,
        topic: str,
        parents: Sequence[str],
        key_serde: KeySerde | None,
        value_serde: Serde | None,
        carries_changes: bool = False,
        partitions: int | None = None,
        partition_of: PartitionOf | None = None,
    ) -> None:
        """Write an internal topic, which a source has to read."""
        self._internal[topic] = partitions
        self._add(
            Entry(
                sink_name,
                "sink",
                tuple(parents),
                (topic,),
                key_serde=key_serde,
                value_serde=value_serde,
                carries_changes=carries_changes,
                partitions=partitions,
                partition_of=partition_of,
            )
        )

    def add_global_store(
        self,
        source_name: str,
        processor_name: str,
        topic: str,
        store: StoreDefinition,
        make: MakeNode,
        *,
        timestamp: TimestampExtractor | Expression | None = None,
        serdes: tuple[Serde | None, Serde | None] = (None, None),
    ) -> Topology:
        """Read all of a topic into a store that every task sees.

        Args:
            serdes: of the keys and values of the topic; None takes those of the store.
        """
        self._add(
            Entry(
                source_name,
                "source",
                topics=(topic,),
                key_serde=serdes[0] or store.key_serde,
                value_serde=serdes[1] or store.value_serde,
                timestamp=timestamp,
                is_global=True,
            )
        )
        self._stores[store.name] = store
        self._global.append(store.name)
        return self.add_node(processor_name, make, (source_name,), (store.name,))

    def copartition(self, sources: Sequence[str]) -> None:
        """Require the same number of partitions of the topics that sources read."""
        if len(sources) > 1:
            self._copartitioned.append(frozenset(sources))

    def _add(self, entry: Entry) -> Topology:
        if entry.name in self._entries:
            raise TopologyError(f"There are two nodes called {entry.name}. Give one of them another name.")
        if entry.kind != "source" and not entry.parents:
            raise TopologyError(f"{entry.name} has nothing before it: name its parents.")
        for parent in entry.parents:
            if parent not in self._entries:
                raise TopologyError(f"{entry.name} follows {parent}, which is not part of the topology.")
            if self._entries[parent].kind == "sink":
                raise TopologyError(f"{entry.name} follows {parent}, but nothing comes out of a sink.")
        self._entries[entry.name] = entry
        return self

    # ---- what comes out ----

    def describe(self) -> str:
        """Print the topology as Kafka Streams does."""
        return describe([self._described(names) for names in self._groups()])

    def _described(self, names: Sequence[str]) -> DescribedPart:
        entries = [self._entries[name] for name in names]
        nodes = tuple(DescribedNode(e.name, e.kind.title(), _detail(e), e.parents) for e in entries)
        return DescribedPart(nodes, any(entry.is_global for entry in entries))

    def _groups(self) -> list[list[str]]:
        """Names of nodes that are connected directly or by a store, in the order of their first nodes."""
        root: dict[str, str] = {}

        def find(item: str) -> str:
            while root.setdefault(item, item) != item:
                item = root[item]
            return item

        for entry in self._entries.values():
            for other in (*entry.parents, *(f"\0{store}" for store in entry.stores)):
                root[find(entry.name)] = find(other)
        groups: dict[str, list[str]] = {}
        for name in self._entries:
            groups.setdefault(find(name), []).append(name)
        return list(groups.values())

    @property
    def has_patterns(self) -> bool:
        """Whether a source reads topics by a pattern."""
        return any(entry.pattern is not None for entry in self._entries.values())

    def bind(self, application_id: str, topics: Sequence[str] = ()) -> run.Topology:
        """Return what the execution layer runs.

        Args:
            topics: that there are, for sources that read by a pattern.

        Raises:
            TopologyError: something is missing, or no topic matches a pattern.
        """
        specs = {name: store.spec(self.default_key, self.default_value) for name, store in self._stores.items()}
        children: dict[str, list[str]] = {name: [] for name in self._entries}
        sinks = {entry.topics[0]: entry for entry in self._entries.values() if entry.kind == "sink" and entry.topics}
        for entry in self._entries.values():
            for parent in entry.parents:
                children[parent].append(entry.name)
        builder = run.TopologyBuilder(application_id)
        nodes: dict[str, list[run.Node]] = {}
        for entry in self._entries.values():
            before = [node for parent in entry.parents for node in nodes[parent]]
            if entry.kind == "source":
                if entry.topics and entry.topics[0] in self._internal:
                    through = self._repartition(builder, application_id, sinks[entry.topics[0]], entry, nodes)
                    nodes[entry.name] = [through]
                else:
                    read = enumerate(entry.topics or self._matching(entry, application_id, topics))
                    nodes[entry.name] = [builder.add(self._source(entry, topic, n)) for n, topic in read]
            elif entry.kind == "sink":
                if not entry.topics or entry.topics[0] not in self._internal:
                    builder.add(self._sink(entry), *before)
            else:
                assert entry.make is not None
                connected = tuple(specs[store] for store in entry.stores)
                seen = tuple(specs[name] for name in self._global)
                made = entry.make(Connected(entry.name, connected, specs, tuple(children[entry.name]), seen))
                nodes[entry.name] = [builder.add(made, *before)]
        return replace(builder.build(), copartitioned=self._copartitioned_topics(), wrap=self._wrap)

    @staticmethod
    def _matching(entry: Entry, application_id: str, topics: Sequence[str]) -> tuple[str, ...]:
        """Return the topics that a source reads by its pattern; internal ones are not its business."""
        pattern = entry.pattern
        assert pattern is not None
        found = [t for t in topics if pattern.fullmatch(t) and not t.startswith((f"{application_id}-", "__"))]
        if not found:
            raise TopologyError(f"No topic matches {pattern.pattern}, which source {entry.name} reads.")
        return tuple(sorted(found))

    def _copartitioned_topics(self) -> tuple[frozenset[str], ...]:
        topics = {name: entry.topics for name, entry in self._entries.items() if entry.kind == "source"}
        return tuple(
            frozenset(t for source in group for t in topics.get(source, ()) if t not in self._internal)
            for group in self._copartitioned
        )

    def _key(self, entry: Entry) -> KeySerde:
        return entry.key_serde or self.default_key or MissingSerde(f"the keys of {entry.kind} {entry.name}")

    def _value(self, entry: Entry) -> Serde:
        return entry.value_serde or self.default_value or MissingSerde(f"the values of {entry.kind} {entry.name}")

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

    def _repartition(
        self,
        builder: run.TopologyBuilder,
        application_id: str,
        sink: Entry,
        source: Entry,
        nodes: Mapping[str, list[run.Node]],
    ) -> run.Node:
        node = run.Repartition(
            name=source.name,
            sink_name=sink.name,
            topic=f"{application_id}-{source.topics[0]}",
            key_serde=self._key(sink),
            value_serde=self._value(sink),
            carries_changes=sink.carries_changes,
            partitions=sink.partitions,
            partition_of=sink.partition_of,
        )
        return builder.add(node, *(each for parent in sink.parents for each in nodes[parent]))

    @property
    def stores(self) -> Mapping[str, StoreDefinition]:
        """The stores by name."""
        return self._stores

    @property
    def source_topics(self) -> tuple[str, ...]:
        """The external topics that are read."""
        found = (t for e in self._entries.values() if e.kind == "source" for t in e.topics if t not in self._internal)
        return tuple(dict.fromkeys(found))


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


def _reset_of(given: OffsetReset) -> str | int | None:
    if isinstance(given, timedelta):
        return milliseconds(given, "time ago")
    if given not in (None, "earliest", "latest"):
        raise UsageError(f"A source begins at the earliest or the latest record, or some time ago, not at {given}.")
    return given


def stores_of(supplier: ProcessorSupplier) -> Sequence[StoreDefinition]:
    """Return the stores that a supplier, or the class that it is, brings with it."""
    given: Sequence[StoreDefinition] | Callable[[], Sequence[StoreDefinition]] = getattr(supplier, "stores", ())
    return tuple(given() if callable(given) else given)


def _detail(entry: Entry) -> str:
    if entry.kind == "source":
        return f"topics: {listed(entry.topics) if entry.pattern is None else entry.pattern.pattern}"
    if entry.kind == "processor":
        return f"stores: {listed(entry.stores)}"
    if entry.topics:
        return f"topic: {entry.topics[0]}"
    return f"extractor class: {getattr(entry.topic_of, '__qualname__', entry.topic_of)}"


def windowed(serde: KeySerde | None) -> bool:
    """Tell whether keys are windowed."""
    return isinstance(serde, WindowedKeySerde)
