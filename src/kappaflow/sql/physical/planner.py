"""From a logical plan to steps: names, formats and stores are decided here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypedDict

from kappaflow.errors import StatementError
from kappaflow.serde.formats import schema_problem
from kappaflow.serde.schema import Column, Schema, WindowInfo
from kappaflow.sql.analyzer.scope import columns_of
from kappaflow.sql.ast.expressions import Expression
from kappaflow.sql.ast.relations import JoinType
from kappaflow.sql.formats import check_key, internal_format, require_format
from kappaflow.sql.logical.plan import (
    Aggregate,
    Exchange,
    Filter,
    Finalize,
    FlatMap,
    Join,
    Node,
    Project,
    Rekey,
    Scan,
    walk_plan,
)
from kappaflow.sql.metastore import FormatInfo
from kappaflow.sql.physical import steps as s
from kappaflow.sql.physical.join_stores import node_count, stream_stream_stores


def plan_steps(root: Node, key_format: FormatInfo | None) -> s.Step:
    """Return the steps of a plan, up to but without a sink.

    Args:
        root: the optimized logical plan.
        key_format: the sink's key format, preferred for internal topics; None for transient queries.

    Raises:
        StatementError: no format can hold a key.
    """
    return StepPlanner(root, key_format).plan()


class _Common(TypedDict):
    """What every step has."""

    name: str
    schema: Schema
    window: WindowInfo | None
    pseudo_columns: bool


class StepPlanner:
    """Plans the steps of one query."""

    def __init__(self, root: Node, key_format: FormatInfo | None) -> None:
        self._root = root
        self._key_format = key_format
        self._nodes_before = 0
        self._aggregates = any(isinstance(node, Aggregate) for node in walk_plan(root))

    def plan(self) -> s.Step:
        """Return the last step."""
        return self._step(self._root, "")

    def _step(self, node: Node, prefix: str) -> s.Step:
        match node:
            case Scan():
                return self._scan(node, prefix)
            case Filter():
                return self._filter(node, prefix)
            case Project():
                return self._project(node, prefix)
            case FlatMap():
                before = self._step(node.input, prefix)
                return s.StreamFlatMap(
                    before,
                    node.calls,
                    name="FlatMap",
                    schema=Schema(before.schema.columns + tuple(c.column for c in node.calls)),
                    window=node.window,
                    pseudo_columns=node.pseudo_columns,
                )
            case Exchange():
                return self._exchange(node, prefix)
            case Rekey():
                return self._rekey(node, prefix)
            case Aggregate():
                return self._aggregate(node, prefix, is_final=False)
            case Finalize():
                assert isinstance(node.input, Aggregate)
                return self._aggregate(node.input, prefix, is_final=True)
            case Join():
                return self._join(node, prefix)
            case _:
                raise StatementError(f"There is no physical step for {type(node).__name__}.")

    def _scan(self, node: Scan, prefix: str) -> s.Step:
        name = f"KafkaTopic_{prefix}" if prefix else "KsqlTopic"
        source = node.source
        formats = s.Formats(source.key_format, source.value_format)
        kept = {column.name for column in node.schema.value}
        if source.timestamp is not None:
            kept.add(source.timestamp.column)
        needed = tuple(i for i, column in enumerate(source.schema.value) if column.name in kept)
        if source.is_table:
            return s.TableSource(
                source.topic,
                needed,
                formats,
                source.timestamp,
                self._reads_position(node),
                f"{name}-Reduce",
                self._needs_old_rows(node),
                name=f"{name}-Source",
                schema=source.schema,
                window=node.window,
            )
        return s.StreamSource(
            source.topic,
            needed,
            formats,
            source.timestamp,
            self._reads_position(node),
            name=f"{name}-Source",
            schema=source.schema,
            window=node.window,
        )

    def _reads_position(self, scan: Scan) -> bool:
        """Tell whether an expression over the records of a source reads their partition or offset."""
        names = {"ROWPARTITION", "ROWOFFSET"}
        return any(
            names & set(columns_of(expression)) for node in walk_plan(self._root) for expression in _expressions(node)
        ) and bool(scan.pseudo_columns)

    def _needs_old_rows(self, scan: Scan) -> bool:
        """Tell whether something after a table must know what its rows were before a change."""
        for node in walk_plan(self._root):
            if isinstance(node, Filter | Aggregate) and node.inputs[0].is_table:
                return True
            # A row that an outer join keeps without a partner is deleted only if it was there.
            if isinstance(node, Join) and node.is_table and any(scan in walk_plan(side) for side in _kept_sides(node)):
                return True
        return False

    def _filter(self, node: Filter, prefix: str) -> s.Step:
        before = self._step(node.input, prefix)
        kind = s.TableFilter if node.is_table else s.StreamFilter
        name = "Aggregate-HavingFilter" if node.clause == "HAVING" else f"{prefix}WhereFilter"
        return kind(
            before,
            node.predicate,
            node.clause,
            name=name,
            schema=before.schema,
            window=node.window,
            pseudo_columns=node.pseudo_columns,
        )

    def _project(self, node: Project, prefix: str) -> s.Step:
        before = self._step(node.input, prefix)
        kind = s.TableSelect if node.is_table else s.StreamSelect
        if node is self._root:
            name = "Aggregate-Project" if self._aggregates else "Project"
        else:
            purpose = "PartitionBy-Prepare" if node.clause == "PARTITION BY" else "Aggregate-Prepare"
            name = f"PrependAlias{prefix}" if prefix else purpose
        return kind(
            before,
            node.columns,
            name=name,
            schema=node.schema,
            window=node.window,
            pseudo_columns=node.pseudo_columns,
        )

    def _rekey(self, node: Rekey, prefix: str) -> s.Step:
        before = self._step(node.input, prefix)
        name = f"{prefix}SelectKey" if prefix else "PartitionBy"
        schema = Schema(node.schema.key + before.schema.value)
        selected = s.StreamSelectKey(
            before,
            node.keys,
            name=name,
            schema=schema,
            window=node.window,
            pseudo_columns=node.pseudo_columns,
        )
        if not node.repartition:
            return selected
        formats = self._internal(node.schema.key, node)
        if node.key_format is not None:
            formats = s.Formats(node.key_format, formats.value)
        return s.StreamRepartition(
            selected,
            self._exchange_topic(prefix),
            formats,
            node.partitions,
            name=f"{name}-repartition",
            schema=schema,
            pseudo_columns=node.pseudo_columns,
        )

    def _exchange(self, node: Exchange, prefix: str) -> s.Step:
        before = self._step(node.input, prefix)
        formats = s.Formats(node.key_format, self._internal(node.schema.key, node).value)
        shared = _Common(
            name=f"{prefix}SourceKeyed-SelectKey",
            schema=Schema((*node.schema.key, *before.schema.value)),
            window=node.window,
            pseudo_columns=node.pseudo_columns,
        )
        if not node.is_table:
            return s.StreamRepartition(before, self._exchange_topic(prefix), formats, node.partitions, **shared)
        materialised = any(self._needs_old_rows(below) for below in walk_plan(node) if isinstance(below, Scan))
        topic, store = f"{shared['name']}-repartition", f"{prefix}SourceKeyed-Materialize"
        return s.TableRepartition(before, topic, formats, store, materialised, node.partitions, **shared)

    def _exchange_topic(self, prefix: str) -> str:
        side = "right" if prefix.endswith("Right") else "left"
        outer = prefix.removesuffix("Right").removesuffix("Left")
        depth = len(outer) // len("L_")
        joins = [node for node in walk_plan(self._root) if isinstance(node, Join)]
        # Joins are listed from the outside in: the nesting depth is the position.
        return f"{outer}Join-repartition" if joins[depth].right.is_table else f"{outer}Join-{side}-repartition"

    def _aggregate(self, node: Aggregate, prefix: str, *, is_final: bool) -> s.Step:
        before = self._step(node.input, prefix)
        grouped = self._group(node, before)
        # Stores hold the key within the window; its columns are those of the result.
        formats = self._internal(node.schema.key, node)
        store = "Aggregate-Aggregate-Materialize"
        shared = _Common(name="Aggregate-Aggregate", schema=node.schema, window=node.window, pseudo_columns=True)
        if node.over is not None:
            return s.StreamWindowedAggregate(grouped, node.calls, store, formats, node.over, is_final, **shared)
        kind = s.TableAggregate if node.input.is_table else s.StreamAggregate
        return kind(grouped, node.calls, store, formats, **shared)

    def _group(self, node: Aggregate, before: s.Step) -> s.Step:
        columns = Schema(tuple(k.column for k in node.keys) + before.schema.value)
        topic = "Aggregate-GroupBy-repartition"
        formats = self._internal(columns.key, node)
        if node.input.is_table:
            return s.TableGroupBy(before, node.keys, topic, formats, name="Aggregate-GroupBy", schema=columns)
        if not node.regroups:
            return before
        return s.StreamGroupBy(before, node.keys, topic, formats, name="Aggregate-GroupBy", schema=columns)

    def _join(self, node: Join, prefix: str) -> s.Step:
        # A join on the left of another is nested: its parts are called L_Left, L_Right, L_Join.
        outer = f"{prefix.removesuffix('Left')}L_" if prefix else ""
        name = f"{outer}Join"
        right = None
        if node.right.is_table and not node.left.is_table:
            # Kafka Streams topologies add the table that a stream is joined with before the stream.
            right = self._step(node.right, f"{outer}Right")
            self._nodes_before += node_count(right)
        left = self._step(node.left, f"{outer}Left")
        right = right or self._step(node.right, f"{outer}Right")
        shared = _Common(name=name, schema=node.schema, window=node.window, pseudo_columns=False)
        left_formats = self._internal(left.schema.key, node.left)
        right_formats = self._internal(right.schema.key, node.right)
        if not node.left.is_table and node.right.is_table:
            return s.StreamTableJoin(
                left, right, node.type, _looked_up_store(right, f"{name}-right-store"), left_formats, **shared
            )
        if not node.left.is_table:
            assert node.within is not None
            return s.StreamStreamJoin(
                left,
                right,
                node.type,
                node.within,
                *stream_stream_stores(node.type, self._nodes_before + node_count(left) + node_count(right)),
                left_formats,
                right_formats,
                **shared,
            )
        stores = (
            _table_store(left, f"{name}-left-store"),
            _table_store(right, f"{name}-right-store"),
            left_formats,
            right_formats,
        )
        if node.foreign_key is not None:
            return s.ForeignKeyTableTableJoin(left, right, node.type, node.foreign_key, *stores, **shared)
        return s.TableTableJoin(left, right, node.type, *stores, **shared)

    def _internal(self, keys: Iterable[Column], node: Node) -> s.Formats:
        """Return the formats of internal topics and stores below `node`: its first source's values."""
        first = next(below for below in _left_most(node) if isinstance(below, Scan))
        columns = tuple(keys)
        value_format = replace(internal_format(first.source.value_format), wrap_single=None)
        candidates = [self._key_format] if self._key_format else []
        candidates.append(first.source.key_format)
        for candidate in candidates:
            if schema_problem(candidate.name, columns) is None:
                return s.Formats(internal_format(candidate), value_format)
        check_key(require_format("JSON", {}), columns)
        return s.Formats(require_format("JSON", {}), value_format)


def _expressions(node: Node) -> Iterable[Expression]:
    match node:
        case Filter():
            return (node.predicate,)
        case Project():
            named = node.columns
        case FlatMap():
            named = node.calls
        case Rekey():
            named = node.keys
        case Aggregate():
            named = node.keys + node.calls
        case _:
            return ()
    return tuple(part.expression for part in named)


def _left_most(node: Node) -> Iterable[Node]:
    while True:
        yield node
        if not node.inputs:
            return
        node = node.inputs[0]


def _kept_sides(join: Join) -> tuple[Node, ...]:
    """Return the inputs whose rows a join keeps without a partner."""
    match join.type:
        case JoinType.LEFT:
            return (join.left,)
        case JoinType.RIGHT:
            return (join.right,)
        case JoinType.FULL:
            return join.inputs
        case _:
            return ()


def _table_store(step: s.Step, default: str) -> str:
    """Return the name of the store that a join keeps a table in."""
    if isinstance(step, s.TableRepartition):
        return default if step.materialised else step.store
    return default


def _looked_up_store(step: s.Step, default: str) -> str:
    """Return the name of the store of the table that a stream is joined with."""
    source = step
    while isinstance(source, s.TableSelect):
        source = source.input
    return source.store if isinstance(source, s.TableSource) else _table_store(step, default)
