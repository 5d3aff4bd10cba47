"""Tables whose values are made by transformers: objects of users with state of their own.

class Enumerate:
    def init(self, context):
        self.seen = context.get_state_store("seen")

    def transform(self, key, value):          # also of deletions, where value is None
        ...

table.transform_values(Enumerate, "seen")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kappaflow.errors import StreamsError
from kappaflow.streams import topology as run
from kappaflow.streams.dsl.entries import Connected
from kappaflow.streams.dsl.graph import GraphNode
from kappaflow.streams.dsl.processor_api import ProcessorContext
from kappaflow.streams.dsl.stores import Materialized, StoreDefinition
from kappaflow.streams.dsl.table_steps import Specs, Step, Stores, Table, View, store_view
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.processors.base import Processor, RowStore, TaskContext
from kappaflow.streams.processors.keys import KeyWriter
from kappaflow.streams.processors.put_results import is_kept, is_latest
from kappaflow.streams.processors.result_cache import CachingProcessor, table_holds_back
from kappaflow.streams.processors.table_views import UNKNOWN_TIME, TableView, ValueAndTimestamp
from kappaflow.streams.record import Change, Record
from kappaflow.streams.topology.nodes import StoreSpec

if TYPE_CHECKING:
    from kappaflow.streams.dsl.table import KTable

PREFIX = "KTABLE-TRANSFORMVALUES-"
Supplier = Callable[[], Any]


class TransformerContext(ProcessorContext):
    """What a transformer may use: all that a processor may, but it forwards nothing."""

    def forward(self, record: Record, child: str | None = None) -> None:
        """Refuse.

        Raises:
            StreamsError: always; a transformer returns its value.
        """
        raise StreamsError(f"A transformer of {self.node_name} returns its value; it forwards nothing.")


def _transformer(
    supplier: Supplier, node: Processor, context: TaskContext, stores: Mapping[str, Any], specs: Sequence[StoreSpec]
) -> Any:
    made = supplier()
    if not hasattr(made, "transform"):
        raise StreamsError(f"The supplier of {node.name} gave {made!r}, which has no method transform(key, value).")
    if hasattr(made, "init"):
        made.init(TransformerContext(node, context, stores, tuple(specs), (), keeps_key=True))
    return made


class TransformTableProcessor(CachingProcessor):
    """Gives the rows of a table the values that a transformer makes, also where a row is deleted.

    Args:
        sends_old: old values are forwarded: those of the store, or transformed anew.
        store: keeps the new rows.
    """

    def __init__(
        self,
        name: str,
        context: TaskContext,
        supplier: Supplier,
        stores: Mapping[str, Any],
        specs: Sequence[StoreSpec],
        *,
        sends_old: bool,
        kept: StoreSpec | None,
    ) -> None:
        super().__init__(name, context)
        self._supplier, self._stores, self._specs = supplier, stores, specs
        self._sends_old = sends_old
        self._store: RowStore | None = None if kept is None else stores[kept.name]
        self._write_key = None if kept is None else KeyWriter(kept.key_serde)
        self._transformer: Any = None
        if kept is not None and table_holds_back(context, kept):
            self.hold_back(kept)

    def resume(self, progress: Mapping[str, int]) -> None:
        """Start the transformer; its stores are current now."""
        super().resume(progress)
        self._started()

    def _started(self) -> Any:
        if self._transformer is None:
            self._transformer = _transformer(self._supplier, self, self.context, self._stores, self._specs)
        return self._transformer

    def process(self, record: Record, port: int = 0) -> None:
        """Forward the transformed change."""
        transform, change = self._started().transform, record.value
        new = transform(record.key, change.new)
        if self._store is None or self._write_key is None:
            old = transform(record.key, change.old) if self._sends_old else None
            self.forward(record.with_value(Change(new, old, change.is_latest)))
            return
        key = self._write_key(record.key)
        found = self.row_before(self._store, key, reads=self._sends_old)
        before = None if found is None else found[0]
        result = self._store.put(key, new, record.timestamp)
        if is_kept(result):
            changed = record.with_value(Change(new, before if self._sends_old else None, is_latest(result)))
            self.send(key, changed, before, sends_old=self._sends_old)

    def close(self) -> None:
        """End the transformer."""
        if hasattr(self._transformer, "close"):
            self._transformer.close()


class TransformView:
    """The rows of another table, transformed."""

    def __init__(self, parent: TableView, transformer: Any) -> None:
        self._parent = parent
        self._transformer = transformer

    @property
    def is_versioned(self) -> bool:
        """Tell whether the other table is."""
        return self._parent.is_versioned

    def get(self, key: Any) -> ValueAndTimestamp | None:
        """Return the transformed row of a key; a missing row is transformed as well."""
        return self._transformed(key, self._parent.get(key))

    def get_at(self, key: Any, timestamp: int) -> ValueAndTimestamp | None:
        """Return the transformed row that a key had at a time."""
        return self._transformed(key, self._parent.get_at(key, timestamp))

    def _transformed(self, key: Any, found: ValueAndTimestamp | None) -> ValueAndTimestamp | None:
        value, timestamp = (None, UNKNOWN_TIME) if found is None else found
        made = self._transformer.transform(key, value)
        return None if made is None else (made, timestamp)


class TransformStep(Step):
    """A table transformed row by row."""

    def __init__(self, parent: Table, name: str, supplier: Supplier, own: Sequence[str], store: str | None) -> None:
        self.parent, self.name, self.supplier = parent, name, supplier
        self.own, self.store_name = own, store

    def enable_old_values(self, *, force: bool) -> bool:
        """Old values are those of the store, or transformed from those of the parent."""
        if self.store_name is not None or self.parent.enable_old_values(force=force):
            self.sends_old = True
        return self.sends_old

    def view(self) -> View:
        """Return the view of the store, or one that transforms."""
        if self.store_name is not None:
            return store_view(self.store_name)
        below = self.parent.view()

        def opened(context: Any, stores: Stores, specs: Specs) -> TableView:
            named = [specs[each] for each in self.own]
            made = _transformer(self.supplier, Processor(self.name, context), context, stores, named)
            return TransformView(below.open(context, stores, specs), made)

        return View(below.stores, opened)

    def node(self, at: Connected) -> run.Node:
        """Return the operator."""
        kept = None if self.store_name is None else at.all_stores[self.store_name]
        own = [at.all_stores[each] for each in self.own]

        def make(context: Any, stores: Stores) -> TransformTableProcessor:
            return TransformTableProcessor(
                at.name, context, self.supplier, stores, own, sends_old=self.sends_old, kept=kept
            )

        return run.Operator(name=at.name, make=make, specs=at.stores)


def transform_values(
    this: KTable, supplier: Supplier, own: Sequence[str], materialized: Materialized | None, name: str | None
) -> KTable:
    """Give the rows of a table the values that a transformer makes."""
    from kappaflow.streams.dsl.table import KTable

    graph, key, value, store = this.builder.graph, this.key_serde, None, None
    if materialized is not None:
        key, value = materialized.key_serde or key, materialized.value_serde
        if materialized.name is not None:
            inner: Any = getattr(key, "inner", key)
            store = StoreDefinition(
                materialized.name,
                inner,
                value,
                getattr(key, "window", None),
                logging=materialized.logging,
                changelog_config=materialized.changelog_config,
                history_ms=materialized.history_retention_ms,
                caching=materialized.caching,
                in_memory=materialized.in_memory,
                max_entries=materialized.max_entries,
            )
    made = graph.name_or_new(name, PREFIX)
    step = TransformStep(this, made, supplier, own, None if store is None else store.name)

    def write(topology: Topology, at: GraphNode) -> None:
        if store is not None:
            topology.add_state_store(store)
        kept = () if store is None else (store.name,)
        topology.add_node(at.name, step.node, at.parent_names, (*kept, *own))

    node = GraphNode(made, write, versioned=None if materialized is None else materialized.is_versioned)
    graph.add(node, this.node)
    return KTable(this.builder, made, key, value, this.sources, step, node)
