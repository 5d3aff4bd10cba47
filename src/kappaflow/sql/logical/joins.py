"""Join nodes: sides prepared and re-keyed, keys tracked, impossible joins refused."""

from __future__ import annotations

from dataclasses import replace

from kappaflow.errors import StatementError
from kappaflow.serde.schema import Column, Namespace, Schema, WindowType
from kappaflow.sql.analyzer.relations import JoinStep
from kappaflow.sql.analyzer.scope import AliasedSource, Scope
from kappaflow.sql.analyzer.source_schema import type_in_scope
from kappaflow.sql.ast.expressions import ColumnReference, Expression
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.ast.relations import JoinType
from kappaflow.sql.formats import check_no_maps
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.logical.keys import KeyColumn, KeyPlan, texts_of
from kappaflow.sql.logical.plan import Join, NamedExpression, Node, Rekey
from kappaflow.sql.logical.sources import carry_all, scan, source_keys
from kappaflow.sql.logical.typing import named
from kappaflow.sql.types import type_text

_OUTER_TEXT = {JoinType.RIGHT: "RIGHT OUTER", JoinType.FULL: "FULL OUTER"}
_REPARTITION_ISSUE = (
    "Implicit repartitioning of windowed sources is not supported. "
    "See https://github.com/confluentinc/ksql/issues/4385."
)


def plan_joins(
    scope: Scope, steps: tuple[JoinStep, ...], functions: FunctionRegistry
) -> tuple[Node, KeyPlan]:
    """Return the join tree and its key.

    Raises:
        StatementError: a join is not possible.
    """
    return JoinPlanner(scope, functions).plan(steps)


class JoinPlanner:
    """Plans the joins of one query, left-deep."""

    def __init__(self, scope: Scope, functions: FunctionRegistry) -> None:
        self._scope = scope
        self._functions = functions
        self._synthetic = _synthetic_name(scope)

    def plan(self, steps: tuple[JoinStep, ...]) -> tuple[Node, KeyPlan]:
        """Return the join tree and its key."""
        first = self._scope.sources[0]
        node: Node = self._side(first)
        keys = tuple(ColumnReference(c.name, first.alias) for c in first.source.schema.key)
        plan = source_keys(first)
        for index, step in enumerate(steps):
            left_source = first if index == 0 else None
            node, plan = self._step(step, node, keys, left_source, n_way=len(steps) > 1)
            keys = plan.columns[0].alternatives if len(plan.columns) == 1 else ()
        return node, plan

    def _side(self, aliased: AliasedSource) -> Node:
        return carry_all(scan(aliased), self._scope, aliased.alias)

    def _step(
        self,
        step: JoinStep,
        left: Node,
        left_keys: tuple[Expression, ...],
        left_source: AliasedSource | None,
        n_way: bool,
    ) -> tuple[Node, KeyPlan]:
        right = self._side(step.right)
        self._check_kinds(step, left, right, left_source)
        self._check_types(step)
        right_keyed = self._is_key(step.right_expression, step.right)
        single_left = left_source is None or len(left_source.source.schema.key) == 1
        left_keyed = single_left and step.left in left_keys
        self._check_windows(step, left, right, left_keyed and right_keyed, left_source)
        if right.is_table and not right_keyed:
            raise StatementError(_not_primary_key(step, left))
        if left.is_table and not left_keyed:
            return self._foreign_key(step, left, right, left_source, n_way)
        if not left_keyed:
            left = self._rekey(left, step.left)
        if not right_keyed:
            right = self._rekey(right, step.right_expression)
        return self._joined(step, left, right, left_keys if left_keyed else ())

    def _joined(
        self, step: JoinStep, left: Node, right: Node, left_keys: tuple[Expression, ...]
    ) -> tuple[Node, KeyPlan]:
        viable: list[Expression] = []
        if step.type is not JoinType.FULL:
            viable.extend(key for key in left_keys if isinstance(key, ColumnReference) and key.source)
            for side in (step.left, step.right_expression):
                if isinstance(side, ColumnReference) and side not in viable:
                    viable.append(side)
        synthetic = not viable
        if synthetic:
            viable.append(ColumnReference(self._synthetic))
        first = viable[0]
        assert isinstance(first, ColumnReference)
        name = self._synthetic if synthetic else self._scope.lowered_name(first.source or "", first.name)
        alternatives = tuple(viable)
        plan = KeyPlan("join expression", (KeyColumn(alternatives, name, texts_of(alternatives)),), synthetic)
        key = Column(name, left.schema.key[0].type, Namespace.KEY)
        return self._node(step, left, right, (key,)), plan

    def _node(
        self,
        step: JoinStep,
        left: Node,
        right: Node,
        keys: tuple[Column, ...],
        foreign_key: NamedExpression | None = None,
    ) -> Join:
        schema = Schema(keys + left.schema.value + right.schema.value)
        return Join(
            step.type,
            left,
            right,
            step.within,
            foreign_key,
            schema=schema,
            is_table=left.is_table and right.is_table,
            window=left.window,
            pseudo_columns=False,
        )

    def _foreign_key(
        self, step: JoinStep, left: Node, right: Node, left_source: AliasedSource | None, n_way: bool
    ) -> tuple[Node, KeyPlan]:
        if left_source is None:
            raise StatementError(
                "Invalid join condition: foreign-key table-table joins are not supported as part of n-way joins. "
                f"Got {_shown(step)}."
            )
        if step.type in _OUTER_TEXT:
            raise StatementError(
                f"Invalid join type: {_OUTER_TEXT[step.type]} JOIN on a foreign key is not supported. "
                f"Got {_shown(step)}."
            )
        expression = named("FOREIGN_KEY", self._scope.lower(step.left), left, self._functions)
        columns = tuple(
            KeyColumn(
                (ColumnReference(c.name, left_source.alias),),
                c.name,
                (f"{left_source.alias}.{c.name}",),
            )
            for c in left_source.source.schema.key
        )
        keys = tuple(
            replace(c, name=self._scope.lowered_name(left_source.alias, c.name))
            for c in left_source.source.schema.key
        )
        plan = KeyPlan("key column", columns, foreign_key_of=None if n_way else left_source.alias)
        return self._node(step, left, right, keys, expression), plan

    def _rekey(self, node: Node, expression: Expression) -> Node:
        if node.window is not None:
            raise StatementError(_REPARTITION_ISSUE)
        name = self._synthetic
        if isinstance(expression, ColumnReference) and expression.source:
            name = self._scope.lowered_name(expression.source, expression.name)
        key = named(name, self._scope.lower(expression), node, self._functions, Namespace.KEY)
        check_no_maps((key.column,))
        schema = Schema((key.column, *node.schema.value))
        return Rekey(
            node, (key,), repartition=True, clause="JOIN ON", schema=schema, pseudo_columns=node.pseudo_columns
        )

    def _is_key(self, expression: Expression, aliased: AliasedSource) -> bool:
        key = aliased.source.schema.key
        return (
            len(key) == 1
            and isinstance(expression, ColumnReference)
            and (expression.source, expression.name) == (aliased.alias, key[0].name)
        )

    def _check_kinds(
        self, step: JoinStep, left: Node, right: Node, left_source: AliasedSource | None
    ) -> None:
        # Messages name the source that the criteria refers to.
        left_name = self._scope.source(step.left_alias).source.name
        right_name = step.right.source.name
        got = f"Got {left_name} {step.type_text} JOIN {right_name}."
        if left.is_table and not right.is_table:
            raise StatementError(
                f"Invalid join order: table-stream joins are not supported; only stream-table joins. {got}"
            )
        if not left.is_table and right.is_table:
            if step.type in _OUTER_TEXT:
                raise StatementError(
                    f"Invalid join type encountered: {step.type_text} JOIN. Stream-table joins support only inner "
                    f"and left joins. {got}"
                )
            if step.within is not None:
                raise StatementError(
                    "A window definition was provided for a Stream-Table join. These joins are not windowed. "
                    "Please drop the window definition (ie. the WITHIN clause) and try to execute your join again."
                )
        elif left.is_table and step.within is not None:
            raise StatementError(
                "A window definition was provided for a Table-Table join. These joins are not windowed. "
                "Please drop the window definition (ie. the WITHIN clause) and try to execute your join again."
            )
        elif not left.is_table and not right.is_table and step.within is None:
            raise StatementError(
                "Stream-Stream joins must have a WITHIN clause specified. None was provided. To learn about how to "
                "specify a WITHIN clause with a stream-stream join, please visit: https://docs.confluent.io/current/"
                "ksql/docs/syntax-reference.html#create-stream-as-select"
            )

    def _check_types(self, step: JoinStep) -> None:
        left = type_in_scope(step.left, self._scope, self._functions)
        right = type_in_scope(step.right_expression, self._scope, self._functions)
        if left != right:
            raise StatementError(
                "Invalid join condition: types don't match. "
                f"Got {format_expression(step.left)}{{{type_text(left)}}} = "
                f"{format_expression(step.right_expression)}{{{type_text(right)}}}."
            )

    def _check_windows(
        self, step: JoinStep, left: Node, right: Node, keyed: bool, left_source: AliasedSource | None
    ) -> None:
        if left.window is None and right.window is None:
            return
        left_name = self._scope.source(step.left_alias).source.name
        right_name = step.right.source.name
        if left.window is None or right.window is None:
            lines = [
                f"`{name}` is {f'{node.window.type.value} windowed' if node.window else 'not windowed'}"
                for name, node in ((left_name, left), (right_name, right))
            ]
            raise StatementError("Can not join windowed source to non-windowed source.\n" + "\n".join(lines))
        kinds = [node.window.type is WindowType.SESSION for node in (left, right) if node.window]
        if kinds[0] != kinds[1]:
            raise StatementError(
                "Incompatible windowed sources.\n"
                f"Left source: {left.window.type.value}\nRight source: {right.window.type.value}\n"
                "Session windowed sources can only be joined to other session windowed sources, and may still not "
                "result in expected behaviour as session bounds must be an exact match for the join to work\n"
                "Hopping and tumbling windowed sources can only be joined to other hopping and tumbling windowed "
                "sources"
            )
        if not keyed or left.window.size_ms != right.window.size_ms:
            raise StatementError(_REPARTITION_ISSUE)


def _not_primary_key(step: JoinStep, left: Node) -> str:
    got = f"Got {_shown(step)}."
    if left.is_table:
        return (
            "Invalid join condition: table-table joins require to join on the primary key of the right input "
            f"table. {got}"
        )
    return f"Invalid join condition: stream-table joins require to join on the table's primary key. {got}"


def _shown(step: JoinStep) -> str:
    sides = (step.left, step.right_expression)
    first, second = reversed(sides) if step.flipped else sides
    return f"{format_expression(first)} = {format_expression(second)}"


def _synthetic_name(scope: Scope) -> str:
    taken = {column.name for source in scope.sources for column in source.columns()}
    name, number = "ROWKEY", 0
    while name in taken:
        number += 1
        name = f"ROWKEY_{number}"
    return name
