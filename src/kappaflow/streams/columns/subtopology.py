"""A subtopology in column form: batches through its operators in topological order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kappaflow.errors import TopologyError
from kappaflow.streams.batch import Batch
from kappaflow.streams.columns.aggregate import AggregateColumns, ChangedStates
from kappaflow.streams.columns.batches import shared
from kappaflow.streams.columns.column_shapes import columns_given
from kappaflow.streams.columns.coverage import table_makers
from kappaflow.streams.columns.fan import FlatMapColumns, MergeColumns
from kappaflow.streams.columns.merging import merged
from kappaflow.streams.columns.operator import ColumnOperator, Finishing, Logging, Remembering, Stores
from kappaflow.streams.columns.session import SessionColumns
from kappaflow.streams.columns.stateless import (
    FilterColumns,
    KeyColumns,
    MapColumns,
    PassColumns,
    StreamColumns,
)
from kappaflow.streams.columns.stepping import groups_of, shared_stores, step_operator, steps_of, stores_of
from kappaflow.streams.columns.steps import PLACES, Places, StepColumns, held_store
from kappaflow.streams.columns.store_changes import LoggedChanges
from kappaflow.streams.columns.stream_stream_join import StreamStreamJoinColumns
from kappaflow.streams.columns.stream_table_join import StreamTableJoinColumns
from kappaflow.streams.columns.table import (
    KeptTable,
    MaterialiseColumns,
    TableFilterColumns,
    TableMapColumns,
    TableSourceColumns,
)
from kappaflow.streams.columns.table_table_join import TableTableJoinColumns
from kappaflow.streams.processors.base import Expiry, TaskContext
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.streams.topology import nodes as n

Write = Callable[[n.Sink | n.Repartition, Batch], None]


def in_order(topology: Topology, subtopology: Subtopology) -> tuple[n.Node, ...]:
    """Return the operators so that each comes behind its parents, and behind the tables that it looks rows up in."""
    makers = table_makers(subtopology)
    members = {node.name: node for node in subtopology.nodes}
    placed: dict[str, n.Node] = {}

    def place(node: n.Node) -> None:
        if node.name in placed or node.name not in members:
            return
        looked_up = node.looks_up if isinstance(node, n.Operator) else ()
        for name in (*topology.parents[node.name], *(makers[store] for store in looked_up if store in makers)):
            if name in members and name != node.name:
                place(members[name])
        placed[node.name] = node

    for node in subtopology.nodes:
        place(node)
    return tuple(placed.values())


class ColumnSubtopology:
    """The operators of one task in column form.

    Args:
        stores: by name.
        write: takes what reaches a sink or a repartition topic.
    """

    def __init__(
        self, topology: Topology, subtopology: Subtopology, stores: Stores, context: TaskContext, write: Write
    ) -> None:
        self.context = context
        self._topology = topology
        self._write = write
        self._members = {node.name for node in subtopology.nodes}
        self._sources = {topic: nodes[0] for topic, nodes in subtopology.sources.items()}
        self._entries = {node.name for node in self._sources.values()}
        self._nodes = in_order(topology, subtopology)
        self._shared = shared_stores(subtopology, caching=context.caching)
        self._groups = groups_of(self._nodes, self._shared)
        self._given = columns_given(topology, subtopology)
        looked_up = {name for node in self._nodes if isinstance(node, n.Operator) for name in node.looks_up}
        self._looked_up = frozenset(looked_up)
        self._reads_places = any(steps.reads_place for node in self._nodes if (steps := steps_of(node, self._shared)))
        self._operators = {node.name: self._operator(node, stores) for node in self._nodes}
        self._logging: set[str] = set()
        self._flushed = [node.name for node in subtopology.nodes]  # as the row form flushes them
        # Once: whether an object has a protocol's methods takes longer than most of them.
        self._finishing = [each for each in self._operators.values() if isinstance(each, Finishing)]
        self._loggers = {name: each for name, each in self._operators.items() if isinstance(each, Logging)}
        self._remembering = {name: each for name, each in self._operators.items() if isinstance(each, Remembering)}

    def _operator(self, node: n.Node, stores: Stores) -> ColumnOperator:
        context, tracks_old = self.context, self._tracks_old(node)
        steps = steps_of(node, self._shared)
        if steps is not None:
            for spec, suffix in stores_of(steps, node):
                held = held_store(context, spec, stores[spec.name], suffix)
                if spec.name in self._looked_up:
                    held.note()
            return step_operator(node, steps, stores, self._given[node.name], context, self._groups[node.name])
        match node:
            case n.TableSource() | n.ToTable():
                store = None if node.store is None else stores[node.store.name]
                return TableSourceColumns(node, store, context, tracks_old=tracks_old)
            case n.Filter():
                return FilterColumns(node)
            case n.MapValues():
                return MapColumns(node)
            case n.FlatMapValues():
                return FlatMapColumns(node)
            case n.Merge():
                return MergeColumns()
            case n.Operator() if node.columns is not None:
                return node.columns(context, stores)
            case n.SelectKey():
                return KeyColumns(node, context)
            case n.ToStream():
                return StreamColumns()
            case n.TableFilter():
                return TableFilterColumns(node)
            case n.TableMapValues():
                return TableMapColumns(node)
            case n.Materialise():
                return MaterialiseColumns(node, stores[node.store.name], tracks_old=tracks_old)
            case n.StreamAggregate() | n.WindowedAggregate():
                return AggregateColumns(node, stores[node.store.name], context, tracks_old=tracks_old)
            case n.SessionAggregate():
                return SessionColumns(node, stores[node.store.name], context, tracks_old=tracks_old)
            case n.StreamStreamJoin():
                left, right = stores[node.left_store.name], stores[node.right_store.name]
                return StreamStreamJoinColumns(node, context, left, right)
            case n.TableTableJoin():
                left, right = stores[node.left_store.name], stores[node.right_store.name]
                return TableTableJoinColumns(node, context, left, right, tracks_old=tracks_old)
            case n.StreamTableJoin():
                return StreamTableJoinColumns(node, stores[node.store.name], context)
            case n.Source() | n.Repartition() | n.Sink():
                return PassColumns()
            case _:
                raise TopologyError(f"{node.name} has no column form.")

    def _tracks_old(self, node: n.Node) -> bool:
        """Tell whether anything behind a table operator compares old values with new ones."""
        for name in self._topology.children[node.name]:
            child = self._topology.nodes[name]
            steps = steps_of(child, self._shared)
            if steps is not None and steps.takes_changes:
                return True
            if isinstance(child, n.TableFilter) or (isinstance(child, n.Operator) and child.reads_old):
                return True
            if isinstance(child, n.TableTableJoin) and (child.keep_left or child.keep_right):
                return True
            if isinstance(child, n.TableMapValues | n.TableTableJoin) and self._tracks_old(child):
                return True
        return False

    # ---- batches ----

    def process(self, inputs: Mapping[str, Batch]) -> None:
        """Run the batches of source topics; their `ord` is one order of all rows."""
        given = {self._sources[topic].name: batch for topic, batch in inputs.items() if len(batch)}
        if self._reads_places:
            self.context.shared[PLACES] = Places([(t, b.ord, b.partition, b.offset) for t, b in inputs.items()])
        for batch in given.values():
            batch.partition = batch.offset = None  # nothing behind the source reads them there
            self.context.stream_time = max(self.context.stream_time, int(batch.timestamp.max()))
        self._run(given)

    def _run(self, given: dict[str, Batch]) -> None:
        """Run all operators behind the nodes whose outputs are given."""
        outputs: dict[str, Batch] = {}
        for node in self._nodes:
            if node.name in given and node.name not in self._entries:
                outputs[node.name] = given[node.name]
                continue
            inputs = self._inputs(node, given, outputs)
            pending: bool = getattr(self._operators[node.name], "pending", False)
            if not pending and all(batch is None for batch in inputs):
                continue
            if isinstance(node, n.Sink | n.Repartition) and node.name not in self._entries:
                batches = [batch for batch in inputs if batch is not None]
                self._write(node, batches[0] if len(batches) == 1 else merged(batches))
                continue
            result = self._operators[node.name].run(inputs)
            if result is not None and len(result) and not self._holds(node.name):
                outputs[node.name] = result
        for operator in self._finishing:
            operator.finish()

    def _holds(self, name: str) -> bool:
        """Whether what an operator gives waits in its table for a commit."""
        kept: KeptTable | None = getattr(self._operators[name], "kept", None)
        return kept is not None and kept.held is not None

    def _inputs(self, node: n.Node, given: Mapping[str, Batch], outputs: Mapping[str, Batch]) -> list[Batch | None]:
        if node.name in self._entries:
            return [given.get(node.name)]
        found: list[Batch | None] = []
        for parent in self._topology.parents[node.name]:
            batch = outputs.get(parent)
            # Operators set the columns of their batch anew, so each child gets a batch of its own.
            found.append(None if batch is None else shared(batch))
        return found

    # ---- commit ----

    def drain(self) -> list[tuple[n.StoreSpec, ChangedStates | LoggedChanges]]:
        """Hand changed states over to the stores, forward held back results, and return what changelogs get."""
        drained: list[tuple[n.StoreSpec, ChangedStates | LoggedChanges]] = []
        if self._reads_places and self.context.caching:
            self.context.shared[PLACES] = Places(())
        for name in self._flushed:
            operator = self._operators[name]
            if (logger := self._loggers.get(name)) is not None:
                found = logger.logged()
                self._logging.update(spec.name for spec, _ in found)
                drained += [(spec, logged) for spec, logged in found if logged is not None]
            held_back = self._held_back(operator)
            if held_back is not None:
                self._run({name: held_back})
            if not isinstance(operator, AggregateColumns):
                continue
            changed = operator.drain()
            if changed is None:
                continue
            drained.append((operator.node.store, changed))
            if operator.holds:
                self._run({name: changed.results})
        return drained

    def _held_back(self, operator: ColumnOperator) -> Batch | None:
        if isinstance(operator, StepColumns):
            return operator.flush() if self.context.caching else None
        kept: KeptTable | None = getattr(operator, "kept", None)
        return None if kept is None else kept.take_held()

    def sync(self) -> None:
        """Let the stores show the states as they are; nothing is forwarded."""
        for operator in self._operators.values():
            if isinstance(operator, AggregateColumns):
                operator.sync()

    @property
    def folded_stores(self) -> set[str]:
        """The stores whose changes `drain` gives."""
        folded = {o.node.store.name for o in self._operators.values() if isinstance(o, AggregateColumns)}
        return folded | self._logging

    @property
    def delta_bytes(self) -> int:
        """What states have grown by since the last `drain`."""
        return sum(o.delta_bytes for o in self._operators.values() if isinstance(o, AggregateColumns))

    def progress(self) -> dict[str, dict[str, int]]:
        """Return the numbers that a restart must find again, by operator."""
        return {name: operator.progress() for name, operator in self._remembering.items()}

    def resume(self, progress: Callable[[str], Mapping[str, int]]) -> None:
        """Go on from the numbers of each operator."""
        for name, operator in self._remembering.items():
            operator.resume(progress(name))

    def newest(self) -> dict[str, int]:
        """Return the greatest times of stores of versions and windows, by their names."""
        versions = {name: store.observed for name, store in self.context.versioned.items()}
        return {**versions, **self.context.newest}

    def resume_newest(self, found: Mapping[str, int]) -> None:
        """Go on from what `newest` gave; called before `resume`."""
        for name, number in found.items():
            store = self.context.versioned.get(name)
            if store is None:
                self.context.newest[name] = number
            else:
                store.resume(number)

    def expiries(self) -> list[Expiry]:
        """Return what the stores need not keep."""
        versions = [Expiry.of(name, 8, each.observed, each.history_ms) for name, each in self.context.versioned.items()]
        return versions + [expiry for operator in self._remembering.values() for expiry in operator.expiries()]
