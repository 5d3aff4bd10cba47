"""What stands behind a table: how its rows are computed, whether they are kept, and whether old ones are known.

Later calls decide about earlier ones: a join needs the rows of both its tables, so the tables they are computed from
get stores; a regrouped table needs old values, so they are tracked all the way up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kappaflow.serde.shape import Shape
from kappaflow.streams import topology as run
from kappaflow.streams.batch import ArrowArray, Batch, Mask
from kappaflow.streams.columns.step_rows import Steps
from kappaflow.streams.columns.table import KeptTable, keep_table, kept_table
from kappaflow.streams.columns.table_lookups import (
    ComputedLookUp,
    LookUp,
    TableLookUpColumns,
    TableMergeColumns,
    TableStepColumns,
)
from kappaflow.streams.dsl.entries import Connected
from kappaflow.streams.dsl.graph import LatestOnly
from kappaflow.streams.dsl.stores import StoreDefinition
from kappaflow.streams.functions import Joiner
from kappaflow.streams.processors.table_steps import TableMergeProcessor, TableStepProcessor
from kappaflow.streams.processors.table_views import (
    BufferedView,
    FilterView,
    JoinView,
    MapView,
    StoreView,
    TableView,
    open_store,
)
from kappaflow.streams.processors.view_joins import TableJoinSideProcessor
from kappaflow.streams.topology.nodes import StoreSpec

Stores = Mapping[str, Any]
Specs = Mapping[str, StoreSpec]
ComputeColumns = Callable[[Batch], tuple[list[ArrowArray], Mask | None]]
OpenView = Callable[[Any, Stores, Specs], TableView]


@dataclass(frozen=True, slots=True)
class View:
    """How to look rows of a table up.

    Attributes:
        stores: names of the stores that are needed.
        open: gives the view in a task, from its context, its stores and the specifications of stores.
        columns: gives the view's column form from the context of a task; None where it has none.
    """

    stores: tuple[str, ...]
    open: OpenView
    columns: Callable[[Any], LookUp] | None = None


def store_view(name: str) -> View:
    """Return the view of a store."""

    def opened(_: Any, stores: Stores, specs: Specs) -> TableView:
        return StoreView(open_store(stores, specs[name]), specs[name].key_serde)

    return View((name,), opened, lambda context: kept_table(context, name))


def is_columnar(spec: StoreSpec | None) -> bool:
    """Tell whether the rows of a store, where there is one, lie in columns."""
    serdes: list[Any] = [] if spec is None else [getattr(spec.key_serde, "inner", spec.key_serde), spec.objects]
    return all(serde.columnar for serde in serdes)


def kept_in(
    context: Any, spec: StoreSpec | None, stores: Stores, *, tracks_old: bool, sends_old: bool
) -> KeptTable | None:
    """Return what keeps the rows of a table in its store, where it has one."""
    if spec is None:
        return None
    return keep_table(context, spec, stores[spec.name], tracks_old=tracks_old, sends_old=sends_old)


class Table(Protocol):
    """The table that a step computes from."""

    name: str

    def enable_old_values(self, *, force: bool) -> bool:
        """Ask for old values; tell whether they will come."""
        ...

    def view(self) -> View:
        """Return how rows are looked up; makes sure that they can be."""
        ...


class Step(ABC):
    """Base of all steps."""

    sends_old = False

    @abstractmethod
    def enable_old_values(self, *, force: bool) -> bool:
        """Ask for old values; tell whether they will come.

        Args:
            force: rows are kept in a store for it where there is no other way.
        """

    @abstractmethod
    def view(self) -> View:
        """Return how rows are looked up."""


class StoredStep(Step):
    """A table that is always kept: aggregates."""

    def __init__(self, store: StoreDefinition) -> None:
        self.store = store

    def enable_old_values(self, *, force: bool) -> bool:
        """Old values are those of the store."""
        del force
        self.sends_old = True
        return True

    def view(self) -> View:
        """Return the view of the store."""
        return store_view(self.store.name)


class SourceStep(Step):
    """A table read from a topic, or made of a stream: kept only where something needs it."""

    def __init__(self, store: StoreDefinition, *, is_kept: bool) -> None:
        self.store = store
        self.is_kept = is_kept

    def enable_old_values(self, *, force: bool) -> bool:
        """Old values are those of the store."""
        if not force and not self.is_kept:
            return False
        self.is_kept = self.sends_old = True
        return True

    def view(self) -> View:
        """Keep the table and return the view of its store."""
        self.is_kept = True
        return store_view(self.store.name)

    def node(self, at: Connected) -> run.Node:
        """Return the operator."""
        return run.ToTable(name=at.name, store=at.stores[0] if at.stores else None)

    @property
    def stores(self) -> list[StoreDefinition]:
        """The store, if there is one."""
        return [self.store] if self.is_kept else []


class ComputedStep(Step):
    """A table computed row by row from another: filter and map.

    Args:
        compute: makes the new value of a key and a value that is not None.
        keeps: the predicate of a filter; None for a map.
        store: keeps the rows.
        columns: the column form of `compute`; None where it has none.
        shape: of the columns that a map makes.
    """

    def __init__(
        self,
        parent: Table,
        compute: Callable[[Any, Any], Any],
        keeps: Callable[[Any, Any], bool] | None,
        store: StoreDefinition | None,
        columns: ComputeColumns | None = None,
        shape: Shape | None = None,
    ) -> None:
        self._columns = columns
        self._shape = shape
        self.parent = parent
        self.compute = compute
        self.keeps = keeps
        self.store = store
        self.latest = LatestOnly()
        if keeps is not None:
            self.sends_old = parent.enable_old_values(force=False)

    def enable_old_values(self, *, force: bool) -> bool:
        """Old values are those of the store, or computed from those of the parent."""
        if self.store is not None or self.parent.enable_old_values(force=force):
            self.sends_old = True
        return self.sends_old

    def view(self) -> View:
        """Return the view of the store, or one that computes."""
        if self.store is not None:
            return store_view(self.store.name)
        below, keeps, compute, look_up = self.parent.view(), self.keeps, self._columns, None
        below_columns = below.columns
        if compute is not None and below_columns is not None:
            look_up = lambda context: ComputedLookUp(below_columns(context), compute)  # noqa: E731
        if keeps is not None:
            opened = lambda c, stores, specs: FilterView(below.open(c, stores, specs), keeps)  # noqa: E731
            return View(below.stores, opened, look_up)
        mapped = lambda c, stores, specs: MapView(below.open(c, stores, specs), self.compute)  # noqa: E731
        return View(below.stores, mapped, look_up)

    def node(self, at: Connected) -> run.Node:
        """Return the operator."""
        spec = at.stores[0] if at.stores else None

        def make(context: Any, stores: Stores) -> TableStepProcessor:
            return TableStepProcessor(
                at.name,
                context,
                self.compute,
                sends_old=self.sends_old,
                skips_nothing=self.keeps is not None and not self.latest.applies,
                store=None if spec is None else stores[spec.name],
                spec=spec,
            )

        compute, columns, steps = self._columns, None, None
        if compute is not None and is_columnar(spec) and spec is not None and spec.history_ms is not None:
            steps = Steps(takes_changes=True, makes_changes=True, value=self._shape)
        elif compute is not None and is_columnar(spec):
            columns = lambda context, stores: TableStepColumns(  # noqa: E731
                compute,
                sends_old=self.sends_old,
                skips_nothing=self.keeps is not None and not self.latest.applies,
                kept=kept_in(context, spec, stores, tracks_old=self.sends_old, sends_old=self.sends_old),
            )
        return run.Operator(
            name=at.name,
            make=make,
            specs=at.stores,
            columns=columns,
            shape=self._shape,
            reads_old=self.sends_old,
            keeps=() if spec is None else (spec.name,),
            steps=steps,
        )


class JoinSide:
    """One side of a join of tables: joins its changes with the rows of the other.

    Args:
        own, other: the tables.
        joiner: of the key, this side's value and the other's.
        columns: the column form of the joiner of the left and the right value; None where it has none.
    """

    def __init__(
        self,
        own: Table,
        other: Table,
        joiner: Callable[[Any, Any, Any], Any],
        *,
        keeps_own: bool,
        keeps_other: bool,
        columns: Joiner | None = None,
        own_is_left: bool = True,
    ) -> None:
        self._columns, self._own_is_left = columns, own_is_left
        self.own, self.other = own, other
        self.joiner = joiner
        self.keeps_own, self.keeps_other = keeps_own, keeps_other
        self.own_view, self.other_view = own.view(), other.view()
        self.sends_old = False
        self.latest = LatestOnly()

    def enable_old_values(self) -> None:
        """Track old values on both sides."""
        self.own.enable_old_values(force=True)
        self.other.enable_old_values(force=True)
        self.sends_old = True

    def view(self) -> View:
        """Return the joined rows."""
        own, other = self.own_view, self.other_view

        def opened(context: Any, stores: Stores, specs: Specs) -> TableView:
            return JoinView(
                own.open(context, stores, specs),
                other.open(context, stores, specs),
                self.joiner,
                keep_left=self.keeps_own,
                keep_right=self.keeps_other,
            )

        return View((*own.stores, *other.stores), opened)

    def node(self, at: Connected) -> run.Node:
        """Return the operator."""

        def make(context: Any, stores: Stores) -> TableJoinSideProcessor:
            return TableJoinSideProcessor(
                at.name,
                context,
                self.other_view.open(context, stores, at.all_stores),
                self.joiner,
                keeps_own=self.keeps_own,
                keeps_other=self.keeps_other,
                sends_old=self.sends_old,
                latest_only=self.latest.applies,
            )

        joiner, looked_up, other = self._columns, self.other_view.stores, self.other_view.columns
        columns = None
        if joiner is not None and other is not None:
            columns = lambda context, _: TableLookUpColumns(  # noqa: E731
                context,
                lambda: other(context),
                joiner,
                own_is_left=self._own_is_left,
                keeps_own=self.keeps_own,
                keeps_other=self.keeps_other,
                sends_old=self.sends_old,
                latest_only=self.latest.applies,
            )
        return run.Operator(
            name=at.name,
            make=make,
            specs=at.stores,
            columns=columns,
            shape=getattr(joiner, "shape", None),
            reads_old=self.sends_old or self.keeps_own,
            looks_up=looked_up,
        )


class JoinStep(Step):
    """The join of two tables."""

    def __init__(self, this: JoinSide, other: JoinSide, store: StoreDefinition | None) -> None:
        self.this, self.other = this, other
        self.store = store

    def enable_old_values(self, *, force: bool) -> bool:
        """Track old values on both sides."""
        del force
        self.this.enable_old_values()
        self.other.enable_old_values()
        self.sends_old = True
        return True

    def view(self) -> View:
        """Return the view of the store, or the joined rows."""
        if self.store is not None:
            return store_view(self.store.name)
        return self.this.view()

    def node(self, at: Connected) -> run.Node:
        """Return the operator behind both sides."""
        spec = at.stores[0] if at.stores else None

        def make(context: Any, stores: Stores) -> TableMergeProcessor:
            return TableMergeProcessor(
                at.name,
                context,
                sends_old=self.sends_old,
                store=None if spec is None else stores[spec.name],
                spec=spec,
            )

        columns, steps = None, None
        if is_columnar(spec) and spec is not None and spec.history_ms is not None:
            steps = Steps(takes_changes=True, makes_changes=True)
        elif is_columnar(spec):
            columns = lambda context, stores: TableMergeColumns(  # noqa: E731
                sends_old=self.sends_old,
                kept=kept_in(context, spec, stores, tracks_old=False, sends_old=self.sends_old),
            )
        return run.Operator(
            name=at.name,
            make=make,
            specs=at.stores,
            columns=columns,
            reads_old=self.sends_old,
            keeps=() if spec is None else (spec.name,),
            steps=steps,
        )


class BufferStep(Step):
    """A table whose changes are held back.

    Args:
        name: of the operator, by which the view finds its buffer.
        store: of the buffer.
    """

    def __init__(self, parent: Table, name: str, store: StoreDefinition) -> None:
        self.parent = parent
        self.name = name
        self.store = store
        parent.enable_old_values(force=True)  # what a row was before it was held back

    def enable_old_values(self, *, force: bool) -> bool:
        """Old values come from the parent."""
        return self.parent.enable_old_values(force=force)

    def _prior(self, context: Any) -> Callable[[Any], tuple[bool, Any]]:
        """Return what asks the buffer, which may be made later than the view."""

        def prior(key: Any) -> tuple[bool, Any]:
            return context.shared[self.name].prior(key)

        return prior

    def view(self) -> View:
        """Return the rows as those behind the buffer know them."""
        below = self.parent.view()

        def opened(context: Any, stores: Stores, specs: Specs) -> TableView:
            parent = below.open(context, stores, specs)
            return BufferedView(self._prior(context), parent)

        return View((self.store.name, *below.stores), opened)


class MergedAggregatesStep(Step):
    """The aggregate of several grouped streams in one store."""

    def __init__(self, parents: Sequence[Step], store: StoreDefinition) -> None:
        self.parents = parents
        self.store = store

    def enable_old_values(self, *, force: bool) -> bool:
        """Old values are those of the store."""
        for parent in self.parents:
            parent.enable_old_values(force=force)
        self.sends_old = True
        return True

    def view(self) -> View:
        """Return the view of the store."""
        return store_view(self.store.name)
