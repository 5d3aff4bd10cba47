"""From steps to a streams topology: each step becomes the operators that do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from kappaflow.errors import StatementError
from kappaflow.serde import Serde, WindowedKeySerde
from kappaflow.serde.schema import Column, Namespace, Schema, WindowInfo, WindowType
from kappaflow.serde.schema_registry import SchemaRegistry
from kappaflow.sql.analyzer.scope import columns_of
from kappaflow.sql.ast.expressions import ColumnReference
from kappaflow.sql.ast.relations import JoinType
from kappaflow.sql.expressions.aggregator import SqlAggregator, make_aggregator
from kappaflow.sql.expressions.flat_mapper import make_flat_mapper
from kappaflow.sql.expressions.functions import SqlMapper, make_key_mapper, make_mapper, make_predicate
from kappaflow.sql.expressions.row import OnError, ignore_error
from kappaflow.sql.expressions.scope import SchemaScope
from kappaflow.sql.formats import key_serde, logged_format, value_serde
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.logical.plan import NamedExpression
from kappaflow.sql.physical import steps as s
from kappaflow.sql.physical.foreign_keys import ForeignKeyJoin
from kappaflow.sql.physical.row_functions import (
    GroupKeyMapper,
    KeyMapper,
    NoKey,
    PresentRows,
    RowFlatMapper,
    RowJoiner,
    RowMapper,
)
from kappaflow.sql.physical.scopes import aggregate_calls, step_scope
from kappaflow.sql.physical.timestamp_extractor import ColumnTimestamp
from kappaflow.sql.queries import TopologyFactory
from kappaflow.sql.settings import Settings
from kappaflow.streams.topology import Topology, TopologyBuilder
from kappaflow.streams.topology import nodes as n

DEFAULT_GRACE_MS = 86_400_000
TRANSIENT = "transient"
StepLog = Callable[[str], OnError]


def ignore_errors(step: str) -> OnError:
    """Have nobody told about expressions that fail."""
    del step
    return ignore_error


@dataclass(frozen=True, slots=True)
class StepBuilder:
    """Builds topologies of steps.

    Attributes:
        log: gives, by the name of a step, what is told about every expression of it that fails for a row.
        registry: holds the schemas of formats that have them.
    """

    functions: FunctionRegistry
    settings: Settings
    log: StepLog = ignore_errors
    registry: SchemaRegistry | None = None

    def build(self, root: s.Step, application_id: str) -> Topology:
        """Return the topology of a plan.

        Raises:
            StatementError: a step has no operator.
            ConfigError: a format is not available.
        """
        return _Build(self, application_id).run(root)

    def factory(self, root: s.Step, application_id: str) -> TopologyFactory:
        """Return the function that builds the topology anew, with a processing log of the caller's choice."""

        def build(log: StepLog = self.log) -> Topology:
            return replace(self, log=log).build(root, application_id)

        return build


@dataclass(slots=True)
class _Build:
    parts: StepBuilder
    application_id: str
    builder: TopologyBuilder = field(init=False)
    taken: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.builder = TopologyBuilder(self.application_id)

    def run(self, root: s.Step) -> Topology:
        self._node(root)
        return self.builder.build()

    def _node(self, step: s.Step) -> n.Node:
        """Add the operators of a step and of all before it; return the last."""
        method = getattr(self, f"_{_snake(step.kind)}", None)
        if method is None:
            raise StatementError(f"{step.kind} cannot run yet.")
        return method(step)

    def _name(self, step: s.Step, suffix: str = "") -> str:
        name = base = f"{step.name}{suffix}"
        number = 1
        while name in self.taken:
            number += 1
            name = f"{base}-{number}"
        self.taken.add(name)
        return name

    # compiled expressions -------------------------------------------------------------------------------------

    def _mapper(self, step: s.StreamSelect | s.TableSelect) -> RowMapper:
        return RowMapper(make_mapper(_named(step.columns), step_scope(step.input), **self._common(step)))

    def _common(self, step: s.Step) -> dict[str, Any]:
        return {"on_error": self.parts.log(step.name), "registry": self.parts.functions}

    def _predicate(self, step: s.StreamFilter | s.TableFilter) -> PresentRows:
        scope = step_scope(step.input)
        return PresentRows(make_predicate(step.predicate, scope, step.clause, **self._common(step)))

    # sources --------------------------------------------------------------------------------------------------

    def _stream_source(self, step: s.StreamSource) -> n.Node:
        return self.builder.add(n.Source(name=self._name(step), **self._source(step)))

    def _table_source(self, step: s.TableSource) -> n.Node:
        store = None
        if step.materialised:
            store = self._store(step.store, step.formats, step.schema, step.window, changelog=step.topic)
        return self.builder.add(n.TableSource(name=self._name(step), store=store, **self._source(step)))

    # stateless ------------------------------------------------------------------------------------------------

    def _stream_filter(self, step: s.StreamFilter) -> n.Node:
        parent = self._node(step.input)
        return self.builder.add(n.Filter(name=self._name(step), predicate=self._predicate(step)), parent)

    def _table_filter(self, step: s.TableFilter) -> n.Node:
        parent = self._node(step.input)
        return self.builder.add(n.TableFilter(name=self._name(step), predicate=self._predicate(step)), parent)

    def _stream_select(self, step: s.StreamSelect) -> n.Node:
        parent = self._node(step.input)
        mapper = self._mapper(step)
        return self.builder.add(n.MapValues(name=self._name(step), mapper=mapper), parent)

    def _table_select(self, step: s.TableSelect) -> n.Node:
        parent = self._node(step.input)
        mapper = self._mapper(step)
        return self.builder.add(n.TableMapValues(name=self._name(step), mapper=mapper), parent)

    def _stream_flat_map(self, step: s.StreamFlatMap) -> n.Node:
        parent = self._node(step.input)
        kept = [(c.name, _reference(c)) for c in step.input.schema.value]
        made = [(c.name, c.expression) for c in step.calls]
        mapper = make_flat_mapper(
            [*kept, *made], step_scope(step.input), len(step.input.schema.value), **self._common(step)
        )
        return self.builder.add(n.FlatMapValues(name=self._name(step), mapper=RowFlatMapper(mapper)), parent)

    def _stream_select_key(self, step: s.StreamSelectKey) -> n.Node:
        parent = self._node(step.input)
        mapper: Any = NoKey()
        if step.keys:
            made = make_mapper(_named(step.keys), step_scope(step.input), **self._common(step))
            mapper = KeyMapper(made, tuple(self._of_key(key, step) for key in step.keys))
        return self.builder.add(n.SelectKey(name=self._name(step), mapper=mapper), parent)

    def _of_key(self, key: NamedExpression, step: s.StreamSelectKey) -> SqlMapper | None:
        """Return what makes a new key column of the old key alone, or None where it needs the value."""
        old = Schema(step.input.schema.key)
        if not set(columns_of(key.expression)) <= {column.name for column in old}:
            return None
        return make_mapper(_named((key,)), SchemaScope(old, pseudo_columns=False), **self._common(step))

    def _stream_repartition(self, step: s.StreamRepartition) -> n.Node:
        parent = self._node(step.input)
        return self.builder.add(self._repartition(step, step.topic, step.formats, partitions=step.partitions), parent)

    def _table_repartition(self, step: s.TableRepartition) -> n.Node:
        parent = self._node(step.input)
        changes = self.builder.add(n.ToStream(name=self._name(step, "-ToStream")), parent)
        exchange = self._repartition(step, step.topic, step.formats, partitions=step.partitions)
        store = self._store(step.store, step.formats, step.schema, step.window) if step.materialised else None
        return self.builder.add(n.ToTable(name=self._name(step), store=store), self.builder.add(exchange, changes))

    def _repartition(
        self,
        step: s.Step,
        topic: str,
        formats: s.Formats,
        *,
        carries_changes: bool = False,
        partitions: int | None = None,
    ) -> n.Repartition:
        return n.Repartition(
            name=self._name(step, "-exchange"),
            topic=f"{self.application_id}-{topic}",
            key_serde=self._key_serde(formats, step.schema, step.window, f"{self.application_id}-{topic}"),
            value_serde=self._value_serde(formats, step.schema.value, f"{self.application_id}-{topic}"),
            carries_changes=carries_changes,
            partitions=partitions,
        )

    # aggregations ---------------------------------------------------------------------------------------------

    def _stream_group_by(self, step: s.StreamGroupBy) -> n.Node:
        parent = self._node(step.input)
        made = make_key_mapper(_named(step.keys), step_scope(step.input), **self._common(step))
        keyed = self.builder.add(
            n.SelectKey(name=self._name(step), mapper=GroupKeyMapper(made), drop_null=True), parent
        )
        return self.builder.add(self._repartition(step, step.topic, step.formats), keyed)

    def _table_group_by(self, step: s.TableGroupBy) -> n.Node:
        parent = self._node(step.input)
        made = make_key_mapper(_named(step.keys), step_scope(step.input), **self._common(step))
        grouped = self.builder.add(n.GroupTable(name=self._name(step), key_mapper=GroupKeyMapper(made)), parent)
        return self.builder.add(self._repartition(step, step.topic, step.formats, carries_changes=True), grouped)

    def _aggregator(self, step: s.StreamAggregate | s.TableAggregate | s.StreamWindowedAggregate) -> SqlAggregator:
        scope = step_scope(step.input)
        calls = aggregate_calls(step)
        return make_aggregator(calls, (), scope, settings=self.parts.settings.all(), **self._common(step))

    def _state(
        self,
        step: s.StreamAggregate | s.TableAggregate | s.StreamWindowedAggregate,
        aggregator: SqlAggregator,
        retention_ms: int | None = None,
    ) -> n.StoreSpec:
        columns = tuple(Column(f"S{i}", type_) for i, type_ in enumerate(aggregator.state_types))
        schema = Schema(step.schema.key + columns)
        return self._store(step.store, step.formats, schema, step.window, retention_ms)

    def _stream_aggregate(self, step: s.StreamAggregate) -> n.Node:
        parent = self._node(step.input)
        aggregator = self._aggregator(step)
        return self.builder.add(
            n.StreamAggregate(name=self._name(step), aggregator=aggregator, store=self._state(step, aggregator)),
            parent,
        )

    def _table_aggregate(self, step: s.TableAggregate) -> n.Node:
        parent = self._node(step.input)
        aggregator = self._aggregator(step)
        return self.builder.add(
            n.TableAggregate(name=self._name(step), aggregator=aggregator, store=self._state(step, aggregator)),
            parent,
        )

    def _stream_windowed_aggregate(self, step: s.StreamWindowedAggregate) -> n.Node:
        parent = self._node(step.input)
        if not isinstance(step.input, s.StreamGroupBy):
            # Grouping drops null rows; without it they would be counted.
            parent = self.builder.add(n.Filter(name=self._name(step, "-present"), predicate=PresentRows()), parent)
        aggregator = self._aggregator(step)
        over = step.over
        grace = DEFAULT_GRACE_MS if over.grace_ms is None else over.grace_ms
        retention = max(over.retention_ms or 0, over.size_ms + grace)
        store = self._state(step, aggregator, retention)
        name = self._name(step)
        if over.type is WindowType.SESSION:
            node: n.Node = n.SessionAggregate(
                name=name,
                aggregator=aggregator,
                store=store,
                gap_ms=over.size_ms,
                grace_ms=grace,
                emit_final=step.is_final,
            )
        else:
            node = n.WindowedAggregate(
                name=name,
                aggregator=aggregator,
                store=store,
                size_ms=over.size_ms,
                advance_ms=over.advance_ms or over.size_ms,
                grace_ms=grace,
                emit_final=step.is_final,
            )
        return self.builder.add(node, parent)

    # joins ----------------------------------------------------------------------------------------------------

    def _stream_table_join(self, step: s.StreamTableJoin) -> n.Node:
        left, right = self._node(step.left), self._node(step.right)
        store = self._store(step.store, step.formats, step.right.schema, step.right.window)
        node = n.StreamTableJoin(
            name=self._name(step), joiner=_joiner(step), store=store, left=step.type is JoinType.LEFT
        )
        return self.builder.add(node, left, right)

    def _stream_stream_join(self, step: s.StreamStreamJoin) -> n.Node:
        left, right = self._node(step.left), self._node(step.right)
        within = step.within
        grace = within.grace_ms
        kept = within.before_ms + within.after_ms + (DEFAULT_GRACE_MS if grace is None else grace)
        stores = [
            self._store(name, formats, side.schema, side.window, kept)
            for name, formats, side in (
                (step.left_store, step.left_formats, step.left),
                (step.right_store, step.right_formats, step.right),
            )
        ]
        keep_left, keep_right = _kept_sides(step.type)
        outer = None
        if grace is not None and (keep_left or keep_right):
            outer = self._store(step.outer_store, step.left_formats, step.left.schema, step.left.window, kept)
        node = n.StreamStreamJoin(
            name=self._name(step),
            joiner=_joiner(step),
            left_store=stores[0],
            right_store=stores[1],
            outer_store=outer,
            before_ms=within.before_ms,
            after_ms=within.after_ms,
            grace_ms=grace,
            keep_left=keep_left,
            keep_right=keep_right,
        )
        return self.builder.add(node, left, right)

    def _table_table_join(self, step: s.TableTableJoin) -> n.Node:
        left, right = self._node(step.left), self._node(step.right)
        keep_left, keep_right = _kept_sides(step.type)
        node = n.TableTableJoin(
            name=self._name(step),
            joiner=_joiner(step),
            left_store=self._store(step.left_store, step.left_formats, step.left.schema, step.left.window),
            right_store=self._store(step.right_store, step.right_formats, step.right.schema, step.right.window),
            keep_left=keep_left,
            keep_right=keep_right,
        )
        return self.builder.add(node, left, right)

    def _foreign_key_table_table_join(self, step: s.ForeignKeyTableTableJoin) -> n.Node:
        left, right = self._node(step.left), self._node(step.right)
        source = next(each for each in s.walk_steps(step.right) if isinstance(each, s.TableSource))
        join = ForeignKeyJoin(
            name=self._name(step),
            application_id=self.application_id,
            foreign_key=make_mapper(_named((step.foreign_key,)), step_scope(step.left), **self._common(step)),
            joiner=_joiner(step),
            left_store=self._store(step.left_store, step.left_formats, step.left.schema, step.left.window),
            right_store=self._store(step.right_store, step.right_formats, step.right.schema, step.right.window),
            right_key=self._key_serde(source.formats, source.schema, source.window, source.topic),
            keep_left=step.type is JoinType.LEFT,
        )
        return join.add_to(self.builder, left, right)

    # ends -----------------------------------------------------------------------------------------------------

    def _table_materialise(self, step: s.TableMaterialise) -> n.Node:
        parent = self._node(step.input)
        store = self._store(step.store, step.formats, step.schema, step.window)
        return self.builder.add(n.Materialise(name=self._name(step, "-materialise"), store=store), parent)

    def _stream_sink(self, step: s.StreamSink) -> n.Node:
        return self._sink(step, self._node(step.input))

    def _table_sink(self, step: s.TableSink) -> n.Node:
        parent = self._node(step.input)
        stream = self.builder.add(n.ToStream(name=self._name(step, "-ToStream")), parent)
        return self._sink(step, stream)

    def _sink(self, step: s.StreamSink | s.TableSink, parent: n.Node) -> n.Node:
        node = n.Sink(
            name=self._name(step),
            topic=step.topic,
            key_serde=self._key_serde(step.formats, step.schema, step.window, step.topic),
            value_serde=self._value_serde(step.formats, step.schema.value, step.topic),
            timestamp=self._timestamp(step),
        )
        return self.builder.add(node, parent)

    def _timestamp(self, step: s.Source | s.StreamSink | s.TableSink) -> ColumnTimestamp | None:
        if step.timestamp is None:
            return None
        ends_query = self.parts.settings.flag("ksql.timestamp.throw.on.invalid", default=False)
        return ColumnTimestamp(step.timestamp, step.schema, ends_query=ends_query)

    def _collect(self, step: s.Collect) -> n.Node:
        parent = self._node(step.input)
        if _gives_table(step.input):
            parent = self.builder.add(n.ToStream(name=self._name(step, "-ToStream")), parent)
        return self.builder.add(n.Sink(name=self._name(step), topic=None), parent)

    # stores ---------------------------------------------------------------------------------------------------

    def _store(
        self,
        name: str,
        formats: s.Formats,
        schema: Schema,
        window: WindowInfo | None = None,
        retention_ms: int | None = None,
        changelog: str | None = None,
    ) -> n.StoreSpec:
        columns = schema.value
        topic = changelog or f"{self.application_id}-{name}-changelog"
        logged = formats if changelog else replace(formats, value=logged_format(formats.value))
        return n.StoreSpec(
            name=name,
            key_serde=cast("Serde", self._key_serde(formats, schema, window, topic)),
            value_serde=self._value_serde(logged, columns, topic),
            types=tuple(column.type for column in columns),
            window=window,
            retention_ms=retention_ms,
            logged=changelog is None,
            changelog_topic=changelog,
        )

    def _source(self, step: s.Source) -> Mapping[str, Any]:
        value = step.schema.value
        return {
            "topic": step.topic,
            "key_serde": self._key_serde(step.formats, step.schema, step.window, step.topic),
            "value_serde": self._value_serde(step.formats, value, step.topic),
            "timestamp": self._timestamp(step),
            "reads_headers": bool(step.schema.headers),
            "reads_position": step.reads_position,
            "projection": None if len(step.needed) == len(value) else step.needed,
        }

    def _key_serde(self, formats: s.Formats, schema: Schema, window: WindowInfo | None, topic: str) -> n.KeySerde:
        inner = key_serde(formats.key, schema.key, topic, self.parts.registry)
        return inner if window is None else WindowedKeySerde(inner, window)

    def _value_serde(self, formats: s.Formats, columns: tuple[Column, ...], topic: str) -> Serde:
        return value_serde(formats.value, columns, topic, self.parts.registry)


def _joiner(step: Any) -> RowJoiner:
    return RowJoiner(len(step.left.schema.value), len(step.right.schema.value))


def _kept_sides(join_type: JoinType) -> tuple[bool, bool]:
    return join_type in {JoinType.LEFT, JoinType.FULL}, join_type in {JoinType.RIGHT, JoinType.FULL}


def _named(columns: tuple[NamedExpression, ...]) -> list[tuple[str, Any]]:
    return [(c.name, c.expression) for c in columns]


def _reference(column: Column) -> ColumnReference:
    assert column.namespace is Namespace.VALUE
    return ColumnReference(column.name)


def _gives_table(step: s.Step) -> bool:
    kinds = (
        s.TableSource
        | s.TableFilter
        | s.TableSelect
        | s.StreamAggregate
        | s.TableAggregate
        | s.StreamWindowedAggregate
        | s.TableTableJoin
        | s.ForeignKeyTableTableJoin
        | s.TableMaterialise
        | s.TableRepartition
    )
    return isinstance(step, kinds)


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
