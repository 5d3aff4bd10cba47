"""The SELECT list: what each item is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kappaflow.errors import StatementError
from kappaflow.serde.types import Struct
from kappaflow.sql.analyzer.scope import SYSTEM_COLUMNS, Scope
from kappaflow.sql.ast.expressions import ColumnReference, Dereference, Expression
from kappaflow.sql.ast.places import place_of
from kappaflow.sql.ast.relations import AllColumns, SelectItem, SingleColumn, StructAll

StructTyper = Callable[[Expression], Struct]


@dataclass(frozen=True, slots=True)
class Star:
    """`*` (source None) or `source.*`; which columns it means depends on the plan below the projection."""

    source: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A qualified expression and the name of its column."""

    expression: Expression
    name: str


Item = Star | Named


class AliasGenerator:
    """Makes the names of columns that have none: KSQL_COL_n, and FIELD, FIELD_1, .. for struct fields."""

    def __init__(self, scope: Scope) -> None:
        self._taken = {column.name for source in scope.sources for column in source.columns()}
        self._next = 0
        self._fields: dict[str, int] = {}

    def column(self) -> str:
        """Return the next KSQL_COL_n."""
        while True:
            name = f"KSQL_COL_{self._next}"
            self._next += 1
            if name not in self._taken:
                return name

    def field(self, name: str) -> str:
        """Return `name`, or `name_n` where it is taken."""
        while True:
            count = self._fields.get(name, 0)
            self._fields[name] = count + 1
            candidate = name if count == 0 else f"{name}_{count}"
            if candidate not in self._taken:
                return candidate


def name_items(
    items: tuple[SelectItem, ...],
    scope: Scope,
    names: AliasGenerator,
    free: frozenset[str],
    struct_of: StructTyper,
    persistent: bool,
) -> tuple[Item, ...]:
    """Qualify the items and name the unnamed ones.

    Args:
        items: as parsed.
        scope: the sources.
        names: makes names.
        free: column names that belong to no source.
        struct_of: the struct type of a qualified expression, for ``expression->*``.
        persistent: the result is stored, so system columns need an alias.

    Raises:
        StatementError: a column cannot be resolved, or an alias is reserved.
    """
    found: list[Item] = []
    for item in items:
        match item:
            case AllColumns(source):
                if source is not None:
                    with place_of(item):
                        scope.source(source)
                found.append(Star(source))
            case StructAll(expression):
                base = scope.qualify(expression, "SELECT", free)
                found.extend(Named(Dereference(base, field.name), field.name) for field in struct_of(base).fields)
            case SingleColumn(expression, alias):
                if persistent and alias is None:
                    _check_reserved(expression, scope)
                qualified = scope.qualify(expression, "SELECT", free)
                with place_of(item):
                    _check_alias(alias, qualified)
                found.append(Named(qualified, alias or default_name(qualified, scope, names)))
    return tuple(found)


def default_name(expression: Expression, scope: Scope, names: AliasGenerator) -> str:
    """Return the name of an expression without alias."""
    if isinstance(expression, ColumnReference):
        if expression.source is not None and scope.is_ambiguous(expression.name):
            return f"{expression.source}_{expression.name}"
        return expression.name
    if isinstance(expression, Dereference):
        return names.field(expression.field_name)
    return names.column()


def _check_alias(alias: str | None, expression: Expression) -> None:
    if alias not in SYSTEM_COLUMNS:
        return
    if isinstance(expression, ColumnReference) and expression.name == alias:
        return
    raise StatementError(f"`{alias}` is a reserved column name. You cannot use it as an alias for a column.")


def _check_reserved(expression: Expression, scope: Scope) -> None:
    if isinstance(expression, ColumnReference) and expression.name in SYSTEM_COLUMNS and not scope.is_join:
        text = f"Reserved column name in select: `{expression.name}`. Please remove or alias the column."
        raise StatementError(text, at=expression.position)
