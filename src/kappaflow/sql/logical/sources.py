"""Scans, and the projection that carries everything of a record into its value."""

from __future__ import annotations

from kappaflow.serde.schema import Column, Namespace, Schema
from kappaflow.sql.analyzer.scope import PSEUDO_COLUMNS, WINDOW_BOUNDS, AliasedSource, Scope
from kappaflow.sql.ast.expressions import ColumnReference
from kappaflow.sql.logical.keys import KeyColumn, KeyPlan
from kappaflow.sql.logical.plan import NamedExpression, Node, Project, Scan


def scan(aliased: AliasedSource) -> Scan:
    """Return the scan of a source with all its columns."""
    source = aliased.source
    return Scan(aliased.alias, source, schema=source.schema, is_table=source.is_table, window=source.window)


def source_keys(aliased: AliasedSource) -> KeyPlan:
    """Return the key of a source."""
    columns = tuple(
        KeyColumn((ColumnReference(c.name, aliased.alias),), c.name, (c.name,)) for c in aliased.source.schema.key
    )
    return KeyPlan("key column", columns)


def carry_all(node: Node, rename: Scope | None = None, alias: str = "", purpose: str = "GROUP BY") -> Project:
    """Return a projection of every column of `node`, so that its rows can be given another key.

    Key columns, header columns, pseudo columns and window bounds become value columns.  With `rename`, columns
    are called as plan nodes of a join call them.  `purpose` is the clause that needs the new key.
    """
    names: dict[str, Column] = {c.name: c for c in node.schema if c.namespace is not Namespace.KEY}
    if node.pseudo_columns:
        for name, type_ in PSEUDO_COLUMNS.items():
            # The record's own time survives a new key, so it needs no copy except under another name.
            if rename is not None or name != "ROWTIME":
                names.setdefault(name, Column(name, type_))
    if node.window is not None:
        for name, type_ in WINDOW_BOUNDS.items():
            names.setdefault(name, Column(name, type_))
    for column in node.schema.key:
        names.setdefault(column.name, column)
    columns: list[NamedExpression] = []
    for name, column in names.items():
        lowered = rename.lowered_name(alias, name) if rename is not None else name
        columns.append(NamedExpression(lowered, ColumnReference(name), Column(lowered, column.type)))
    schema = Schema(node.schema.key + tuple(c.column for c in columns))
    return Project(
        node,
        tuple(columns),
        purpose,
        schema=schema,
        is_table=node.is_table,
        window=node.window,
        pseudo_columns=node.pseudo_columns and rename is None,
    )
