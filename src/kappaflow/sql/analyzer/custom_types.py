"""Names of custom types: in declarations of columns, and in the casts of queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kappaflow.errors import StatementError
from kappaflow.serde.types import Array, DataType, Map, Struct
from kappaflow.sql.ast.expressions import Cast, Expression
from kappaflow.sql.ast.places import place_of
from kappaflow.sql.ast.relations import AllColumns, Join, SelectItem
from kappaflow.sql.ast.rewrite import rewrite, walk
from kappaflow.sql.ast.statements import NamedType, Query
from kappaflow.sql.grammar.expression_builder import PRIMITIVES
from kappaflow.sql.metastore import MetaStore
from kappaflow.sql.nearest_names import did_you_mean

_WITH_PARTS = ("DECIMAL", "ARRAY", "MAP", "STRUCT")
_TYPES = (
    " Types are BOOLEAN, INTEGER, BIGINT, DOUBLE, DECIMAL(p, s), VARCHAR, BYTES, TIME, DATE, TIMESTAMP, ARRAY<t>, "
    "MAP<k, v>, STRUCT<name t, ..> and those of CREATE TYPE."
)


def resolve_type(data_type: DataType, metastore: MetaStore) -> DataType:
    """Return the type with every custom type replaced by what it stands for.

    Raises:
        StatementError: a custom type is unknown.
    """
    match data_type:
        case NamedType(name, position):
            found = metastore.types.get(name) or metastore.types.get(name.upper())
            if found is None:
                hint = did_you_mean((*metastore.types, *PRIMITIVES, *_WITH_PARTS), name) or _TYPES
                raise StatementError(f"Cannot resolve unknown type: {name}.{hint}", at=position)
            return found
        case Array(element):
            return Array(resolve_type(element, metastore))
        case Map(key, value):
            return Map(resolve_type(key, metastore), resolve_type(value, metastore))
        case Struct(fields):
            return Struct(tuple(replace(f, type=resolve_type(f.type, metastore)) for f in fields))
        case _:
            return data_type


def resolve_casts(expression: Expression, metastore: MetaStore) -> Expression:
    """Return the expression with the custom types of its casts resolved.

    Raises:
        StatementError: a custom type is unknown.
    """

    def change(node: Expression) -> Expression | None:
        if not isinstance(node, Cast):
            return None
        with place_of(node):
            return replace(node, operand=rewrite(node.operand, change), type=resolve_type(node.type, metastore))

    return rewrite(expression, change)


def resolve_query(query: Query, metastore: MetaStore) -> Query:
    """Return the query with the custom types of its casts resolved.

    Raises:
        StatementError: a custom type is unknown.
    """
    if not any(isinstance(node, Cast) for expression in expressions_of(query) for node in walk(expression)):
        return query

    def resolved(expression: Expression) -> Expression:
        return resolve_casts(expression, metastore)

    def item(selected: SelectItem) -> SelectItem:
        if isinstance(selected, AllColumns):
            return selected
        return replace(selected, expression=resolved(selected.expression))

    source = query.source
    if isinstance(source, Join):
        source = replace(source, joined=tuple(replace(j, criteria=resolved(j.criteria)) for j in source.joined))
    return replace(
        query,
        select=tuple(item(selected) for selected in query.select),
        source=source,
        where=query.where and resolved(query.where),
        group_by=query.group_by and tuple(map(resolved, query.group_by)),
        partition_by=query.partition_by and tuple(map(resolved, query.partition_by)),
        having=query.having and resolved(query.having),
    )


def expressions_of(query: Query) -> Iterator[Expression]:
    """Yield every expression of a query, clause by clause."""
    for selected in query.select:
        if not isinstance(selected, AllColumns):
            yield selected.expression
    if isinstance(query.source, Join):
        yield from (joined.criteria for joined in query.source.joined)
    yield from (clause for clause in (query.where, query.having) if clause is not None)
    yield from query.group_by or ()
    yield from query.partition_by or ()
