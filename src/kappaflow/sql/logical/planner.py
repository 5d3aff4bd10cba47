"""From an analysis to a logical plan.

sources, joins -> WHERE -> table functions -> GROUP BY | PARTITION BY -> SELECT
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Column, Namespace, Schema
from kappaflow.sql.analyzer.projection import Named, Star
from kappaflow.sql.analyzer.query import Analysis, first_aggregate
from kappaflow.sql.analyzer.scope import PSEUDO_COLUMNS, SYSTEM_COLUMNS, WINDOW_BOUNDS
from kappaflow.sql.ast.expressions import ColumnReference, Expression, FunctionCall
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.ast.relations import Emit
from kappaflow.sql.ast.rewrite import rewrite
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.logical.grouping import key_name, plan_grouping
from kappaflow.sql.logical.joins import plan_joins
from kappaflow.sql.logical.keys import KeyColumn, KeyPlan, select_keys
from kappaflow.sql.logical.plan import Filter, FlatMap, NamedExpression, Node, Project, Rekey
from kappaflow.sql.logical.sources import carry_all, scan, source_keys
from kappaflow.sql.logical.typing import check_predicate, named, select_column
from kappaflow.sql.statement_plan import RecordedTopics

_SYNTHESISED = "KSQL_SYNTH_{}"


@dataclass(frozen=True, slots=True)
class LogicalQuery:
    """A planned query.

    Attributes:
        root: gives the rows of the result; for a persistent query keys and values are as the sink holds them,
            for a transient one every result column is a value column.
        result: the result columns of a transient query in SELECT order, with their part of the record.
    """

    root: Node
    result: Schema


def plan_query(
    analysis: Analysis,
    functions: FunctionRegistry,
    sink: str | None,
    topics: RecordedTopics | None = None,
    *,
    keys_as_selected: bool = False,
) -> LogicalQuery:
    """Plan a query.

    Args:
        analysis: the query.
        functions: in reach.
        sink: names what a persistent query builds; None plans a transient one.
        topics: facts about topics, to check that joined ones have the same number of partitions.
        keys_as_selected: the key columns of a stream stand in the order of the projection, not of the source.

    Raises:
        StatementError: the query cannot be planned.
    """
    return _QueryPlanner(analysis, functions, sink, topics, keys_as_selected).plan()


class _QueryPlanner:
    def __init__(
        self,
        analysis: Analysis,
        functions: FunctionRegistry,
        sink: str | None,
        topics: RecordedTopics | None,
        keys_as_selected: bool,
    ) -> None:
        self._keys_as_selected = keys_as_selected
        self._topics = topics
        self._analysis = analysis
        self._functions = functions
        self._sink = sink
        self._scope = analysis.scope

    def plan(self) -> LogicalQuery:
        analysis = self._analysis
        if analysis.joins:
            node, keys = plan_joins(self._scope, analysis.joins, self._functions, self._topics)
        else:
            node = scan(self._scope.sources[0])
            keys = source_keys(self._scope.sources[0])
        self._check_windowed_table(node)
        if analysis.where is not None:
            node = self._filter(node, analysis.where)
        items = self._expand(keys)
        if self._sink is not None:
            self._check_reserved(items)
        if analysis.is_aggregation:
            return self._aggregation(node, keys, items)
        if analysis.emit is Emit.FINAL:
            raise StatementError("EMIT FINAL is only supported for windowed aggregations.")
        node, items = self._table_functions(node, items)
        if analysis.partition_by is not None:
            node, keys, items = self._partition(node, keys, items)
        return self._project(node, keys, items, self._lower)

    def _lower(self, expression: Expression) -> Expression:
        return self._scope.lower(expression)

    def _check_windowed_table(self, node: Node) -> None:
        if self._sink is None:
            return
        for aliased in self._scope.sources:
            if aliased.source.is_table and aliased.source.is_windowed:
                raise StatementError("KSQL does not support persistent queries on windowed tables.")

    def _filter(self, node: Node, predicate: Expression) -> Node:
        aggregate = first_aggregate(predicate, self._functions)
        if aggregate is not None:
            raise StatementError(
                f"Aggregate functions are not allowed in the WHERE clause: {format_expression(aggregate)}. "
                "Use HAVING to filter groups.",
                at=aggregate.position,
            )
        lowered = self._lower(predicate)
        check_predicate(lowered, node, self._functions, "WHERE")
        return Filter(
            node,
            lowered,
            schema=node.schema,
            is_table=node.is_table,
            window=node.window,
            pseudo_columns=node.pseudo_columns,
        )

    # SELECT * -------------------------------------------------------------------------------------------------

    def _expand(self, keys: KeyPlan) -> tuple[Named, ...]:
        items: list[Named] = []
        for item in self._analysis.items:
            if isinstance(item, Star):
                items.extend(self._star(item, keys))
            else:
                items.append(item)
        return tuple(items)

    def _star(self, star: Star, keys: KeyPlan) -> list[Named]:
        partition = self._analysis.partition_by
        if partition is not None and star.source is None and tuple(partition) != _key_expressions(keys):
            return self._partition_star(tuple(partition))
        items: list[Named] = []
        if keys.synthetic and star.source is None:
            items.append(Named(keys.columns[0].alternatives[0], keys.columns[0].name))
        for aliased in self._scope.sources:
            if star.source is not None and aliased.alias != star.source:
                continue
            names = list(aliased.select_all())
            if aliased.source.is_windowed and (self._sink is None or self._scope.is_join):
                names[len(aliased.source.schema.key) : len(aliased.source.schema.key)] = list(WINDOW_BOUNDS)
            items.extend(
                Named(ColumnReference(name, aliased.alias), self._scope.lowered_name(aliased.alias, name))
                for name in names
            )
        return items

    def _partition_star(self, partition: tuple[Expression, ...]) -> list[Named]:
        items = [Named(e, key_name(e, self._scope, self._analysis.names)) for e in partition]
        for aliased in self._scope.sources:
            schema = aliased.source.schema
            names = [c.name for c in schema if c.namespace is not Namespace.KEY]
            if self._scope.is_join:
                names.extend(PSEUDO_COLUMNS)
            names.extend(c.name for c in schema.key)
            for name in names:
                reference = ColumnReference(name, aliased.alias)
                if reference not in partition:
                    items.append(Named(reference, self._scope.lowered_name(aliased.alias, name)))
        return items

    def _check_reserved(self, items: tuple[Named, ...]) -> None:
        partition = self._analysis.partition_by or ()
        for item in items:
            if item.name in SYSTEM_COLUMNS and item.expression not in partition:
                raise StatementError(
                    f"Reserved column name in select: `{item.name}`. Please remove or alias the column.",
                    at=item.expression.position,
                )

    # table functions ------------------------------------------------------------------------------------------

    def _table_functions(self, node: Node, items: tuple[Named, ...]) -> tuple[Node, tuple[Named, ...]]:
        calls: list[FunctionCall] = []

        def change(expression: Expression) -> Expression | None:
            if isinstance(expression, FunctionCall) and self._functions.is_table(expression.name):
                if expression not in calls:
                    calls.append(expression)
                return ColumnReference(_SYNTHESISED.format(calls.index(expression)), position=expression.position)
            return None

        rewritten = tuple(Named(rewrite(item.expression, change), item.name) for item in items)
        if not calls:
            return node, items
        if node.is_table:
            raise StatementError("Table source is not supported with table functions", at=calls[0].position)
        columns = tuple(
            named(_SYNTHESISED.format(i), self._lower(call), node, self._functions) for i, call in enumerate(calls)
        )
        schema = Schema(node.schema.columns + tuple(c.column for c in columns))
        flat = FlatMap(node, columns, schema=schema, window=node.window, pseudo_columns=node.pseudo_columns)
        return flat, rewritten

    # PARTITION BY ---------------------------------------------------------------------------------------------

    def _partition(
        self, node: Node, keys: KeyPlan, items: tuple[Named, ...]
    ) -> tuple[Node, KeyPlan, tuple[Named, ...]]:
        expressions = self._analysis.partition_by or ()
        if self._keeps_key(expressions, keys):
            texts = [(format_expression(e),) for e in expressions]
            same = tuple(replace(k, text=text) for k, text in zip(keys.columns, texts, strict=True))
            return node, KeyPlan("partitioning expression", same), items
        if node.is_table:
            raise StatementError(
                "Cannot repartition a TABLE source. PARTITION BY gives streams another key; use GROUP BY to build a "
                "table with another key.",
                at=expressions[0].position if expressions else None,
            )
        if node.window is not None:
            raise StatementError(
                "Implicit repartitioning of windowed sources is not supported. "
                "See https://github.com/confluentinc/ksql/issues/4385.",
                at=expressions[0].position if expressions else None,
            )
        below = carry_all(node, purpose="PARTITION BY")
        columns: list[NamedExpression] = []
        plans: list[KeyColumn] = []
        for expression in expressions:
            found = [item.name for item in items if item.expression == expression]
            name = found[0] if found else key_name(expression, self._scope, self._analysis.names)
            columns.append(named(name, self._lower(expression), below, self._functions, Namespace.KEY))
            shown = name if not isinstance(expression, ColumnReference) else expression.name
            plans.append(KeyColumn((expression,), shown, (format_expression(expression),)))
        schema = Schema(tuple(c.column for c in columns) + below.schema.value)
        rekeyed = Rekey(below, tuple(columns), schema=schema, pseudo_columns=below.pseudo_columns)
        return rekeyed, KeyPlan("partitioning expression", tuple(plans)), items

    def _keeps_key(self, expressions: tuple[Expression, ...], keys: KeyPlan) -> bool:
        return (
            bool(expressions)
            and len(expressions) == len(keys.columns)
            and all(e in k.alternatives for e, k in zip(expressions, keys.columns, strict=True))
        )

    # GROUP BY -------------------------------------------------------------------------------------------------

    def _aggregation(self, node: Node, keys: KeyPlan, items: tuple[Named, ...]) -> LogicalQuery:
        analysis = self._analysis
        if analysis.group_by is None:
            self._check_global(items)
        grouped = plan_grouping(node, keys, items, analysis, self._functions, analysis.emit is Emit.FINAL)
        return self._project(grouped.node, grouped.keys, grouped.items, lambda expression: expression)

    def _check_global(self, items: tuple[Named, ...]) -> None:
        plain = [i for i in items if first_aggregate(i.expression, self._functions) is None]
        if plain:
            listed = ", ".join(format_expression(self._lower(i.expression)) for i in plain)
            raise StatementError(
                f"Non-aggregate SELECT expression(s) not part of GROUP BY: {listed}\n"
                "Either add the column(s) to the GROUP BY or remove them from the SELECT.",
                at=plain[0].expression.position,
            )
        if self._analysis.window is not None:
            raise StatementError("WINDOW clause requires a GROUP BY clause.")
        if self._sink is not None:
            calls = ", ".join(
                format_expression(self._lower(call))
                for i in items
                if (call := first_aggregate(i.expression, self._functions)) is not None
            )
            raise StatementError(
                "CREATE TABLE AS SELECT statement does not support aggregate function "
                f"[{calls}] without a GROUP BY clause."
            )

    # SELECT ---------------------------------------------------------------------------------------------------

    def _project(
        self, node: Node, keys: KeyPlan, items: tuple[Named, ...], lower: Callable[[Expression], Expression]
    ) -> LogicalQuery:
        # Keys are chosen after typing: an ill-typed item is the more helpful message.
        typed = [select_column(item.name, lower(item.expression), node, self._functions) for item in items]
        chosen = () if self._sink is None else select_keys(keys, items, self._sink)
        columns = tuple(column for index, column in enumerate(typed) if index not in chosen)
        if self._keys_as_selected and not node.is_table and list(chosen) != sorted(chosen):
            node, chosen = self._reordered_key(node, chosen)
        if self._sink is not None:
            self._check_columns(columns, node, {items[index].name for index in chosen})
            key = tuple(
                Column(items[index].name, column.type, Namespace.KEY)
                for index, column in zip(chosen, node.schema.key, strict=True)
            )
        else:
            key = node.schema.key
        root = Project(
            node,
            columns,
            schema=Schema(key + tuple(c.column for c in columns)),
            is_table=node.is_table,
            window=node.window,
            pseudo_columns=node.pseudo_columns,
        )
        return LogicalQuery(root, Schema(tuple(c.column for c in columns)))

    def _reordered_key(self, node: Node, chosen: tuple[int, ...]) -> tuple[Node, tuple[int, ...]]:
        """Return the node with its key columns in the order of the projection; rows stay in their partitions."""
        order = sorted(range(len(chosen)), key=chosen.__getitem__)
        columns = [node.schema.key[place] for place in order]
        keys = tuple(NamedExpression(c.name, ColumnReference(c.name), c) for c in columns)
        schema = Schema((*columns, *node.schema.value))
        rekeyed = Rekey(node, keys, schema=schema, window=node.window, pseudo_columns=node.pseudo_columns)
        return rekeyed, tuple(sorted(chosen))

    def _check_columns(self, columns: tuple[NamedExpression, ...], node: Node, keys: set[str]) -> None:
        seen = set(keys)
        twice: list[NamedExpression] = []
        for column in columns:
            if column.name in seen:
                twice.append(column)
            seen.add(column.name)
        if twice:
            listed = ", ".join(str(column.column) for column in twice)
            text = f"Duplicate value columns found in schema: {listed}"
            raise StatementError(text, at=twice[0].expression.position)
        if not columns and (node.is_table or not keys):
            raise StatementError("The projection contains no value columns.")


def _key_expressions(keys: KeyPlan) -> tuple[Expression, ...]:
    return tuple(k.alternatives[0] for k in keys.columns)
