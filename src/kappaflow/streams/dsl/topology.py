"""A topology of sources, processors and sinks: what the DSL writes and what users of the low-level API write.

Topology().add_source(..).add_processor(..).add_sink(..).describe()
topology.bind("application-id")  the same with its internal topics named, for the execution layer
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from kappaflow.errors import TopologyError, UsageError
from kappaflow.serde import Serde
from kappaflow.streams import topology as run
from kappaflow.streams.dsl.binding import Binding
from kappaflow.streams.dsl.entries import Entry, MakeNode, OffsetReset, TimestampExtractor, user_node
from kappaflow.streams.dsl.processor_api import ProcessorSupplier, check_supplier
from kappaflow.streams.dsl.stores import StoreDefinition, check_serdes
from kappaflow.streams.dsl.windows import milliseconds
from kappaflow.streams.expressions.nodes import Expression
from kappaflow.streams.record import Record
from kappaflow.streams.topology.description import DescribedNode, DescribedPart, describe, listed
from kappaflow.streams.topology.nodes import KeySerde, PartitionOf

GENERATED = re.compile(r"-[0-9]{10}(-|$)")
"""What names have that were generated."""


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
        check_serdes("topology", key_serde, value_serde)
        self._wrap = processor_wrapper
        self.default_key, self.default_value = key_serde, value_serde
        self._entries: dict[str, Entry] = {}
        self._stores: dict[str, StoreDefinition] = {}
        self._internal: set[str] = set()
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

    def add_global_store(
        self,
        store: StoreDefinition,
        source_name: str,
        topic: str,
        processor_name: str,
        supplier: ProcessorSupplier,
        *,
        key_serde: Serde | None = None,
        value_serde: Serde | None = None,
        timestamp: TimestampExtractor | Expression | None = None,
    ) -> Topology:
        """Read all of a topic in every instance by a processor of yours, which keeps what it wants in a store.

        Every processor of the topology sees the store; nothing is written behind it.
        """
        kept, made = replace(store, logging=False), user_node(supplier, keeps_key=False)
        serdes = (key_serde, value_serde)
        return self.add_global_node(source_name, processor_name, topic, kept, made, timestamp=timestamp, serdes=serdes)

    def add_read_only_state_store(
        self,
        store: StoreDefinition,
        source_name: str,
        topic: str,
        processor_name: str,
        supplier: ProcessorSupplier,
        *,
        key_serde: Serde | None = None,
        value_serde: Serde | None = None,
        timestamp: TimestampExtractor | Expression | None = None,
    ) -> Topology:
        """Fill a store from a topic that serves as its changelog: the processor puts each record as it comes.

        Other processors are connected to the store with `connect`; none but this one changes it.  Source: KIP-813.

        Args:
            key_serde, value_serde: of the topic, and so of the store.
        """
        key, value = key_serde or store.key_serde, value_serde or store.value_serde
        self.add_source(
            source_name, topic, key_serde=key, value_serde=value, timestamp=timestamp, offset_reset="earliest"
        )
        self.add_processor(processor_name, supplier, source_name)
        kept = replace(store, key_serde=key, value_serde=value, logging=False, changelog_topic=topic)
        return self.add_state_store(kept, processor_name)

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
        check_supplier(supplier)
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
        self._internal.add(topic)
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

    def add_global_node(
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
        check_serdes(f"{entry.kind} {entry.name}", entry.key_serde, entry.value_serde)
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

    def require_names(self) -> None:
        """Refuse names of stores and repartition topics that were generated.

        Raises:
            TopologyError: some were; names them.  Source: KIP-1111.
        """
        stores = sorted(name for name in self._stores if GENERATED.search(name))
        topics = sorted(topic for topic in self._internal if GENERATED.search(topic))
        if stores or topics:
            told = [f"{what} {', '.join(each)}" for what, each in (("stores", stores), ("topics", topics)) if each]
            raise TopologyError(
                f"These names are generated, and change when an operator is put before them: {'; '.join(told)}. Name "
                'them where they come from: count("counts"), group_by_key(name="by-user"), join(.., name="priced").'
            )

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
        binding = Binding(
            application_id,
            self._entries,
            specs,
            tuple(specs[name] for name in self._global),
            frozenset(self._internal),
            self.default_key,
            self.default_value,
            topics,
        )
        return replace(binding.bound(), copartitioned=self._copartitioned_topics(application_id), wrap=self._wrap)

    def _copartitioned_topics(self, application_id: str) -> tuple[frozenset[str], ...]:
        """Return the groups of topics with one number of partitions; groups that share a topic are one."""
        names = lambda topic: f"{application_id}-{topic}" if topic in self._internal else topic  # noqa: E731
        topics = {name: entry.topics for name, entry in self._entries.items() if entry.kind == "source"}
        found: list[frozenset[str]] = []
        for group in self._copartitioned:
            one = frozenset(names(topic) for source in group for topic in topics.get(source, ()))
            sharing = [other for other in found if other & one]
            found = [other for other in found if other not in sharing]
            found.append(one.union(*sharing))
        return tuple(found)

    @property
    def stores(self) -> Mapping[str, StoreDefinition]:
        """The stores by name."""
        return self._stores

    @property
    def source_topics(self) -> tuple[str, ...]:
        """The external topics that are read."""
        found = (t for e in self._entries.values() if e.kind == "source" for t in e.topics if t not in self._internal)
        return tuple(dict.fromkeys(found))


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
