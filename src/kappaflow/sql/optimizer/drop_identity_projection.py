"""Take out projections that only pass columns through.

Project a, b (Scan [a, b])   ->   Scan [a, b]
"""

from __future__ import annotations

from kappaflow.sql.ast.expressions import ColumnReference
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.logical.plan import Filter, Node, Project, Scan


def drop_identity_projection(root: Node, functions: FunctionRegistry) -> Node:
    """Drop every projection that changes neither columns nor keys nor what can be read of a record."""
    inputs = tuple(drop_identity_projection(below, functions) for below in root.inputs)
    node = root.with_inputs(*inputs) if inputs else root
    if not isinstance(node, Project) or node.schema != node.input.schema:
        return node
    if node.pseudo_columns != node.input.pseudo_columns or node.schema.headers:
        return node
    if not _reads_whole_source(node.input):
        return node
    same = all(c.expression == ColumnReference(c.name) for c in node.columns)
    return node.input if same and len(node.columns) == len(node.input.schema.value) else node


def _reads_whole_source(node: Node) -> bool:
    """Tell whether rows hold just the columns of the schema: a pruned source's rows keep their places."""
    while isinstance(node, Filter):
        node = node.input
    return not isinstance(node, Scan) or node.schema == node.source.schema
