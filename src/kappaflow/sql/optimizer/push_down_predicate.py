"""Filter a stream before its rows meet a table, and before they are sent to another partition.

    Filter(Join(Rekey(Project(stream)), table))   ->   Join(Rekey(Project(Filter(stream))), table)

where the predicate reads only the stream's columns.  Not done for stream-stream and table-table joins: there a
row that is filtered early changes what later rows are matched with.
"""

from __future__ import annotations

from dataclasses import replace

from kappaflow.sql.analyzer.scope import columns_of
from kappaflow.sql.ast.expressions import ColumnReference, Expression, Logical, LogicalOperator
from kappaflow.sql.ast.rewrite import rewrite
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.logical.plan import Exchange, Filter, Join, Node, Project, Rekey


def push_down_predicate(root: Node, functions: FunctionRegistry) -> Node:
    """Move what can be moved of each filter above a stream-table join to its stream side."""
    inputs = tuple(push_down_predicate(below, functions) for below in root.inputs)
    node = root.with_inputs(*inputs) if inputs else root
    if not isinstance(node, Filter) or not isinstance(node.input, Join) or node.clause != "WHERE":
        return node
    join = node.input
    if join.left.is_table or not join.right.is_table:
        return node
    readable = {column.name for column in join.left.schema.value}
    moved = [part for part in _conjuncts(node.predicate) if set(columns_of(part)) <= readable]
    kept = [part for part in _conjuncts(node.predicate) if part not in moved]
    if not moved:
        return node
    joined = replace(join, left=_filtered(join.left, _and(moved)))
    return replace(node, input=joined, predicate=_and(kept)) if kept else joined


def _filtered(node: Node, predicate: Expression) -> Node:
    """Return `node` with a filter as far below it as the predicate can be read."""
    if isinstance(node, Rekey | Exchange):
        return replace(node, input=_filtered(node.input, predicate))
    if isinstance(node, Project):
        made = {column.name: column.expression for column in node.columns}

        def change(part: Expression) -> Expression | None:
            return made[part.name] if isinstance(part, ColumnReference) else None

        if all(isinstance(expression, ColumnReference) for expression in made.values()):
            return replace(node, input=_filtered(node.input, rewrite(predicate, change)))
    return Filter(node, predicate, schema=node.schema, window=node.window, pseudo_columns=node.pseudo_columns)


def _conjuncts(expression: Expression) -> list[Expression]:
    if isinstance(expression, Logical) and expression.operator is LogicalOperator.AND:
        return _conjuncts(expression.left) + _conjuncts(expression.right)
    return [expression]


def _and(parts: list[Expression]) -> Expression:
    combined = parts[0]
    for part in parts[1:]:
        combined = Logical(LogicalOperator.AND, combined, part)
    return combined
