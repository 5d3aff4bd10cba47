"""Joins of streams: with streams within a window of time, with tables, and with global tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kappaflow.errors import TopologyError, UsageError
from kappaflow.serde import Serde
from kappaflow.serde.objects import MissingSerde
from kappaflow.serde.shape import Shape
from kappaflow.state import ARRIVAL_BYTES, JoinWindowStore, UnmatchedLists
from kappaflow.streams import topology as run
from kappaflow.streams.columns.step_rows import Steps
from kappaflow.streams.columns.stored_rows import StoredRows
from kappaflow.streams.columns.stream_stream_join import JoinSideColumns, StreamStreamJoinColumns
from kappaflow.streams.columns.table_lookups import GlobalLookUp, StreamLookUpColumns
from kappaflow.streams.dsl.entries import Connected, MakeNode
from kappaflow.streams.dsl.expressions import joiner_of, key_mapper, key_serde_of, value_serde_of
from kappaflow.streams.dsl.global_table import GlobalKTable
from kappaflow.streams.dsl.graph import Graph, GraphNode
from kappaflow.streams.dsl.join_stores import EitherSideListSerde
from kappaflow.streams.dsl.stores import StoreDefinition
from kappaflow.streams.dsl.stream import KStream, pass_through
from kappaflow.streams.dsl.table import KTable
from kappaflow.streams.dsl.table_steps import is_columnar
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.dsl.windows import JoinWindows, Span, milliseconds
from kappaflow.streams.expressions.nodes import Expression
from kappaflow.streams.functions import Joiner
from kappaflow.streams.processors.buffered_changes import BufferedChangeSerde
from kappaflow.streams.processors.buffered_join import BufferedViewJoinProcessor
from kappaflow.streams.processors.self_join import SelfJoinProcessor
from kappaflow.streams.processors.stream_join_side import StreamJoinSideProcessor
from kappaflow.streams.processors.stream_stream_join import LEFT, RIGHT, StreamStreamJoinProcessor
from kappaflow.streams.processors.view_joins import StreamViewJoinProcessor
from kappaflow.streams.record import Record
from kappaflow.streams.topology.nodes import StoreSpec

JOIN_TIMES = 8 + ARRIVAL_BYTES
Given = Callable[..., Any] | Expression | Mapping[str, Any]


def join_streams(
    this: KStream,
    other: KStream,
    kind: str,
    joiner: Given,
    windows: JoinWindows | None = None,
    *,
    key_serde: Serde | None = None,
    value_serde: Serde | None = None,
    other_value_serde: Serde | None = None,
    store_name: str | None = None,
    logging: bool = True,
    changelog_config: Mapping[str, str] | None = None,
    name: str | None = None,
) -> KStream:
    """Join the records of two streams whose times are near.

    Args:
        joiner: of both values, or key and both values; in left and outer joins one may be None.
        key_serde, value_serde, other_value_serde: of what is kept for later partners.
        store_name: the stores are called by it.
        logging: whether what is kept goes to changelogs; without them a restart elsewhere finds no earlier partners.
        changelog_config: settings of those topics.

    Raises:
        UsageError: no windows say how near in time records have to be.
    """
    if not isinstance(windows, JoinWindows):
        given = "there are none" if windows is None else f"not {type(windows).__name__}"
        raise UsageError(
            f"Streams are joined within JoinWindows, {given}: say how near in time two records have to be, as in "
            "join(other, joiner, JoinWindows.of(timedelta(minutes=5)))."
        )
    if this.needs_repartition:
        prefix = this.name if name is None else f"{name}-left"
        this = this.repartitioned_for_join(prefix, key_serde, value_serde)
    if other.needs_repartition:
        prefix = other.name if name is None else f"{name}-right"
        other = other.repartitioned_for_join(prefix, key_serde, other_value_serde)
    names = _Names(this.builder.graph, kind, name)
    stores = _Stores(this, other, windows, names, kind, store_name, (key_serde, value_serde, other_value_serde))
    joins, known = joiner_of(joiner, this, value_serde_of(other), key_serde or key_serde_of(this))
    stores.log(changelog_config or {}, logging=logging)
    sides = _Sides(joins, windows, stores, kind, names.merge)
    graph = this.builder.graph
    inputs = (_windowed(names.this_windowed, stores.left), _windowed(names.other_windowed, stores.right))
    graph.add(inputs[0], this.node)
    graph.add(inputs[1], other.node)

    def write(topology: Topology, at: GraphNode) -> None:
        topology.copartition([*this.sources, *other.sources])
        if at.is_self_join:
            topology.add_node(at.name, sides.self_join, (names.this_windowed,), (stores.left.name,))
            return
        shared = () if stores.outer is None else (stores.outer.name,)
        if stores.outer is not None:
            topology.add_state_store(stores.outer)
        topology.add_node(names.this, sides.node(LEFT), (names.this_windowed,), (stores.right.name, *shared))
        topology.add_node(names.other, sides.node(RIGHT), (names.other_windowed,), (stores.left.name, *shared))
        topology.add_node(at.name, pass_through(at.name), (names.this, names.other))

    node = GraphNode(names.merge, write, relaxed=kind != "inner", join_inputs=inputs)
    graph.add(node, this.node, other.node)
    key = key_serde if known is None else key_serde or this.key_serde
    return KStream(this.builder, names.merge, key, known, this.sources | other.sources, node)


class _Names:
    """The names of a join's operators, in the order in which their numbers are used up."""

    def __init__(self, graph: Graph, kind: str, name: str | None) -> None:
        left_outer, right_outer = kind != "inner", kind == "outer"
        self.this_suffix = "-outer-this-join" if right_outer else "-this-join"
        self.other_suffix = "-outer-other-join" if left_outer else "-other-join"
        self.this_windowed = graph.suffixed_or_new(name, "-this-windowed", "KSTREAM-WINDOWED-")
        self.other_windowed = graph.suffixed_or_new(name, "-other-windowed", "KSTREAM-WINDOWED-")
        self.this_generated = graph.new_name("KSTREAM-OUTERTHIS-" if right_outer else "KSTREAM-JOINTHIS-")
        self.other_generated = graph.new_name("KSTREAM-OUTEROTHER-" if left_outer else "KSTREAM-JOINOTHER-")
        self.this = self.this_generated if name is None else name + self.this_suffix
        self.other = self.other_generated if name is None else name + self.other_suffix
        self.merge = graph.suffixed_or_new(name, "-merge", "KSTREAM-MERGE-")


class _Stores:
    """The stores of a join: the recent records of both sides, and the unmatched ones of outer joins."""

    def __init__(
        self,
        this: KStream,
        other: KStream,
        windows: JoinWindows,
        names: _Names,
        kind: str,
        given: str | None,
        serdes: tuple[Serde | None, Serde | None, Serde | None],
    ) -> None:
        key: Any = serdes[0] or this.key_serde or this.builder.key_serde
        left = serdes[1] or this.value_serde or this.builder.value_serde
        right = serdes[2] or other.value_serde or other.builder.value_serde
        kept = windows.size_ms + windows.grace_ms
        this_name = names.this_generated if given is None else given + names.this_suffix
        other_name = names.other_generated if given is None else given + names.other_suffix
        self.left = StoreDefinition(f"{this_name}-store", key, left, retention_ms=kept, logs_headers=True)
        self.right = StoreDefinition(f"{other_name}-store", key, right, retention_ms=kept, logs_headers=True)
        self.outer: StoreDefinition | None = None
        if kind != "inner":
            number = names.this_generated.rpartition("-")[2]
            suffix = "-outer-shared-join" if kind == "outer" else "-left-shared-join"
            shared = f"KSTREAM-OUTERSHARED-{number}" if given is None else given + suffix
            missing = MissingSerde(f"the values of {names.merge}")
            self.outer = StoreDefinition(f"{shared}-store", key, EitherSideListSerde(left or missing, right or missing))

    def log(self, config: Mapping[str, str], *, logging: bool) -> None:
        """Set whether and how changes of all stores are logged."""
        self.left, self.right = (
            replace(each, logging=logging, changelog_config=config) for each in (self.left, self.right)
        )
        if self.outer is not None:
            self.outer = replace(self.outer, logging=logging, changelog_config=config)


def _windowed(name: str, store: StoreDefinition) -> GraphNode:
    def write(topology: Topology, at: GraphNode) -> None:
        topology.add_state_store(store)
        topology.add_node(at.name, pass_through(at.name), at.parent_names, (store.name,))

    return GraphNode(name, write)


class _Sides:
    """Both sides of a join, which share one operator in each task."""

    def __init__(
        self,
        joiner: Joiner,
        windows: JoinWindows,
        stores: _Stores,
        kind: str,
        name: str,
    ) -> None:
        self._joiner = joiner
        self._windows = windows
        self._left, self._right, self._outer = stores.left, stores.right, stores.outer
        self._kind = kind
        self._name = name

    def node(self, side: int) -> MakeNode:
        """Return what makes the operator of one side."""

        def make_node(at: Connected) -> run.Node:
            def make(context: Any, stores: Any) -> StreamJoinSideProcessor:
                if self._name not in context.shared:
                    context.shared[self._name] = self._join(at, context, stores)
                return StreamJoinSideProcessor(at.name, context, context.shared[self._name], side)

            def columns(context: Any, stores: Any) -> JoinSideColumns:
                if self._name not in context.shared:
                    node = self._specified(at)
                    left, right = stores[node.left_store.name], stores[node.right_store.name]
                    context.shared[self._name] = (StreamStreamJoinColumns(node, context, left, right), [None])
                return JoinSideColumns(context.shared[self._name][0], side, context.shared[self._name][1])

            return run.Operator(
                name=at.name,
                make=make,
                specs=at.stores,
                columns=columns if self._lies_in_columns(at) and self._kind == "inner" else None,
                shape=getattr(self._joiner, "shape", None),
                steps=self._steps(at) if self._lies_in_columns(at) and self._kind != "inner" else None,
            )

        return make_node

    def self_join(self, at: Connected) -> run.Node:
        """Return the operator of a stream joined with itself."""
        spec, windows = at.stores[0], self._windows
        kept = windows.size_ms + windows.grace_ms
        return run.Operator(
            name=at.name,
            specs=at.stores,
            steps=Steps(value=self._joined, specs=((spec, JOIN_TIMES),)) if self._lies_in_columns(at) else None,
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

    @property
    def _joined(self) -> Shape | None:
        return getattr(self._joiner, "shape", None)

    def _lies_in_columns(self, at: Connected) -> bool:
        named = [self._left.name] if self._right.name not in at.all_stores else [self._left.name, self._right.name]
        serdes: list[Any] = [serde for n in named for serde in (at.all_stores[n].key_serde, at.all_stores[n].objects)]
        return self._joiner.columnar and all(serde.columnar for serde in serdes)

    def _steps(self, at: Connected) -> Steps:
        """Both sides run as one, and keep the records of both sides, and those without a partner, in memory."""
        assert self._outer is not None
        specs = at.all_stores
        sides = tuple((specs[each.name], JOIN_TIMES) for each in (self._left, self._right))
        return Steps(keeps_key=False, value=self._joined, specs=(*sides, (specs[self._outer.name], -1)))

    def _specified(self, at: Connected) -> run.StreamStreamJoin:
        windows, specs = self._windows, at.all_stores
        return run.StreamStreamJoin(
            name=self._name,
            joiner=self._joiner,
            left_store=specs[self._left.name],
            right_store=specs[self._right.name],
            outer_store=None if self._outer is None else specs[self._outer.name],
            before_ms=windows.before_ms,
            after_ms=windows.after_ms,
            grace_ms=windows.grace_ms,
            keep_left=self._kind != "inner",
            keep_right=self._kind == "outer",
        )

    def _join(self, at: Connected, context: Any, stores: Any) -> StreamStreamJoinProcessor:
        node, windows = self._specified(at), self._windows
        kept = windows.size_ms + windows.grace_ms
        outer = None
        if self._outer is not None:
            outer = UnmatchedLists(stores[self._outer.name])
        return StreamStreamJoinProcessor(
            node,
            context,
            JoinWindowStore(stores[node.left_store.name], kept),
            JoinWindowStore(stores[node.right_store.name], kept),
            outer,
        )


def join_table(
    this: KStream,
    table: KTable,
    kind: str,
    joiner: Given,
    *,
    key_serde: Serde | None = None,
    value_serde: Serde | None = None,
    grace: Span | None = None,
    name: str | None = None,
) -> KStream:
    """Look each record of a stream up in a table: as it is when the record is processed, or, where the table is
    versioned, as it was at the record's time.

    Args:
        joiner: of the record's value and the row, or key, value and row; in left joins the row may be None.
        key_serde, value_serde: of the stream, where it has to go through an internal topic.
        grace: records wait for late rows of a versioned table so long.
        name: of the operator and of that topic.

    Raises:
        TopologyError: the table is not versioned, or keeps less history than the grace period.
    """
    left = kind == "left"
    if this.needs_repartition:
        this = this.repartitioned_for_join(this.name if name is None else name, key_serde, value_serde)
    graph = this.builder.graph
    made = graph.name_or_new(name, "KSTREAM-LEFTJOIN-" if left else "KSTREAM-JOIN-")
    if grace is not None and table.node.versioned is False:
        raise _not_versioned(table.name)
    view = table.view()
    joins, known = joiner_of(joiner, this, value_serde_of(table), key_serde_of(this))
    grace_ms = None if grace is None else milliseconds(grace, "grace period")
    buffer = None if grace is None else _buffer(f"{made}-Buffer", this, key_serde, value_serde)

    def make_node(at: Connected) -> run.Node:
        def make(context: Any, stores: Any) -> StreamViewJoinProcessor:
            opened = view.open(context, stores, at.all_stores)
            if buffer is None or grace_ms is None:
                return StreamViewJoinProcessor(at.name, context, opened, lambda key, _value: key, joins.row, left=left)
            rows, serde = stores[buffer.name], at.all_stores[buffer.name].key_serde
            return BufferedViewJoinProcessor(
                at.name, context, opened, joins.row, rows, serde, grace_ms=grace_ms, left=left
            )

        columns, look_up = None, view.columns
        if joins.columnar and look_up is not None and buffer is None:
            columns = lambda context, _: StreamLookUpColumns(  # noqa: E731
                context, lambda: look_up(context), joins, left=left
            )
        return run.Operator(
            name=at.name,
            make=make,
            specs=at.stores,
            columns=columns,
            shape=getattr(joins, "shape", None),
            looks_up=view.stores,
            why="it calls a function of the program, or looks computed rows up",
            steps=None if buffer is None else _waiting(at, buffer.name, joins, look_up),
        )

    def write(topology: Topology, at: GraphNode) -> None:
        if buffer is not None:
            for each in (topology.stores[name] for name in view.stores):
                _check_history(table.name, each, grace_ms or 0)
            topology.add_state_store(buffer)
        own = () if buffer is None else (buffer.name,)
        topology.add_node(at.name, make_node, at.parent_names, (*own, *view.stores))
        topology.copartition([*this.sources, *table.sources])

    node = GraphNode(made, write, relaxed=left)
    graph.add(node, this.node)
    return KStream(this.builder, made, key_serde or this.key_serde, known, this.sources | table.sources, node)


def _waiting(at: Connected, buffer: str, joins: Joiner, look_up: Any) -> Steps | None:
    """Return how records that wait run within columns; None where the joiner or the table has no column form."""
    spec = at.all_stores[buffer]
    key: Any = spec.key_serde
    if look_up is None or not joins.columnar or not key.columnar:
        return None
    value = getattr(joins, "shape", None)
    return Steps(keeps_key=False, keeps_record=False, reads_place=True, value=value, specs=((spec, -1),))


def fits(maps: Any, spec: StoreSpec) -> bool:
    """Tell whether a mapper makes keys with the columns of a store's."""
    shape: Shape | None = getattr(spec.key_serde, "shape", None)
    return shape is not None and shape.same_columns(maps.shape)


def _buffer(name: str, stream: KStream, key_serde: Serde | None, value_serde: Serde | None) -> StoreDefinition:
    key: Any = key_serde or stream.key_serde or stream.builder.key_serde
    value = value_serde or stream.value_serde or stream.builder.value_serde
    return StoreDefinition(name, key, BufferedChangeSerde(value or MissingSerde(f"the values of {stream.name}")))


def _check_history(table: str, store: StoreDefinition, grace_ms: int) -> None:
    if store.history_ms is None:
        raise _not_versioned(table)
    if store.history_ms < grace_ms:
        raise TopologyError(
            f"Store {store.name} keeps {store.history_ms} ms of history, less than the grace period of {grace_ms} ms "
            "of the join. Keep more."
        )


def _not_versioned(table: str) -> TopologyError:
    return TopologyError(
        f"{table} is not versioned: records that wait are joined with the rows of their time. Materialise it with "
        "history_retention_ms, or join without a grace period."
    )


def join_global(
    this: KStream,
    table: GlobalKTable,
    kind: str,
    key_of: Given,
    joiner: Given,
    *,
    name: str | None = None,
) -> KStream:
    """Look each record of a stream up in a global table.

    Args:
        key_of: gives the table's key from a value, or from key and value.
        joiner: of the record's value and the row, or key, value and row; in left joins the row may be None.
    """
    left = kind == "left"
    graph, view = this.builder.graph, table.view()
    made = graph.name_or_new(name, "KSTREAM-LEFTJOIN-")
    joins, known = joiner_of(joiner, this, table.store.value_serde or this.builder.value_serde, key_serde_of(this))
    maps, _ = key_mapper(key_of, this)

    def key_function(key: Any, value: Any) -> Any:
        return maps.row(Record(key, value, -1))

    def make_node(at: Connected) -> run.Node:
        def make(context: Any, stores: Any) -> StreamViewJoinProcessor:
            opened = view.open(context, stores, at.all_stores)
            return StreamViewJoinProcessor(at.name, context, opened, key_function, joins.row, left=left)

        spec = at.all_stores[table.store.name]

        def columns(context: Any, stores: Any) -> StreamLookUpColumns:
            rows = GlobalLookUp(spec, StoredRows(stores[spec.name], spec.types, spec.objects))
            return StreamLookUpColumns(context, lambda: rows, joins, left=left, key=maps)

        has_columns = joins.columnar and maps.columnar and is_columnar(spec) and fits(maps, spec)
        shape = getattr(joins, "shape", None)
        return run.Operator(name=at.name, make=make, columns=columns if has_columns else None, shape=shape)

    def write(topology: Topology, at: GraphNode) -> None:
        topology.add_node(at.name, make_node, at.parent_names)

    node = GraphNode(made, write, relaxed=left)
    graph.add(node, this.node)
    return KStream(
        this.builder,
        made,
        this.key_serde,
        known,
        this.sources,
        node,
        needs_repartition=this.needs_repartition,
    )
