"""From nodes to running operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from kappaflow.errors import RecordFailedError, TimestampError, TopologyError
from kappaflow.state import (
    JoinWindowStore,
    LruStore,
    ObjectStore,
    OrderedStore,
    SessionStore,
    UnmatchedStore,
    VersionedStore,
)
from kappaflow.streams.processors.aggregate import StreamAggregateProcessor, WindowedAggregateProcessor
from kappaflow.streams.processors.base import Input, Processor, TaskContext
from kappaflow.streams.processors.cache_entries import CachedRows, CacheEntries
from kappaflow.streams.processors.result_cache import holds_back, waiting_in
from kappaflow.streams.processors.session import SessionAggregateProcessor
from kappaflow.streams.processors.stateless import (
    FilterProcessor,
    FlatMapValuesProcessor,
    MapValuesProcessor,
    SelectKeyProcessor,
    SinkProcessor,
    ToStreamProcessor,
)
from kappaflow.streams.processors.stream_stream_join import StreamStreamJoinProcessor
from kappaflow.streams.processors.stream_table_join import StreamTableJoinProcessor
from kappaflow.streams.processors.suppress import SuppressProcessor
from kappaflow.streams.processors.table import (
    MaterialiseProcessor,
    TableFilterProcessor,
    TableMapValuesProcessor,
    TableSourceProcessor,
)
from kappaflow.streams.processors.table_aggregate import GroupTableProcessor, TableAggregateProcessor
from kappaflow.streams.processors.table_table_join import TableTableJoinProcessor
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n
from kappaflow.streams.topology.builder import ProcessorWrapper

Stores = Mapping[str, OrderedStore]


class SourceProcessor(Processor):
    """The entrance of a subtopology: hands records on as they are."""

    def process(self, record: Any, port: int = 0) -> None:
        """Forward the record."""
        self.forward(record)


def _stream_stream(node: n.StreamStreamJoin, context: TaskContext, stores: Stores) -> Processor:
    kept = node.before_ms + node.after_ms + (node.grace_ms if node.grace_ms is not None else 0)
    left = JoinWindowStore(stores[node.left_store.name], node.left_store.retention_ms or kept)
    right = JoinWindowStore(stores[node.right_store.name], node.right_store.retention_ms or kept)
    outer = UnmatchedStore(stores[node.outer_store.name]) if node.outer_store is not None else None
    return StreamStreamJoinProcessor(node, context, left, right, outer)


def open_objects(spec: n.StoreSpec, rows: OrderedStore, context: TaskContext) -> Any:
    """Return the store of a task that keeps objects; a versioned one is opened once, as it knows its time."""
    if spec.objects is None:
        return rows
    if spec.max_entries is not None:
        rows = context.shared.get(f"lru:{spec.name}") or context.shared.setdefault(
            f"lru:{spec.name}", LruStore(cast("Any", rows), spec.max_entries, context.now)
        )
    if context.cache_budget is not None and holds_back(context, spec):
        rows = cast("OrderedStore", CachedRows(rows, lambda: _entries_of(context, spec)))
    if spec.history_ms is None:
        return ObjectStore(rows, spec.objects)
    found = context.versioned.get(spec.name)
    if found is None:
        found = context.versioned[spec.name] = VersionedStore(rows, spec.objects, spec.history_ms)
    return found


def _entries_of(context: TaskContext, spec: n.StoreSpec) -> CacheEntries | None:
    cache = waiting_in(context, spec)
    return None if cache is None else cache.entries


_BUILDERS: dict[type[n.Node], Callable[[Any, TaskContext, Stores], Processor]] = {
    n.Source: lambda node, context, _: SourceProcessor(node.name, context),
    n.TableSource: lambda node, context, stores: TableSourceProcessor(
        node, context, stores[node.store.name] if node.store is not None else None
    ),
    n.ToTable: lambda node, context, stores: TableSourceProcessor(
        node, context, stores[node.store.name] if node.store is not None else None
    ),
    n.Operator: lambda node, context, stores: node.make(context, stores),
    n.Filter: lambda node, context, _: FilterProcessor(node, context),
    n.MapValues: lambda node, context, _: MapValuesProcessor(node, context),
    n.FlatMapValues: lambda node, context, _: FlatMapValuesProcessor(node, context),
    n.Merge: lambda node, context, _: SourceProcessor(node.name, context),
    n.SelectKey: lambda node, context, _: SelectKeyProcessor(node, context),
    n.ToStream: lambda node, context, _: ToStreamProcessor(node, context),
    n.Sink: lambda node, context, _: SinkProcessor(node, context),
    n.StreamAggregate: lambda node, context, stores: StreamAggregateProcessor(node, context, stores[node.store.name]),
    n.WindowedAggregate: lambda node, context, stores: WindowedAggregateProcessor(
        node, context, stores[node.store.name]
    ),
    n.SessionAggregate: lambda node, context, stores: SessionAggregateProcessor(
        node, context, SessionStore(stores[node.store.name])
    ),
    n.TableFilter: lambda node, context, _: TableFilterProcessor(node, context),
    n.TableMapValues: lambda node, context, _: TableMapValuesProcessor(node, context),
    n.GroupTable: lambda node, context, _: GroupTableProcessor(node, context),
    n.TableAggregate: lambda node, context, stores: TableAggregateProcessor(node, context, stores[node.store.name]),
    n.Materialise: lambda node, context, stores: MaterialiseProcessor(node, context, stores[node.store.name]),
    n.Suppress: lambda node, context, stores: SuppressProcessor(node, context, stores[node.store.name]),
    n.StreamTableJoin: lambda node, context, stores: StreamTableJoinProcessor(node, context, stores[node.store.name]),
    n.TableTableJoin: lambda node, context, stores: TableTableJoinProcessor(
        node, context, stores[node.left_store.name], stores[node.right_store.name]
    ),
    n.StreamStreamJoin: _stream_stream,
}


def make_processor(node: n.Node, context: TaskContext, stores: Stores) -> Processor:
    """Make the operator of a node.

    Raises:
        TopologyError: the node has no operator.
    """
    builder = _BUILDERS.get(type(node))
    if builder is None:
        raise TopologyError(f"{type(node).__name__} cannot run yet.")
    return builder(node, context, stores)


def wrapped(processor: Processor, wrap: ProcessorWrapper | None) -> Processor:
    """Put what a program wants around an operator."""
    if wrap is None:
        return processor
    inner, current = processor.process, 0

    def process_inner(record: Any) -> None:
        inner(record, current)

    around = wrap(processor.name, process_inner)

    def process(record: Any, port: int = 0) -> None:
        nonlocal current
        before, current = current, port
        around(record)
        current = before

    processor.process = process
    return processor


def guarded(processor: Processor, context: TaskContext) -> Processor:
    """Let a handler decide about records for which an operator fails, where there is one."""
    on_failure = context.on_failure
    if on_failure is None:
        return processor
    inner = processor.process

    def process(record: Any, port: int = 0) -> None:
        try:
            inner(record, port)
        except (RecordFailedError, TimestampError):
            raise  # it was decided about
        except Exception as error:
            on_failure(processor.name, error)

    processor.process = process
    return processor


def build_processors(
    topology: Topology, subtopology: Subtopology, context: TaskContext, stores: Stores
) -> dict[str, Processor]:
    """Make and connect the operators of a subtopology.

    Returns:
        The entrances by source node name, and all others by name; the entrance of a repartition node is called by
        the node's name, its exit by ``<name>-sink``.

    Raises:
        TopologyError: a node has no operator.
    """
    objects = {spec.name: open_objects(spec, stores[spec.name], context) for spec in subtopology.stores if spec.objects}
    stores = {**stores, **objects}
    entrances: dict[str, Processor] = {}
    exits: dict[str, Processor] = {}
    source_nodes = {node.name for nodes in subtopology.sources.values() for node in nodes}
    member_names = {node.name for node in subtopology.nodes}
    for node in subtopology.nodes:
        if isinstance(node, n.Repartition):
            if node.name in source_nodes:
                entrances[node.name] = SourceProcessor(node.name, context)
            if any(parent in member_names for parent in topology.parents[node.name]):
                exits[node.name] = wrapped(SinkProcessor(node, context), topology.wrap)
            continue
        made = wrapped(make_processor(node, context, stores), topology.wrap)
        entrances[node.name] = guarded(made, context)
    for node in subtopology.nodes:
        parents = topology.parents[node.name]
        child = exits.get(node.name) if isinstance(node, n.Repartition) else entrances[node.name]
        if child is None:
            continue
        for port, parent in enumerate(parents):
            if parent in entrances:
                entrances[parent].children.append(Input(child, port))
    return {**entrances, **{f"{name}-sink": processor for name, processor in exits.items()}}
