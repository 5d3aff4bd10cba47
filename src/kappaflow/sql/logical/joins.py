"""Join nodes: sides prepared and re-keyed, keys tracked, impossible joins refused."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kappaflow.errors import StatementError
from kappaflow.serde.formats import FORMATS, SerdeFeature, schema_problem
from kappaflow.serde.schema import Column, Namespace, Schema, WindowType
from kappaflow.sql.analyzer.relations import JoinStep
from kappaflow.sql.analyzer.scope import AliasedSource, Scope
from kappaflow.sql.analyzer.source_schema import type_in_scope
from kappaflow.sql.ast.expressions import ColumnReference, Expression
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.ast.places import place_of
from kappaflow.sql.ast.relations import JoinType
from kappaflow.sql.formats import check_no_maps, internal_format, require_format
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.logical.keys import KeyColumn, KeyPlan, texts_of
from kappaflow.sql.logical.plan import Exchange, Join, NamedExpression, Node, Rekey
from kappaflow.sql.logical.sources import carry_all, scan, source_keys
from kappaflow.sql.logical.typing import named
from kappaflow.sql.metastore import FormatInfo
from kappaflow.sql.statement_plan import RecordedTopics
from kappaflow.sql.types import type_text

_OUTER_TEXT = {JoinType.RIGHT: "RIGHT OUTER", JoinType.FULL: "FULL OUTER"}
_REPARTITION_ISSUE = (
    "Implicit repartitioning of windowed sources is not supported. "
    "See https://github.com/confluentinc/ksql/issues/4385."
)


def plan_joins(
    scope: Scope,
    steps: tuple[JoinStep, ...],
    functions: FunctionRegistry,
    topics: RecordedTopics | None = None,
) -> tuple[Node, KeyPlan]:
    """Return the join tree and its key.

    Raises:
        StatementError: a join is not possible.
    """
    return JoinPlanner(scope, functions, topics).plan(steps)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a join.

    Attributes:
        equal: qualified expressions that all have the value of the side's key.
        key_format: how its keys are written, and so partitioned.
        partitions: of its topic, None when not known.
    """

    node: Node
    equal: tuple[Expression, ...]
    key_format: FormatInfo
    partitions: int | None
    source: AliasedSource | None

    @property
    def is_internal(self) -> bool:
        """Whether its keys were written by the query itself."""
        return self.source is None


class JoinPlanner:
    """Plans the joins of one query, left-deep."""

    def __init__(self, scope: Scope, functions: FunctionRegistry, topics: RecordedTopics | None) -> None:
        self._scope = scope
        self._functions = functions
        self._topics = topics
        self._synthetic = _synthetic_name(scope)

    def plan(self, steps: tuple[JoinStep, ...]) -> tuple[Node, KeyPlan]:
        """Return the join tree and its key."""
        left = self._side(self._scope.sources[0])
        plan = source_keys(self._scope.sources[0])
        for step in steps:
            with place_of(step.criteria):
                left, plan = self._step(step, left, n_way=len(steps) > 1)
        return left.node, plan

    def _side(self, aliased: AliasedSource) -> _Side:
        source = aliased.source
        facts = self._topics.describe(source.topic) if self._topics is not None else None
        return _Side(
            carry_all(scan(aliased), self._scope, aliased.alias),
            # Only a key of one column can be joined on.
            tuple(ColumnReference(c.name, aliased.alias) for c in source.schema.key)
            if len(source.schema.key) == 1
            else (),
            source.key_format,
            facts.partitions if facts is not None else None,
            aliased,
        )

    def _step(self, step: JoinStep, left: _Side, *, n_way: bool) -> tuple[_Side, KeyPlan]:
        right = self._side(step.right)
        self._check_kinds(step, left.node, right.node)
        self._check_types(step)
        left_keyed, right_keyed = step.left in left.equal, step.right_expression in right.equal
        self._check_windows(step, left.node, right.node, left_keyed=left_keyed, right_keyed=right_keyed)
        if right.node.is_table and not right_keyed:
            raise StatementError(_not_primary_key(step, left.node))
        if left.node.is_table and not left_keyed:
            return self._foreign_key(step, left, right, n_way=n_way)
        left, right = self._co_partition(step, left, right, left_keyed=left_keyed, right_keyed=right_keyed)
        return self._joined(step, left, right)

    def _co_partition(
        self, step: JoinStep, left: _Side, right: _Side, *, left_keyed: bool, right_keyed: bool
    ) -> tuple[_Side, _Side]:
        """Re-key the sides that are not keyed by the criteria, so that both write equal keys as equal bytes."""
        if left_keyed and right_keyed and left.key_format.name == right.key_format.name:
            self._check_partitions(step, left, right)
        if left_keyed:
            chosen, partitions = left.key_format, left.partitions
        elif right_keyed:
            chosen, partitions = right.key_format, right.partitions
        else:
            chosen, partitions = self._common_format(step, left, right), left.partitions
        left = self._in_format(left, step.left, chosen, partitions, keyed=left_keyed)
        name = left.node.schema.key[0].name if _names_key(chosen) else None
        return left, self._in_format(right, step.right_expression, chosen, partitions, keyed=right_keyed, name=name)

    def _in_format(
        self,
        side: _Side,
        expression: Expression,
        chosen: FormatInfo,
        partitions: int | None,
        *,
        keyed: bool,
        name: str | None = None,
    ) -> _Side:
        """Return a side keyed by `expression`, its keys written in the chosen format.

        Keys with registered schemas hold the id of their schema, which other topics' schemas do not share: a source
        with such keys is written anew.  With `name` its key column is called so in the schema.
        """
        if not keyed:
            return self._rekey(side, expression, chosen, partitions, name)
        by_schema = FORMATS[chosen.name].infers_schema and not side.is_internal
        if side.key_format.name == chosen.name and not by_schema:
            return side
        return self._exchange(side, chosen, partitions, name)

    def _exchange(self, side: _Side, chosen: FormatInfo, partitions: int | None, name: str | None = None) -> _Side:
        node = side.node
        keys = node.schema.key if name is None else (replace(node.schema.key[0], name=name),)
        made = Exchange(
            node,
            internal_format(chosen),
            partitions,
            schema=Schema((*keys, *node.schema.value)),
            is_table=node.is_table,
            window=node.window,
            pseudo_columns=node.pseudo_columns,
        )
        return replace(side, node=made, key_format=chosen, partitions=partitions, source=None)

    def _common_format(self, step: JoinStep, left: _Side, right: _Side) -> FormatInfo:
        data_type = type_in_scope(step.left, self._scope, self._functions)
        assert data_type is not None
        columns = (Column(self._synthetic, data_type, Namespace.KEY),)
        for candidate in (left.key_format, right.key_format):
            if schema_problem(candidate.name, columns) is None:
                return candidate
        return require_format("JSON", {})

    def _check_partitions(self, step: JoinStep, left: _Side, right: _Side) -> None:
        if left.partitions is None or right.partitions is None or left.partitions == right.partitions:
            return
        names = (self._name(step), step.right.source.name)
        raise StatementError(
            f"Can't join `{names[0]}` with `{names[1]}` since the number of partitions don't match. "
            f"`{names[0]}` partitions = {left.partitions}; `{names[1]}` partitions = {right.partitions}. "
            "Please repartition either one so that the number of partitions match."
        )

    def _name(self, step: JoinStep) -> str:
        return self._scope.source(step.left_alias).source.name

    def _joined(self, step: JoinStep, left: _Side, right: _Side) -> tuple[_Side, KeyPlan]:
        equal: tuple[Expression, ...] = ()
        if step.type is not JoinType.FULL:
            sides = (*left.equal, step.left, step.right_expression)
            equal = tuple(dict.fromkeys(sides))
        viable = tuple(e for e in equal if isinstance(e, ColumnReference))
        synthetic = not viable
        if synthetic:
            viable = (ColumnReference(self._synthetic),)
        first = viable[0]
        name = self._synthetic if synthetic else self._scope.lowered_name(first.source or "", first.name)
        plan = KeyPlan("join expression", (KeyColumn(viable, name, texts_of(viable)),), synthetic)
        key = Column(name, left.node.schema.key[0].type, Namespace.KEY)
        node = self._node(step, left.node, right.node, (key,))
        return _Side(node, equal, left.key_format, left.partitions, None), plan

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

    def _foreign_key(self, step: JoinStep, left: _Side, right: _Side, *, n_way: bool) -> tuple[_Side, KeyPlan]:
        left_source = left.source
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
        if FORMATS[right.key_format.name].infers_schema:
            fits = schema_problem(left.key_format.name, right.node.schema.key) is None
            right = self._exchange(right, left.key_format if fits else right.key_format, right.partitions)
        expression = named("FOREIGN_KEY", self._scope.lower(step.left), left.node, self._functions)
        columns = tuple(
            KeyColumn(
                (ColumnReference(c.name, left_source.alias),),
                c.name,
                (f"{left_source.alias}.{c.name}",),
            )
            for c in left_source.source.schema.key
        )
        keys = tuple(
            replace(c, name=self._scope.lowered_name(left_source.alias, c.name)) for c in left_source.source.schema.key
        )
        plan = KeyPlan("key column", columns, foreign_key_of=None if n_way else left_source.alias)
        node = self._node(step, left.node, right.node, keys, expression)
        return _Side(node, left.equal, left.key_format, left.partitions, None), plan

    def _rekey(
        self,
        side: _Side,
        expression: Expression,
        key_format: FormatInfo,
        partitions: int | None,
        name: str | None = None,
    ) -> _Side:
        node = side.node
        if node.window is not None:
            raise StatementError(_REPARTITION_ISSUE)
        if name is None:
            name = self._synthetic
            if isinstance(expression, ColumnReference) and expression.source:
                name = self._scope.lowered_name(expression.source, expression.name)
        key = named(name, self._scope.lower(expression), node, self._functions, Namespace.KEY)
        check_no_maps((key.column,))
        rekeyed = Rekey(
            node,
            (key,),
            repartition=True,
            key_format=key_format,
            partitions=partitions,
            clause="JOIN ON",
            schema=Schema((key.column, *node.schema.value)),
            pseudo_columns=node.pseudo_columns,
        )
        return _Side(rekeyed, (expression,), key_format, partitions, None)

    def _check_kinds(self, step: JoinStep, left: Node, right: Node) -> None:
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
                "Stream-Stream joins must have a WITHIN clause specified. None was provided. Say how far apart in "
                "time joined rows may be, for example WITHIN 1 HOUR."
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

    def _check_windows(self, step: JoinStep, left: Node, right: Node, *, left_keyed: bool, right_keyed: bool) -> None:
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
        if left.is_table and right.is_table and not left_keyed:
            raise StatementError("Foreign-key table-table joins are not supported on windowed tables.")
        if not (left_keyed and right_keyed) or left.window.size_ms != right.window.size_ms:
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


def _names_key(chosen: FormatInfo) -> bool:
    """Tell whether the schema of a key of one column has the name of the column: equal keys need equal schemas."""
    described = FORMATS[chosen.name]
    return described.infers_schema and SerdeFeature.UNWRAP_SINGLES not in described.features


def _synthetic_name(scope: Scope) -> str:
    taken = {column.name for source in scope.sources for column in source.columns()}
    name, number = "ROWKEY", 0
    while name in taken:
        number += 1
        name = f"ROWKEY_{number}"
    return name
