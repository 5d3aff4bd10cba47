"""What the DSL's calls leave behind: a graph of operators with their generated names, written to a topology at the end.

Only then is known which tables need a store, which repartition topics are one, and which records without a key may be
dropped before them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from kappaflow.errors import TopologyError
from kappaflow.serde import Serde
from kappaflow.streams.dsl.entries import Connected
from kappaflow.streams.dsl.functions import HasKey
from kappaflow.streams.dsl.names import checked_name
from kappaflow.streams.dsl.optimizations import merge_repartitions, share_self_joins
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.topology import Filter, Node
from kappaflow.streams.topology.nodes import KeySerde, PartitionOf

Write = Callable[[Topology, "GraphNode"], None]
REPARTITION_SUFFIX = "-repartition"
_GENERATED = re.compile(r"KSTREAM.*-[0-9]{10}")


@dataclass(eq=False, slots=True)
class GraphNode:
    """One call of the DSL.

    Attributes:
        name: of what comes out of it.
        write: adds its nodes to the topology.
        priority: the order in which nodes are written, parents first.
        changes_key, changes_value: for finding repartitions that can be shared.
        relaxed: an outer join behind it takes records without a key.
        repartition: set where it goes through an internal topic.
        topics: of sources, which are merged when they read the same.
        grace_ms: of a windowed aggregation.
        join_inputs: of a join of streams: what keeps the records of both sides.
        is_self_join: both sides are one, and kept once.
        versioned: whether the table that comes out of it is kept with its earlier versions; None is as its parents.
        heed_versions: told the names of parents that are versioned.
        refuses_versions: it takes no versioned table.
    """

    name: str
    write: Write
    parents: list[GraphNode] = field(default_factory=list["GraphNode"])
    children: list[GraphNode] = field(default_factory=list["GraphNode"])
    priority: int = -1
    changes_key: bool = False
    changes_value: bool = False
    is_merge: bool = False
    relaxed: bool = False
    repartition: Repartitioning | None = None
    topics: tuple[str, ...] | None = None
    grace_ms: int | None = None
    written: bool = False
    join_inputs: tuple[GraphNode, GraphNode] | None = None
    is_self_join: bool = False
    versioned: bool | None = None
    heed_versions: Callable[[str], None] | None = None
    refuses_versions: bool = False

    @property
    def parent_names(self) -> list[str]:
        """Names of what comes into it."""
        return [parent.name for parent in self.parents]

    def add_child(self, child: GraphNode) -> None:
        """Put a node behind this one."""
        if child not in self.children:
            self.children.append(child)
        if self not in child.parents:
            child.parents.append(self)

    def remove_child(self, child: GraphNode) -> None:
        """Take a node away from behind this one."""
        if child in self.children:
            self.children.remove(child)
            child.parents.remove(self)


@dataclass(slots=True)
class Repartitioning:
    """An internal topic between two parts of a topology.

    Attributes:
        filter_name: of the operator that drops records without a key; None where there is none.
        keeps_null_keys: it drops none.
        optimizable: it may be merged with others behind the same change of keys.
    """

    sink_name: str
    source_name: str
    topic: str
    filter_name: str
    key_serde: KeySerde | None
    value_serde: Serde | None
    partitions: int | None = None
    partition_of: PartitionOf | None = None
    keeps_null_keys: bool = True
    optimizable: bool = True

    def write(self, topology: Topology, node: GraphNode) -> None:
        """Add filter, sink and source."""
        keeps = HasKey(lambda: self.keeps_null_keys)

        def make(at: Connected) -> Node:
            return Filter(name=at.name, predicate=keeps)

        topology.add_node(self.filter_name, make, node.parent_names)
        topology.add_repartition(
            self.sink_name,
            self.source_name,
            self.topic,
            [self.filter_name],
            key_serde=self.key_serde,
            value_serde=self.value_serde,
            partitions=self.partitions,
            partition_of=self.partition_of,
        )

    def node(self) -> GraphNode:
        """Return the node of the graph."""
        return GraphNode(self.source_name, self.write, repartition=self)


class Graph:
    """The graph of one builder, with its counter of names."""

    def __init__(self) -> None:
        self.root = GraphNode("root", lambda _topology, _node: None)
        self._index = 0
        self._priority = 0

    def new_name(self, prefix: str) -> str:
        """Return the next generated name."""
        name = f"{prefix}{self._index:010d}"
        self._index += 1
        return name

    def name_or_new(self, name: str | None, prefix: str) -> str:
        """Return a given name, or the next generated one; the number is used up in both cases."""
        generated = self.new_name(prefix)
        return generated if name is None else checked_name(name, "name of an operator")

    def suffixed_or_new(self, name: str | None, suffix: str, prefix: str) -> str:
        """Return a given name with a suffix, or the next generated one; the number is used up in both cases."""
        generated = self.new_name(prefix)
        return generated if name is None else checked_name(name, "name of an operator") + suffix

    def new_store_name(self, prefix: str) -> str:
        """Return the next generated name of a store."""
        return self.new_name(f"{prefix}STATE-STORE-")

    def add(self, node: GraphNode, *parents: GraphNode) -> GraphNode:
        """Put a node behind its parents and return it."""
        for parent in parents:
            parent.add_child(node)
            node.priority = self._priority
            self._priority += 1
        return node

    def write(self, topology: Topology, optimizations: Iterable[str]) -> None:
        """Optimise the graph and write it."""
        self._merge_sources()
        chosen = set(optimizations)
        if "merge.repartition.topics" in chosen:
            merge_repartitions(self, lambda topic, key, value: repartitioning(self, topic, key, value).node())
        if "single.store.self.join" in chosen:
            share_self_joins(self)
        self._drop_null_keys()
        self._tell_versions()
        waiting: list[tuple[int, int, GraphNode]] = []
        count = 0
        heappush(waiting, (-1, count, self.root))
        while waiting:
            _, _, node = heappop(waiting)
            if not node.written and all(parent.written for parent in node.parents):
                node.write(topology, node)
                node.written = True
            for child in node.children:
                if not child.written:
                    count += 1
                    heappush(waiting, (child.priority, count, child))
        for node in self.nodes():
            node.written = False

    def nodes(self) -> list[GraphNode]:
        """All nodes, parents before children."""
        found: dict[int, GraphNode] = {}

        def visit(node: GraphNode) -> None:
            if id(node) not in found:
                found[id(node)] = node
                for child in node.children:
                    visit(child)

        visit(self.root)
        return sorted(found.values(), key=lambda node: node.priority)

    def _merge_sources(self) -> None:
        """Let streams of the same topics share a source."""
        first: dict[str, GraphNode] = {}
        for node in list(self.root.children):
            for topic in node.topics or ():
                main = first.setdefault(topic, node)
                if main is node:
                    continue
                if main.topics != node.topics:
                    raise TopologyError(
                        f"Two sources read topic {topic}, but not the same topics: {main.name} and {node.name}."
                    )
                for child in list(node.children):
                    node.remove_child(child)
                    main.add_child(child)
                self.root.remove_child(node)

    def _tell_versions(self) -> None:
        """Tell operators which of their tables are versioned."""

        def is_versioned(node: GraphNode) -> bool:
            return node.versioned if node.versioned is not None else has_versions_above(node)

        def has_versions_above(node: GraphNode) -> bool:
            return node is not self.root and all(is_versioned(parent) for parent in node.parents)

        for node in self.nodes():
            if node.heed_versions is not None:
                for parent in filter(is_versioned, node.parents):
                    node.heed_versions(parent.name)
            if node.refuses_versions and has_versions_above(node):
                raise TopologyError(
                    f"{node.name} holds changes of a versioned table back, which has to take them by their time. "
                    "Suppress a table that is not versioned."
                )

    def _drop_null_keys(self) -> None:
        """Let repartitions drop records without a key, unless an outer join behind them takes such records."""
        kept: set[int] = set()
        seen: set[int] = set()

        def visit(node: GraphNode) -> None:
            if id(node) in seen:
                return
            for child in node.children:
                visit(child)
                if child.relaxed or id(child) in kept:
                    kept.add(id(node))
            seen.add(id(node))

        visit(self.root)
        for node in self.nodes():
            if node.repartition is not None:
                node.repartition.keeps_null_keys = id(node) in kept


@dataclass(slots=True)
class LatestOnly:
    """Whether an operator leaves out changes of a versioned table that are not its latest; set when it heeds versions.

    Source: KIP-914.
    """

    applies: bool = False

    def heed(self, _parent: str) -> None:
        """The table is versioned."""
        self.applies = True


def operator(name: str, node: Callable[[Connected], Node], stores: Sequence[str] = ()) -> GraphNode:
    """Return a graph node of one operator."""
    return GraphNode(name, lambda topology, at: _add(topology, at, node, stores))


def _add(topology: Topology, at: GraphNode, node: Callable[[Connected], Node], stores: Sequence[str]) -> None:
    topology.add_node(at.name, node, at.parent_names, stores)


def repartitioning(graph: Graph, prefix: str, key_serde: KeySerde | None, value_serde: Serde | None) -> Repartitioning:
    """Name an internal topic and the operators around it; three generated names are used up."""
    topic = prefix if prefix.endswith(REPARTITION_SUFFIX) else prefix + REPARTITION_SUFFIX
    sink, filtered, source = (graph.new_name(each) for each in ("KSTREAM-SINK-", "KSTREAM-FILTER-", "KSTREAM-SOURCE-"))
    if not _GENERATED.fullmatch(prefix):
        sink, filtered, source = f"{topic}-sink", f"{topic}-filter", f"{topic}-source"
    return Repartitioning(sink, source, topic, filtered, key_serde, value_serde)
