"""The steps of a physical plan, named by what they act on.

A step holds everything that building its streams operator needs: schemas, formats, names of stores and of
internal topics.  Steps form a tree; the last one writes a sink or gives a result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kappaflow.serde.schema import Schema, WindowInfo
from kappaflow.sql.ast.expressions import Expression
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.ast.relations import JoinType, Window, Within
from kappaflow.sql.logical.plan import NamedExpression
from kappaflow.sql.metastore import FormatInfo, TimestampColumn


@dataclass(frozen=True, slots=True)
class Formats:
    """How keys and values are written to a topic or a store."""

    key: FormatInfo
    value: FormatInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Base of all steps.

    Attributes:
        name: the step's place in the query, such as ``KafkaTopic_Left-Source``; loggers and stores are called so.
        schema: of the rows it gives.
        window: how their keys are windowed.
        pseudo_columns: the record's own time, partition and offset may be read.
    """

    name: str
    schema: Schema
    window: WindowInfo | None = None
    pseudo_columns: bool = True

    @property
    def inputs(self) -> tuple[Step, ...]:
        """The steps before."""
        return ()

    @property
    def kind(self) -> str:
        """What the step is called in plans."""
        return type(self).__name__

    def detail(self) -> str:
        """Return what the step does, for EXPLAIN."""
        return ""


@dataclass(frozen=True, slots=True)
class Source(Step):
    """Read a topic.

    Attributes:
        needed: positions of the value columns that anything reads; the others stay undecoded.
        timestamp: the column that holds the record's time.
        reads_position: partition or offset of records is read.
    """

    topic: str
    needed: tuple[int, ...]
    formats: Formats
    timestamp: TimestampColumn | None = None
    reads_position: bool = False

    def detail(self) -> str:
        """Return the topic, and which of its value columns are read when not all are."""
        value = self.schema.value
        if len(self.needed) == len(value):
            return f"topic {self.topic}"
        names = ", ".join(value[place].name for place in self.needed) or "no columns"
        return f"topic {self.topic}, reads {names}"


@dataclass(frozen=True, slots=True)
class StreamSource(Source):
    """Read a topic as a stream."""


@dataclass(frozen=True, slots=True)
class TableSource(Source):
    """Read a topic as a table.

    Attributes:
        store: name of the store that keeps it.
        materialised: the store is needed: something reads old values or looks keys up.
    """

    store: str = ""
    materialised: bool = False


@dataclass(frozen=True, slots=True)
class UnaryStep(Step):
    """A step after one other."""

    input: Step

    @property
    def inputs(self) -> tuple[Step, ...]:
        """The step before."""
        return (self.input,)


@dataclass(frozen=True, slots=True)
class StreamFilter(UnaryStep):
    """Keep the rows of a stream for which the predicate is true."""

    predicate: Expression
    clause: str = "WHERE"

    def detail(self) -> str:
        """Return the predicate."""
        return format_expression(self.predicate)


@dataclass(frozen=True, slots=True)
class TableFilter(UnaryStep):
    """Keep the rows of a table for which the predicate is true; others are deleted downstream."""

    predicate: Expression
    clause: str = "WHERE"

    def detail(self) -> str:
        """Return the predicate."""
        return format_expression(self.predicate)


@dataclass(frozen=True, slots=True)
class StreamSelect(UnaryStep):
    """Make new value columns from the rows of a stream."""

    columns: tuple[NamedExpression, ...]

    def detail(self) -> str:
        """Return the columns."""
        return ", ".join(str(c) for c in self.columns)


@dataclass(frozen=True, slots=True)
class TableSelect(UnaryStep):
    """Make new value columns from the rows of a table."""

    columns: tuple[NamedExpression, ...]

    def detail(self) -> str:
        """Return the columns."""
        return ", ".join(str(c) for c in self.columns)


@dataclass(frozen=True, slots=True)
class StreamFlatMap(UnaryStep):
    """Make a row of each result of table functions."""

    calls: tuple[NamedExpression, ...]

    def detail(self) -> str:
        """Return the calls."""
        return ", ".join(str(c) for c in self.calls)


@dataclass(frozen=True, slots=True)
class StreamSelectKey(UnaryStep):
    """Give the rows of a stream another key; without key columns the key is null."""

    keys: tuple[NamedExpression, ...]

    def detail(self) -> str:
        """Return the keys."""
        return ", ".join(str(k) for k in self.keys) or "NULL"


@dataclass(frozen=True, slots=True)
class StreamRepartition(UnaryStep):
    """Send a stream through an internal topic, so that equal keys meet in one partition."""

    topic: str
    formats: Formats
    partitions: int | None = None

    def detail(self) -> str:
        """Return the topic."""
        return f"topic ..-{self.topic}"


@dataclass(frozen=True, slots=True)
class TableRepartition(UnaryStep):
    """Send the changes of a table through an internal topic that has its keys in another format.

    Attributes:
        store: of the table beyond the topic.
        materialised: something after it must know what its rows were before a change.
    """

    topic: str
    formats: Formats
    store: str
    materialised: bool
    partitions: int | None = None

    def detail(self) -> str:
        """Return the topic."""
        return f"topic ..-{self.topic}"


@dataclass(frozen=True, slots=True)
class StreamGroupBy(UnaryStep):
    """Group a stream by expressions; rows without a group are dropped."""

    keys: tuple[NamedExpression, ...]
    topic: str
    formats: Formats

    def detail(self) -> str:
        """Return the grouping."""
        return ", ".join(str(k) for k in self.keys)


@dataclass(frozen=True, slots=True)
class TableGroupBy(UnaryStep):
    """Group a table by expressions: each change takes a row from its old group and adds it to its new one."""

    keys: tuple[NamedExpression, ...]
    topic: str
    formats: Formats

    def detail(self) -> str:
        """Return the grouping."""
        return ", ".join(str(k) for k in self.keys)


@dataclass(frozen=True, slots=True)
class _AggregateStep(UnaryStep):
    calls: tuple[NamedExpression, ...]
    store: str
    formats: Formats

    def detail(self) -> str:
        """Return the calls."""
        return ", ".join(str(c) for c in self.calls)


@dataclass(frozen=True, slots=True)
class StreamAggregate(_AggregateStep):
    """Fold the rows of each group of a stream."""


@dataclass(frozen=True, slots=True)
class TableAggregate(_AggregateStep):
    """Fold the rows of each group of a table, taking old rows back."""


@dataclass(frozen=True, slots=True)
class StreamWindowedAggregate(_AggregateStep):
    """Fold the rows of each group and window of a stream.

    Attributes:
        is_final: rows are given when their window closes.
    """

    over: Window
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class _JoinStep(Step):
    left: Step
    right: Step
    type: JoinType

    @property
    def inputs(self) -> tuple[Step, ...]:
        """The steps before."""
        return (self.left, self.right)

    def detail(self) -> str:
        """Return the kind of join."""
        return self.type.value


@dataclass(frozen=True, slots=True)
class StreamTableJoin(_JoinStep):
    """Look each row of a stream up in a table."""

    store: str
    formats: Formats


@dataclass(frozen=True, slots=True)
class StreamStreamJoin(_JoinStep):
    """Join the rows of two streams that are near in time."""

    within: Within
    left_store: str
    right_store: str
    outer_store: str
    left_formats: Formats
    right_formats: Formats


@dataclass(frozen=True, slots=True)
class TableTableJoin(_JoinStep):
    """Join two tables by their primary keys."""

    left_store: str
    right_store: str
    left_formats: Formats
    right_formats: Formats


@dataclass(frozen=True, slots=True)
class ForeignKeyTableTableJoin(_JoinStep):
    """Join a table to another by an expression of its rows that is the other's primary key."""

    foreign_key: NamedExpression
    left_store: str
    right_store: str
    left_formats: Formats
    right_formats: Formats


@dataclass(frozen=True, slots=True)
class _SinkStep(UnaryStep):
    topic: str
    formats: Formats
    timestamp: TimestampColumn | None = None

    def detail(self) -> str:
        """Return the topic."""
        return f"topic {self.topic}"


@dataclass(frozen=True, slots=True)
class StreamSink(_SinkStep):
    """Write a stream to a topic."""


@dataclass(frozen=True, slots=True)
class TableSink(_SinkStep):
    """Write the changes of a table to a topic."""


@dataclass(frozen=True, slots=True)
class Collect(UnaryStep):
    """Hand rows to whoever runs the query."""


@dataclass(frozen=True, slots=True)
class TableMaterialise(UnaryStep):
    """Keep a table in a store, to answer look-ups."""

    store: str
    formats: Formats


def walk_steps(step: Step) -> Iterator[Step]:
    """Yield the step and all before it."""
    yield step
    for before in step.inputs:
        yield from walk_steps(before)


def format_steps(step: Step, depth: int = 0) -> str:
    """Return the steps as indented text, the last one first."""
    detail = step.detail()
    line = f"{'  ' * depth}{step.kind}{f' {detail}' if detail else ''} | Schema: {step.schema} | Logger: {step.name}"
    return "\n".join([line, *(format_steps(before, depth + 1) for before in step.inputs)])
