"""Joins of streams: with streams within a window of time, with tables, and with global tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.serde.objects import MissingSerde
from kappaflow.state import JoinWindowStore, UnmatchedStore
from kappaflow.streams import topology as run
from kappaflow.streams.dsl.functions import Joins, joiner_with_key, with_key
from kappaflow.streams.dsl.global_table import GlobalKTable
from kappaflow.streams.dsl.graph import GraphNode
from kappaflow.streams.dsl.join_stores import EitherSideSerde, OuterStore
from kappaflow.streams.dsl.stores import StoreDefinition
from kappaflow.streams.dsl.stream import KStream, pass_through
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.topology import Connected, Topology
from kappaflow.streams.dsl.windows import JoinWindows
from kappaflow.streams.processors.self_join import SelfJoinProcessor
from kappaflow.streams.processors.stream_join_side import StreamJoinSideProcessor
from kappaflow.streams.processors.stream_stream_join import LEFT, RIGHT, StreamStreamJoinProcessor
from kappaflow.streams.processors.view_joins import StreamViewJoinProcessor


def join_streams(
    this: KStream,
    other: KStream,
    kind: str,
    joiner: Callable[..., Any],
    windows: JoinWindows,
    *,
    key_serde: Serde | None = None,
    value_serde: Serde | None = None,
    other_value_serde: Serde | None = None,
    store_name: str | None = None,
    name: str | None = None,
) -> KStream:
    """Join the records of two streams whose times are near.

    Args:
        joiner: of both values, or key and both values; in left and outer joins one may be None.
        key_serde, value_serde, other_value_serde: of what is kept for later partners.
        store_name: the stores are called by it.
    """
    if this.needs_repartition:
        prefix = this.name if name is None else f"{name}-left"
        this = this.repartitioned_for_join(prefix, key_serde, value_serde)
    if other.needs_repartition:
        prefix = other.name if name is None else f"{name}-right"
        other = other.repartitioned_for_join(prefix, key_serde, other_value_serde)
    graph, left_outer, right_outer = this.builder.graph, kind != "inner", kind == "outer"
    this_suffix = "-outer-this-join" if right_outer else "-this-join"
    other_suffix = "-outer-other-join" if left_outer else "-other-join"
    this_windowed = graph.suffixed_or_new(name, "-this-windowed", "KSTREAM-WINDOWED-")
    other_windowed = graph.suffixed_or_new(name, "-other-windowed", "KSTREAM-WINDOWED-")
    this_generated = graph.new_name("KSTREAM-OUTERTHIS-" if right_outer else "KSTREAM-JOINTHIS-")
    other_generated = graph.new_name("KSTREAM-OUTEROTHER-" if left_outer else "KSTREAM-JOINOTHER-")
    this_name = this_generated if name is None else name + this_suffix
    other_name = other_generated if name is None else name + other_suffix
    merge_name = graph.suffixed_or_new(name, "-merge", "KSTREAM-MERGE-")
    key: Any = key_serde or this.key_serde or this.builder.key_serde
    kept = windows.size_ms + windows.grace_ms
    left_value = value_serde or this.value_serde or this.builder.value_serde
    right_value = other_value_serde or other.value_serde or other.builder.value_serde
    left = StoreDefinition(
        (this_generated if store_name is None else store_name + this_suffix) + "-store",
        key,
        left_value,
        retention_ms=kept,
    )
    right = StoreDefinition(
        (other_generated if store_name is None else store_name + other_suffix) + "-store",
        key,
        right_value,
        retention_ms=kept,
    )
    outer = None
    if left_outer:
        shared = "-outer-shared-join" if right_outer else "-left-shared-join"
        generated = this_generated.replace(
            "KSTREAM-OUTERTHIS-" if right_outer else "KSTREAM-JOINTHIS-", "KSTREAM-OUTERSHARED-"
        )
        missing = MissingSerde(f"the values of {merge_name}")
        outer = StoreDefinition(
            (generated if store_name is None else store_name + shared) + "-store",
            key,
            EitherSideSerde(left_value or missing, right_value or missing),
        )
    sides = _Sides(joiner_with_key(joiner), windows, left, right, outer, kind, merge_name)
    inputs = (_windowed(this_windowed, left), _windowed(other_windowed, right))
    graph.add(inputs[0], this.node)
    graph.add(inputs[1], other.node)

    def write(topology: Topology, at: GraphNode) -> None:
        topology.copartition([*this.sources, *other.sources])
        if at.is_self_join:
            topology.add_node(at.name, sides.self_join, (this_windowed,), (left.name,))
            return
        stores = () if outer is None else (outer.name,)
        if outer is not None:
            topology.add_state_store(outer)
        topology.add_node(this_name, sides.node(LEFT), (this_windowed,), (right.name, *stores))
        topology.add_node(other_name, sides.node(RIGHT), (other_windowed,), (left.name, *stores))
        topology.add_node(at.name, pass_through(at.name), (this_name, other_name))

    node = GraphNode(merge_name, write, relaxed=left_outer, join_inputs=inputs)
    graph.add(node, this.node, other.node)
    return KStream(this.builder, merge_name, key_serde, None, this.sources | other.sources, node)


def _windowed(name: str, store: StoreDefinition) -> GraphNode:
    def write(topology: Topology, at: GraphNode) -> None:
        topology.add_state_store(store)
        topology.add_node(at.name, pass_through(at.name), at.parent_names, (store.name,))

    return GraphNode(name, write)


class _Sides:
    """Both sides of a join, which share one operator in each task."""

    def __init__(
        self,
        joiner: Callable[[Any, Any, Any], Any],
        windows: JoinWindows,
        left: StoreDefinition,
        right: StoreDefinition,
        outer: StoreDefinition | None,
        kind: str,
        name: str,
    ) -> None:
        self._joiner = Joins(joiner)
        self._windows = windows
        self._left, self._right, self._outer = left, right, outer
        self._kind = kind
        self._name = name

    def node(self, side: int) -> Callable[[Connected], run.Node]:
        """Return what makes the operator of one side."""

        def make_node(at: Connected) -> run.Node:
            def make(context: Any, stores: Any) -> StreamJoinSideProcessor:
                if self._name not in context.shared:
                    context.shared[self._name] = self._join(at, context, stores)
                return StreamJoinSideProcessor(at.name, context, context.shared[self._name], side)

            return run.Operator(name=at.name, make=make, specs=at.stores)

        return make_node

    def self_join(self, at: Connected) -> run.Node:
        """Return the operator of a stream joined with itself."""
        spec, windows = at.stores[0], self._windows
        kept = windows.size_ms + windows.grace_ms
        return run.Operator(
            name=at.name,
            specs=at.stores,
            make=lambda context, stores: SelfJoinProcessor(
                at.name,
                context,
                self._joiner.row,
                spec,
                JoinWindowStore(stores[spec.name], kept),
                windows.before_ms,
                windows.after_ms,
            ),
        )

    def _join(self, at: Connected, context: Any, stores: Any) -> StreamStreamJoinProcessor:
        windows, specs = self._windows, at.all_stores
        left, right = specs[self._left.name], specs[self._right.name]
        node = run.StreamStreamJoin(
            name=self._name,
            joiner=self._joiner,
            left_store=left,
            right_store=right,
            outer_store=None if self._outer is None else specs[self._outer.name],
            before_ms=windows.before_ms,
            after_ms=windows.after_ms,
            grace_ms=windows.grace_ms,
            keep_left=self._kind != "inner",
            keep_right=self._kind == "outer",
        )
        kept = windows.size_ms + windows.grace_ms
        outer = None
        if self._outer is not None:
            outer = UnmatchedStore(OuterStore(stores[self._outer.name]))
        return StreamStreamJoinProcessor(
            node,
            context,
            JoinWindowStore(stores[left.name], kept),
            JoinWindowStore(stores[right.name], kept),
            outer,
        )


def join_table(
    this: KStream,
    table: KTable,
    kind: str,
    joiner: Callable[..., Any],
    *,
    key_serde: Serde | None = None,
    value_serde: Serde | None = None,
    name: str | None = None,
) -> KStream:
    """Look each record of a stream up in a table, as it is when the record is processed.

    Args:
        joiner: of the record's value and the row, or key, value and row; in left joins the row may be None.
        key_serde, value_serde: of the stream, where it has to go through an internal topic.
        name: of the operator and of that topic.
    """
    _no_outer(kind, "table")
    left = kind == "left"
    if this.needs_repartition:
        this = this.repartitioned_for_join(this.name if name is None else name, key_serde, value_serde)
    graph = this.builder.graph
    made = graph.name_or_new(name, "KSTREAM-LEFTJOIN-" if left else "KSTREAM-JOIN-")
    view = table.view()
    function = joiner_with_key(joiner)

    def make_node(at: Connected) -> run.Node:
        def make(context: Any, stores: Any) -> StreamViewJoinProcessor:
            opened = view.open(context, stores, at.all_stores)
            return StreamViewJoinProcessor(at.name, context, opened, lambda key, _value: key, function, left=left)

        return run.Operator(name=at.name, make=make, specs=at.stores)

    def write(topology: Topology, at: GraphNode) -> None:
        topology.add_node(at.name, make_node, at.parent_names, view.stores)
        topology.copartition([*this.sources, *table.sources])

    node = GraphNode(made, write, relaxed=left)
    graph.add(node, this.node)
    return KStream(this.builder, made, key_serde or this.key_serde, None, this.sources | table.sources, node)


def join_global(
    this: KStream,
    table: GlobalKTable,
    kind: str,
    key_of: Callable[..., Any],
    joiner: Callable[..., Any],
    *,
    name: str | None = None,
) -> KStream:
    """Look each record of a stream up in a global table.

    Args:
        key_of: gives the table's key from a value, or from key and value.
        joiner: of the record's value and the row, or key, value and row; in left joins the row may be None.
    """
    _no_outer(kind, "global table")
    left = kind == "left"
    graph, view = this.builder.graph, table.view()
    made = graph.name_or_new(name, "KSTREAM-LEFTJOIN-")
    key_function, function = with_key(key_of, "key selector"), joiner_with_key(joiner)

    def make_node(at: Connected) -> run.Node:
        def make(context: Any, stores: Any) -> StreamViewJoinProcessor:
            opened = view.open(context, stores, at.all_stores)
            return StreamViewJoinProcessor(at.name, context, opened, key_function, function, left=left)

        return run.Operator(name=at.name, make=make)

    def write(topology: Topology, at: GraphNode) -> None:
        topology.add_node(at.name, make_node, at.parent_names)

    node = GraphNode(made, write, relaxed=left)
    graph.add(node, this.node)
    return KStream(
        this.builder,
        made,
        this.key_serde,
        None,
        this.sources,
        node,
        needs_repartition=this.needs_repartition,
    )


def _no_outer(kind: str, what: str) -> None:
    if kind == "outer":
        raise UsageError(f"A stream and a {what} have no outer join: only the stream's records give results.")
