"""GROUP BY: aggregate calls are taken out of SELECT and HAVING, and every other column must be grouped."""

from __future__ import annotations

from dataclasses import dataclass

from kappaflow.errors import StatementError
from kappaflow.serde.formats import schema_problem
from kappaflow.serde.schema import Column, Namespace, Schema, WindowInfo, WindowType
from kappaflow.sql.analyzer.projection import AliasGenerator, Named
from kappaflow.sql.analyzer.query import Analysis, first_aggregate
from kappaflow.sql.analyzer.scope import WINDOW_BOUNDS, Scope
from kappaflow.sql.ast.expressions import (
    ColumnReference,
    Dereference,
    Expression,
    FunctionCall,
    IntegerLiteral,
)
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.ast.places import place_of
from kappaflow.sql.ast.rewrite import rewrite, walk
from kappaflow.sql.expressions.aggregator import intermediate_type, supports_undo
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.logical.keys import KeyColumn, KeyPlan
from kappaflow.sql.logical.plan import Aggregate, Filter, Finalize, NamedExpression, Node
from kappaflow.sql.logical.sources import carry_all
from kappaflow.sql.logical.typing import check_predicate, named, node_scope

_COUNT_TIMES = FunctionCall("COUNT", (ColumnReference("ROWTIME"),))
AGGREGATE_COLUMN = "KSQL_AGG_VARIABLE_{}"


@dataclass(frozen=True, slots=True)
class Grouped:
    """An aggregation: its node, its key, and the items of SELECT over the node's rows.

    Attributes:
        items: as many as were given; the expressions are lowered and refer to the node's columns.
    """

    node: Node
    keys: KeyPlan
    items: tuple[Named, ...]


def plan_grouping(
    node: Node,
    input_keys: KeyPlan,
    items: tuple[Named, ...],
    analysis: Analysis,
    functions: FunctionRegistry,
    is_final: bool,
) -> Grouped:
    """Plan GROUP BY, aggregates, WINDOW and HAVING over `node`.

    Raises:
        StatementError: the grouping is not possible.
    """
    return _Grouping(node, input_keys, items, analysis, functions).plan(is_final)


class _Grouping:
    def __init__(
        self,
        node: Node,
        input_keys: KeyPlan,
        items: tuple[Named, ...],
        analysis: Analysis,
        functions: FunctionRegistry,
    ) -> None:
        self._node = node
        self._input_keys = input_keys
        self._items = items
        self._analysis = analysis
        self._functions = functions
        self._scope: Scope = analysis.scope
        self._grouping = analysis.group_by or (IntegerLiteral(0),)
        self._calls: list[FunctionCall] = []

    def plan(self, is_final: bool) -> Grouped:
        self._check_functions()
        names = [self._key_name(expression) for expression in self._grouping]
        keys = tuple(
            named(name, self._scope.lower(expression), self._node, self._functions, Namespace.KEY)
            for name, expression in zip(names, self._grouping, strict=True)
        )
        items, having = self._rewrite_all(names)
        if self._node.is_table:
            self._check_table()
        regroups = self._regroups()
        below = carry_all(self._node) if regroups else self._node
        calls = tuple(self._call(i, call, below) for i, call in enumerate(self._calls))
        self._check_intermediate_types(below)
        window = self._analysis.window
        info = None if window is None else WindowInfo(window.type, _size(window.type, window.size_ms))
        result: Node = Aggregate(
            below,
            keys,
            calls,
            regroups,
            window,
            schema=Schema(tuple(k.column for k in keys) + tuple(c.column for c in calls)),
            is_table=True,
            window=info,
        )
        if is_final:
            if window is None:
                raise StatementError("EMIT FINAL is only supported for windowed aggregations.")
            result = Finalize(result, schema=result.schema, is_table=True, window=info)
        if having is not None:
            _check_having(having, result, self._calls, self._functions)
            result = Filter(result, having, "HAVING", schema=result.schema, is_table=True, window=info)
        plan = KeyPlan(
            "grouping expression",
            tuple(
                KeyColumn((ColumnReference(name),), name, (format_expression(self._scope.lower(e)),))
                for name, e in zip(names, self._grouping, strict=True)
            )
            if self._analysis.group_by is not None
            else (),
        )
        return Grouped(result, plan, items)

    def _check_functions(self) -> None:
        expressions = [item.expression for item in self._items]
        if self._analysis.having is not None:
            expressions.append(self._analysis.having)
        has_aggregate = False
        for expression in expressions:
            for node in walk(expression):
                if isinstance(node, FunctionCall):
                    with place_of(node):
                        self._functions.find(node.name)
                    has_aggregate = has_aggregate or self._functions.is_aggregate(node.name)
        if not has_aggregate:
            raise StatementError("GROUP BY requires aggregate functions in either the SELECT or HAVING clause.")

    def _key_name(self, expression: Expression) -> str:
        found = [item.name for item in self._items if item.expression == expression]
        if len(found) > 1:
            quoted = " and ".join(f"`{name}`" for name in found)
            raise StatementError(
                f"The projection contains a key column more than once: {quoted}.\n"
                "Each key column must only be in the projection once. If you intended to copy the key into the "
                "value, then consider using the AS_VALUE function to indicate which key reference should be copied.",
                at=expression.position,
            )
        return found[0] if found else key_name(expression, self._scope, self._analysis.names)

    def _regroups(self) -> bool:
        if self._node.window is not None:
            return True
        columns = self._input_keys.columns
        return len(columns) != len(self._grouping) or any(
            expression not in column.alternatives for expression, column in zip(self._grouping, columns, strict=True)
        )

    def _call(self, index: int, call: FunctionCall, below: Node) -> NamedExpression:
        return named(AGGREGATE_COLUMN.format(index), call, below, self._functions)

    def _rewrite_all(self, names: list[str]) -> tuple[tuple[Named, ...], Expression | None]:
        plain: list[Expression] = []
        beside: list[Expression] = []
        items: list[Named] = []
        for item in self._items:
            stray: list[Expression] = []
            items.append(Named(self._rewrite(item.expression, names, stray), item.name))
            if first_aggregate(item.expression, self._functions) is not None:
                beside.extend(column for column in stray if column not in beside)
            elif stray:
                plain.append(item.expression)
        what = "Non-aggregate SELECT expression(s)"
        if not plain:
            what = "Column used in aggregate SELECT expression(s) outside of aggregate functions"
        if plain or beside:
            raise StatementError(
                f"{what} not part of GROUP BY: {self._listed(plain or beside)}\n"
                "Either add the column(s) to the GROUP BY or remove them from the SELECT.",
                at=(plain or beside)[0].position,
            )
        if self._analysis.having is None:
            return tuple(items), None
        stray = []
        having = self._rewrite(self._analysis.having, names, stray)
        if stray:
            raise StatementError(
                f"Non-aggregate HAVING expression not part of GROUP BY: {self._listed(stray)}\n"
                "Either add the column(s) to the GROUP BY or remove them from the HAVING.",
                at=stray[0].position,
            )
        return tuple(items), having

    def _listed(self, expressions: list[Expression]) -> str:
        return ", ".join(format_expression(self._scope.lower(e)) for e in expressions)

    def _rewrite(self, expression: Expression, names: list[str], stray: list[Expression]) -> Expression:
        def change(node: Expression) -> Expression | None:
            for group, name in zip(self._grouping, names, strict=True):
                if node == group and self._analysis.group_by is not None:
                    return ColumnReference(name, position=node.position)
            if isinstance(node, FunctionCall) and self._functions.is_aggregate(node.name):
                return ColumnReference(AGGREGATE_COLUMN.format(self._register(node)), position=node.position)
            if isinstance(node, ColumnReference):
                if not (node.source is None and node.name in WINDOW_BOUNDS):
                    stray.append(node)
                return node
            return None

        return rewrite(expression, change)

    def _register(self, call: FunctionCall) -> int:
        for argument in call.arguments:
            for inner in walk(argument):
                if isinstance(inner, FunctionCall) and self._functions.is_aggregate(inner.name):
                    text = f"Aggregate functions can not be nested: {call.name}({inner.name}())"
                    raise StatementError(text, at=inner.position)
                if isinstance(inner, ColumnReference) and inner.source is None and inner.name in WINDOW_BOUNDS:
                    raise StatementError(
                        f"Window bounds column {inner.name} can only be used in the SELECT clause of windowed "
                        "aggregations and can not be passed to aggregate functions.\n"
                        "See https://github.com/confluentinc/ksql/issues/4397",
                        at=inner.position,
                    )
        lowered = self._scope.lower(call)
        assert isinstance(lowered, FunctionCall)
        if lowered == _COUNT_TIMES:
            lowered = FunctionCall("COUNT", (), position=call.position)  # every row has a time, so nothing need be read
        if lowered not in self._calls:
            self._calls.append(lowered)
        return self._calls.index(lowered)

    def _check_intermediate_types(self, below: Node) -> None:
        value_format = self._scope.sources[0].source.value_format.name
        scope = node_scope(below)
        for call in self._calls:
            with place_of(call):
                column = Column(call.name, intermediate_type(call, scope, self._functions))
            if schema_problem(value_format, (column,)) is not None:
                raise StatementError(
                    "One of the functions used in the statement has an intermediate type that the value format can "
                    f"not handle. Please remove the function or change the format.\nFunction: {call.name}, type: "
                    f"{column.type}, format: {value_format}",
                    at=call.position,
                )

    def _check_table(self) -> None:
        if self._analysis.window is not None:
            raise StatementError("Windowing not supported for table aggregations.")
        names: list[str] = []
        for call in self._calls:
            if not supports_undo(call, node_scope(self._node), self._functions) and call.name not in names:
                names.append(call.name)
        if not names:
            return
        plural = "s" if len(names) > 1 else ""
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        raise StatementError(
            f"The aggregation function{plural} {listed} cannot be applied to a table source, only to a stream source.",
            at=next(call.position for call in self._calls if call.name == names[0]),
        )


def key_name(expression: Expression, scope: Scope, names: AliasGenerator) -> str:
    """Return the name of a key that the projection does not name."""
    if isinstance(expression, ColumnReference):
        return scope.lowered_name(expression.source, expression.name) if expression.source else expression.name
    if isinstance(expression, Dereference):
        return names.field(expression.field_name)
    return names.column()


def _size(window_type: WindowType, size_ms: int) -> int | None:
    return None if window_type is WindowType.SESSION else size_ms


def _check_having(
    having: Expression,
    node: Node,
    calls: list[FunctionCall],
    functions: FunctionRegistry,
) -> None:
    try:
        check_predicate(having, node, functions, "HAVING")
    except StatementError as error:
        # The message names aggregate calls, not the columns they became.
        text = str(error)
        for index, call in reversed(list(enumerate(calls))):  # the name of the tenth begins with that of the first
            text = text.replace(AGGREGATE_COLUMN.format(index), format_expression(call))
        raise error.within(text) from None
