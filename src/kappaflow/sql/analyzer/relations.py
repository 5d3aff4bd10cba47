"""FROM and JOIN: sources by alias, and join criteria with each side assigned to its source."""

from __future__ import annotations

from dataclasses import dataclass

from kappaflow.errors import StatementError
from kappaflow.serde import FORMATS
from kappaflow.sql.analyzer.scope import AliasedSource, Scope, sources_of
from kappaflow.sql.ast.expressions import Comparison, ComparisonOperator, Expression, Logical
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.ast.places import place_of
from kappaflow.sql.ast.relations import AliasedRelation, Join, JoinedSource, JoinType, Relation, Table, Within
from kappaflow.sql.metastore import MetaStore

_JOIN_TEXT = {
    JoinType.INNER: "[INNER]",
    JoinType.LEFT: "LEFT [OUTER]",
    JoinType.RIGHT: "RIGHT [OUTER]",
    JoinType.FULL: "[FULL] OUTER",
}


@dataclass(frozen=True, slots=True)
class JoinStep:
    """One join: everything joined so far on the left, one more source on the right.

    Attributes:
        right: the source that this step adds.
        left_alias: the source that the left side of the criteria refers to.
        left, right_expression: the two sides, qualified.
        criteria: as written, qualified.
        flipped: the criteria was written with the right source first.
    """

    type: JoinType
    right: AliasedSource
    left_alias: str
    left: Expression
    right_expression: Expression
    criteria: Expression
    within: Within | None
    flipped: bool = False

    @property
    def type_text(self) -> str:
        """The kind of join as messages print it."""
        return _JOIN_TEXT[self.type]


@dataclass(frozen=True, slots=True)
class Relations:
    """The sources of a query and how they are joined, left-deep."""

    scope: Scope
    joins: tuple[JoinStep, ...] = ()


def resolve_relations(relation: Relation, metastore: MetaStore) -> Relations:
    """Resolve FROM.

    Raises:
        StatementError: a source is unknown, or a join is not possible.
    """
    if not isinstance(relation, Join):
        return Relations(Scope((_aliased(relation, metastore),)))
    sources = [_aliased(relation.first, metastore)]
    for joined in relation.joined:
        source = _aliased(joined.relation, metastore)
        _check_not_joined_twice(source, sources, len(relation.joined) > 1)
        sources.append(source)
    scope = Scope(tuple(sources))
    steps: list[JoinStep] = []
    for index, joined in enumerate(relation.joined):
        visible = Scope(scope.sources[: index + 2])
        with place_of(joined.criteria):
            steps.append(_step(joined, scope, visible))
    _check_value_formats(scope, "JOIN")
    return Relations(scope, tuple(steps))


def _aliased(relation: Table | AliasedRelation, metastore: MetaStore) -> AliasedSource:
    table = relation.relation if isinstance(relation, AliasedRelation) else relation
    alias = relation.alias if isinstance(relation, AliasedRelation) else table.name
    source = metastore.source(table.name)
    if source is None:
        raise StatementError(
            f"Failed to prepare statement: {table.name} does not exist.{metastore.hint(table.name)}", at=table.position
        )
    return AliasedSource(alias, source)


def _check_not_joined_twice(source: AliasedSource, seen: list[AliasedSource], n_way: bool) -> None:
    for other in seen:
        if other.source.name != source.source.name:
            continue
        if n_way:
            raise StatementError(
                f"N-way joins do not support multiple occurrences of the same source. Source: '{other.source.name}'"
            )
        raise StatementError(
            f"Can not join '{other.source.name}' to '{source.source.name}': self joins are not yet supported."
        )


def _step(joined: JoinedSource, scope: Scope, visible: Scope) -> JoinStep:
    right = visible.sources[-1]
    qualified = scope.qualify(joined.criteria, "JOIN ON")
    comparison = _comparison(qualified)
    sides = [_one_source(side, comparison) for side in (comparison.left, comparison.right)]
    if sides[0] == sides[1]:
        raise StatementError(
            "Each side of the join must reference exactly one source and not the same source. "
            f"Left side references `{sides[0]}` and right references `{sides[1]}`"
        )
    if right.alias not in sides:
        raise StatementError(
            f"A join criteria is expected to reference the source (`{right.alias}`) in the FROM clause, instead the "
            f"right source references `{sides[1]}` and the left source references `{sides[0]}`"
        )
    flipped = sides[0] == right.alias
    left, right_side = (comparison.right, comparison.left) if flipped else (comparison.left, comparison.right)
    left_alias = sides[1] if flipped else sides[0]
    return JoinStep(joined.type, right, left_alias, left, right_side, comparison, joined.within, flipped)


def _comparison(criteria: Expression) -> Comparison:
    if isinstance(criteria, Logical):
        raise StatementError(
            "Invalid join condition: joins on multiple conditions are not yet supported. "
            f"Got {format_expression(criteria)}."
        )
    if not isinstance(criteria, Comparison) or criteria.operator is not ComparisonOperator.EQUAL:
        raise StatementError(f"Only equality join criteria is supported. Got {format_expression(criteria)}.")
    return criteria


def _one_source(side: Expression, comparison: Comparison) -> str:
    found = sources_of(side)
    if len(found) != 1:
        raise StatementError(
            f"Invalid comparison expression '{format_expression(side)}' in join '{format_expression(comparison)}'. "
            "Each side of the join comparision must contain references from exactly one source.",
            at=side.position,
        )
    return found[0]


def _check_value_formats(scope: Scope, clause: str) -> None:
    raw = [s for s in scope.sources if not FORMATS[s.source.value_format.name].joins_and_groups]
    if raw:
        names = ", ".join(s.source.name for s in raw)
        kinds = ", ".join(sorted({f"'{s.source.value_format.name}'" for s in raw}))
        raise StatementError(
            f"Source(s) {names} are using the {kinds} value format. This format does not yet support {clause}."
        )


def check_grouping_formats(scope: Scope) -> None:
    """Check that the sources' value formats can be grouped.

    Raises:
        StatementError: one holds bare values.
    """
    _check_value_formats(scope, "GROUP BY")
