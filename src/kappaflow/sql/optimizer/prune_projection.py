"""Read and carry only the columns that something above needs.

Project a (Filter b > 1 (Scan [a, b, c, d]))   ->   Project a (Filter b > 1 (Scan [a, b]))
"""

from __future__ import annotations

from dataclasses import replace

from kappaflow.serde.schema import Namespace, Schema
from kappaflow.sql.analyzer.scope import columns_of
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.logical.plan import (
    Aggregate,
    Exchange,
    Filter,
    Finalize,
    FlatMap,
    Join,
    NamedExpression,
    Node,
    Project,
    Rekey,
    Scan,
)


def prune_projection(root: Node, functions: FunctionRegistry) -> Node:
    """Drop unneeded columns below the top of the plan; the top keeps all of its own."""
    del functions
    return _prune(root, {column.name for column in root.schema.value})


def _prune(node: Node, needed: set[str]) -> Node:
    match node:
        case Scan():
            return replace(node, schema=_keep(node.schema, needed))
        case Project():
            # A row without columns could not be told from a missing one in every format.
            columns = tuple(c for c in node.columns if c.name in needed) or node.columns[:1]
            below = _prune(node.input, _names(columns))
            schema = Schema(node.schema.key + tuple(c.column for c in columns))
            return replace(node, input=below, columns=columns, schema=schema)
        case Filter():
            below = _prune(node.input, needed | set(columns_of(node.predicate)))
            return replace(node, input=below, schema=_with_key(node.schema, below.schema))
        case FlatMap():
            below = _prune(node.input, needed | _names(node.calls))
            calls = tuple(c.column for c in node.calls)
            return replace(node, input=below, schema=Schema(below.schema.columns + calls))
        case Rekey():
            below = _prune(node.input, needed | _names(node.keys))
            return replace(node, input=below, schema=_with_key(node.schema, below.schema))
        case Exchange():
            below = _prune(node.input, needed)
            return replace(node, input=below, schema=_with_key(node.schema, below.schema))
        case Aggregate():
            return replace(node, input=_prune(node.input, _names(node.keys) | _names(node.calls)))
        case Finalize():
            return replace(node, input=_prune(node.input, needed))
        case Join():
            wanted = needed | (_names((node.foreign_key,)) if node.foreign_key else set[str]())
            return node.with_inputs(_prune(node.left, wanted), _prune(node.right, wanted))
        case _:
            return node


def _names(expressions: tuple[NamedExpression, ...]) -> set[str]:
    return {name for named in expressions for name in columns_of(named.expression)}


def _keep(schema: Schema, needed: set[str]) -> Schema:
    return Schema(tuple(c for c in schema if c.namespace is Namespace.KEY or c.name in needed))


def _with_key(own: Schema, below: Schema) -> Schema:
    return Schema(own.key + tuple(c for c in below if c.namespace is not Namespace.KEY))
