"""Build a topology node by node and split it into subtopologies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from kappaflow.errors import TopologyError
from kappaflow.streams.record import Record
from kappaflow.streams.topology.nodes import Node, Repartition, Sink, Source, StoreSpec


@dataclass(frozen=True, slots=True)
class Subtopology:
    """A connected part of a topology: the unit of tasks.

    A repartition node stands in two subtopologies: it ends one and begins the next.

    Attributes:
        number: its position; task ids are ``<number>_<partition>``.
        nodes: in the order they were added.
        sources: topic names and the nodes that read them, in the order they were added.
    """

    number: int
    nodes: tuple[Node, ...]
    sources: Mapping[str, tuple[Node, ...]]

    @property
    def is_global(self) -> bool:
        """Whether it fills a store that every task sees, and has no tasks of its own."""
        return any(isinstance(node, Source) and node.is_global for node in self.nodes)

    @property
    def stores(self) -> tuple[StoreSpec, ...]:
        """All stores, each once."""
        found = {spec.name: spec for node in self.nodes for spec in node.stores}
        return tuple(found.values())


Process = Callable[[Record], None]
ProcessorWrapper = Callable[[str, Process], Process]


@dataclass(frozen=True, slots=True)
class Topology:
    """A finished graph.

    Attributes:
        application_id: prefix of internal topics and name of the consumer group.
        nodes: by name, in the order they were added.
        parents, children: node names to node names; the order of children is the order of forwarding.
        copartitioned: groups of topics that need the same number of partitions; None finds them by the joins.
        wrap: stands around every operator: given its name and what processes a record, it returns what does instead.
    """

    application_id: str
    nodes: Mapping[str, Node]
    parents: Mapping[str, tuple[str, ...]]
    children: Mapping[str, tuple[str, ...]]
    subtopologies: tuple[Subtopology, ...]
    copartitioned: tuple[frozenset[str], ...] | None = None
    wrap: ProcessorWrapper | None = None

    @property
    def source_topics(self) -> tuple[str, ...]:
        """The external topics that tasks read."""
        return tuple(node.topic for node in self.nodes.values() if isinstance(node, Source) and not node.is_global)

    @property
    def task_subtopologies(self) -> tuple[Subtopology, ...]:
        """The parts that run as tasks."""
        return tuple(sub for sub in self.subtopologies if not sub.is_global)

    @property
    def repartition_nodes(self) -> tuple[Repartition, ...]:
        """The nodes that go through an internal topic."""
        return tuple(node for node in self.nodes.values() if isinstance(node, Repartition))

    @property
    def stores(self) -> tuple[StoreSpec, ...]:
        """All stores."""
        return tuple(spec for sub in self.subtopologies for spec in sub.stores)

    def changelog_topic(self, store: StoreSpec) -> str:
        """Return the topic that restores a store."""
        return store.changelog_topic or f"{self.application_id}-{store.name}-changelog"

    def describe(self) -> str:
        """Print the graph as Kafka Streams does."""
        lines = ["Topologies:"]
        for sub in self.subtopologies:
            lines.append(f"   Sub-topology: {sub.number}")
            for node in sub.nodes:
                lines += self._describe_node(node, sub)
            lines.append("")
        return "\n".join(lines)

    def _describe_node(self, node: Node, sub: Subtopology) -> list[str]:
        to = ", ".join(self.children[node.name]) or "none"
        before = ", ".join(self.parents[node.name]) or "none"
        if isinstance(node, Source):
            return [f"    Source: {node.name} (topics: [{node.topic}])", f"      --> {to}"]
        if isinstance(node, Repartition):
            if node in sub.sources.get(node.topic, ()):
                return [f"    Source: {node.name}-source (topics: [{node.topic}])", f"      --> {to}"]
            return [f"    Sink: {node.name}-sink (topic: {node.topic})", f"      <-- {before}"]
        if isinstance(node, Sink):
            to_topic = "" if node.topic is None else f" (topic: {node.topic})"
            return [f"    Sink: {node.name}{to_topic}", f"      <-- {before}"]
        stores = ", ".join(spec.name for spec in node.stores)
        return [f"    Processor: {node.name} (stores: [{stores}])", f"      --> {to}", f"      <-- {before}"]


@dataclass(slots=True)
class TopologyBuilder:
    """Collects nodes; `build` checks the graph.

    >>> TopologyBuilder("app").build().describe()
    'Topologies:'
    """

    application_id: str
    _nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    _parents: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def add(self, node: Node, *parents: Node) -> Node:
        """Add a node behind its parents and return it.

        Raises:
            TopologyError: the name is taken, or a parent is not part of the topology.
        """
        if node.name in self._nodes:
            raise TopologyError(f"There are two nodes called {node.name}.")
        for parent in parents:
            if parent.name not in self._nodes:
                raise TopologyError(f"{node.name} follows {parent.name}, which is not part of the topology.")
        self._nodes[node.name] = node
        self._parents[node.name] = tuple(parent.name for parent in parents)
        return node

    def build(self) -> Topology:
        """Return the topology.

        Raises:
            TopologyError: a node other than a source has no parent.
        """
        children: dict[str, list[str]] = {name: [] for name in self._nodes}
        for name, parents in self._parents.items():
            if not parents and not isinstance(self._nodes[name], Source):
                raise TopologyError(f"{name} has nothing before it.")
            for parent in parents:
                children[parent].append(name)
        return Topology(
            self.application_id,
            dict(self._nodes),
            dict(self._parents),
            {name: tuple(names) for name, names in children.items()},
            self._split(),
        )

    def _split(self) -> tuple[Subtopology, ...]:
        """Join nodes that are connected directly or through a store; repartition nodes separate."""
        group: dict[str, str] = {}

        def find(item: str) -> str:
            while group.setdefault(item, item) != item:
                item = group[item]
            return item

        for name, node in self._nodes.items():
            own = f"{name}\0in" if isinstance(node, Repartition) else name
            find(own)
            for parent in self._parents[name]:
                group[find(own)] = find(parent)
            for spec in node.stores:
                group[find(f"\0store {spec.name}")] = find(own)
            if isinstance(node, Source):
                group[find(f"\0topic {node.topic}")] = find(own)
            find(name)
        members: dict[str, list[Node]] = {}
        for name, node in self._nodes.items():
            places = [f"{name}\0in", name] if isinstance(node, Repartition) else [name]
            for root in dict.fromkeys(find(place) for place in places):
                members.setdefault(root, []).append(node)
        subtopologies: list[Subtopology] = []
        for number, (root, nodes) in enumerate(members.items()):
            sources: dict[str, tuple[Node, ...]] = {}
            for node in nodes:
                if isinstance(node, Source) or (isinstance(node, Repartition) and find(node.name) == root):
                    sources[node.topic] = (*sources.get(node.topic, ()), node)
            subtopologies.append(Subtopology(number, tuple(nodes), sources))
        return tuple(subtopologies)


def topics_of(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Return the topics that the sinks among `nodes` write."""
    return tuple(node.topic for node in nodes if isinstance(node, Sink) and node.topic is not None)
