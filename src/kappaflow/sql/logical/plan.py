"""The nodes of a logical plan.

    Scan -> Filter -> Project -> Rekey -> Project                     PARTITION BY
    Scan -> Filter -> Project -> Aggregate -> Filter -> Project       GROUP BY, HAVING
    Project(Scan) x Project(Scan) -> Join -> ..                       joins: columns prefixed by alias

A node's schema lists its key columns, then its value columns.  Expressions in a node refer to its input's
columns by their lowered names; where a key and a value column share a name they hold the same value, and the
value column is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kappaflow.serde.schema import Column, Namespace, Schema, WindowInfo
from kappaflow.sql.ast.expressions import Expression
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.ast.relations import JoinType, Window, Within
from kappaflow.sql.metastore import DataSource, FormatInfo


@dataclass(frozen=True, slots=True)
class NamedExpression:
    """An expression, the name of its column, and its type as a column."""

    name: str
    expression: Expression
    column: Column

    def __str__(self) -> str:
        text = format_expression(self.expression)
        return text if text == self.name else f"{text} AS {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Base of all nodes.

    Attributes:
        schema: of the rows it gives.
        is_table: rows are the changes of a table.
        window: how the keys are windowed.
        pseudo_columns: ROWTIME and the like of the record itself may be read.
    """

    schema: Schema
    is_table: bool = False
    window: WindowInfo | None = None
    pseudo_columns: bool = True

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes below."""
        return ()

    def with_inputs(self, *inputs: Node) -> Node:
        """Return the node on other inputs."""
        assert not inputs
        return self


@dataclass(frozen=True, slots=True)
class Scan(Node):
    """Read a stream or table; `schema` may hold fewer value columns than the source."""

    alias: str
    source: DataSource

    def __str__(self) -> str:
        return f"Scan {self.source.name} [{self.schema}]"


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """A node with one input."""

    input: Node

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The node below."""
        return (self.input,)

    def with_inputs(self, *inputs: Node) -> Node:
        """Return the node on another input."""
        return replace(self, input=inputs[0])


@dataclass(frozen=True, slots=True)
class Filter(Unary):
    """Keep the rows for which `predicate` is true; `clause` names it in messages."""

    predicate: Expression
    clause: str = "WHERE"

    def __str__(self) -> str:
        return f"Filter {format_expression(self.predicate)}"


@dataclass(frozen=True, slots=True)
class Project(Unary):
    """Make new value columns; keys are kept, and named by the schema."""

    columns: tuple[NamedExpression, ...]
    clause: str = "SELECT"

    def __str__(self) -> str:
        return f"Project {', '.join(str(c) for c in self.columns)}"


@dataclass(frozen=True, slots=True)
class FlatMap(Unary):
    """Add one value column for each call of a table function, and a row for each of their results."""

    calls: tuple[NamedExpression, ...]

    def __str__(self) -> str:
        return f"FlatMap {', '.join(str(c) for c in self.calls)}"


@dataclass(frozen=True, slots=True)
class Rekey(Unary):
    """Give rows another key.

    Attributes:
        keys: the new key columns; none makes the key null.
        repartition: move rows to the partition of the new key, through a topic.
        key_format: of that topic; None leaves it to the physical plan.
        partitions: of that topic; None takes the source's.
    """

    keys: tuple[NamedExpression, ...]
    repartition: bool = False
    key_format: FormatInfo | None = None
    partitions: int | None = None
    clause: str = "PARTITION BY"

    def __str__(self) -> str:
        return f"Rekey {', '.join(str(k) for k in self.keys) or 'NULL'}"


@dataclass(frozen=True, slots=True)
class Exchange(Unary):
    """Write the same keys in another format, or under another schema, through a topic.

    Attributes:
        key_format: of that topic.
        partitions: of that topic; None takes the source's.
    """

    key_format: FormatInfo
    partitions: int | None = None

    def __str__(self) -> str:
        return f"Exchange {self.key_format.name}"


@dataclass(frozen=True, slots=True)
class Aggregate(Unary):
    """Group rows and fold each group.

    Attributes:
        keys: the grouping expressions.
        calls: the aggregate calls, each a value column of the result.
        regroups: the grouping is not the input's key, so rows go through a topic.
        over: the WINDOW clause.
    """

    keys: tuple[NamedExpression, ...]
    calls: tuple[NamedExpression, ...]
    regroups: bool
    over: Window | None = None

    def __str__(self) -> str:
        over = f" over {self.over.type.value}({self.over.size_ms} ms)" if self.over else ""
        keys = ", ".join(str(k) for k in self.keys)
        return f"Aggregate {', '.join(str(c) for c in self.calls)} by {keys}{over}"


@dataclass(frozen=True, slots=True)
class Finalize(Unary):
    """Hold a window's row back until the window is closed."""

    def __str__(self) -> str:
        return "Finalize"


@dataclass(frozen=True, slots=True)
class Join(Node):
    """Join two inputs whose value columns have distinct names.

    Attributes:
        foreign_key: a table-table join on an expression of the left row; None joins by key.
    """

    type: JoinType
    left: Node
    right: Node
    within: Within | None = None
    foreign_key: NamedExpression | None = None

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The two nodes below."""
        return (self.left, self.right)

    def with_inputs(self, *inputs: Node) -> Node:
        """Return the node on other inputs; its value columns follow theirs."""
        left, right = inputs
        schema = Schema(self.schema.key + left.schema.value + right.schema.value)
        return replace(self, left=left, right=right, schema=schema)

    def __str__(self) -> str:
        on = f" on {self.foreign_key}" if self.foreign_key else ""
        return f"Join {self.type.value}{on}"


def value_column(name: str, source: Column) -> Column:
    """Return `source` as a value column called `name`."""
    return Column(name, source.type, Namespace.VALUE)


def walk_plan(node: Node) -> Iterator[Node]:
    """Yield the node and everything below it."""
    yield node
    for below in node.inputs:
        yield from walk_plan(below)


def format_plan(node: Node, depth: int = 0) -> str:
    """Return the plan as indented text, the last step first."""
    lines = ["  " * depth + str(node)]
    lines.extend(format_plan(below, depth + 1) for below in node.inputs)
    return "\n".join(lines)
