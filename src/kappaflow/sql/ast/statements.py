"""Statements of the SQL language as immutable nodes."""

from __future__ import annotations

from dataclasses import dataclass, field

from kappaflow.serde.types import DataType
from kappaflow.sql.ast.expressions import Expression, Position
from kappaflow.sql.ast.relations import Emit, Relation, SelectItem, Window

PropertyValue = str | int | bool | float  # decimals in WITH are kept as text


@dataclass(frozen=True, slots=True)
class NamedType(DataType):
    """A custom type by name; the analyzer replaces it."""

    name: str
    position: Position | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Base of all statements.

    Attributes:
        position: where it starts.
        name_at: where the name of what it changes stands, for statements whose errors are about that name.
    """

    position: Position | None = field(default=None, compare=False, repr=False)
    name_at: Position | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Query(Statement):
    """SELECT; a pull query when `emit` is None."""

    select: tuple[SelectItem, ...]
    source: Relation
    window: Window | None = None
    where: Expression | None = None
    group_by: tuple[Expression, ...] | None = None
    partition_by: tuple[Expression, ...] | None = None
    having: Expression | None = None
    emit: Emit | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """A declared column; `constraint` is "", "KEY", "PRIMARY KEY" or "HEADERS"."""

    name: str
    type: DataType
    constraint: str = ""
    header_key: str | None = None


Properties = tuple[tuple[str, PropertyValue], ...]  # names upper case, in written order


@dataclass(frozen=True, slots=True)
class CreateSource(Statement):
    """CREATE [OR REPLACE] [SOURCE] STREAM|TABLE name (..) WITH (..)."""

    name: str
    columns: tuple[ColumnDefinition, ...]
    properties: Properties = ()
    is_table: bool = False
    or_replace: bool = False
    if_not_exists: bool = False
    is_source: bool = False


@dataclass(frozen=True, slots=True)
class CreateAsSelect(Statement):
    """CREATE [OR REPLACE] STREAM|TABLE name WITH (..) AS query."""

    name: str
    query: Query
    properties: Properties = ()
    is_table: bool = False
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class InsertInto(Statement):
    """INSERT INTO target [WITH (..)] query."""

    target: str
    query: Query
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class InsertValues(Statement):
    """INSERT INTO target [(columns)] VALUES (values)."""

    target: str
    columns: tuple[str, ...]
    values: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class DropSource(Statement):
    """DROP STREAM|TABLE [IF EXISTS] name [DELETE TOPIC]."""

    name: str
    is_table: bool = False
    if_exists: bool = False
    delete_topic: bool = False


@dataclass(frozen=True, slots=True)
class AlterSource(Statement):
    """ALTER STREAM|TABLE name ADD [COLUMN] c type, .."""

    name: str
    columns: tuple[ColumnDefinition, ...]
    is_table: bool = False


@dataclass(frozen=True, slots=True)
class CreateType(Statement):
    """CREATE TYPE [IF NOT EXISTS] name AS type."""

    name: str
    type: DataType
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropType(Statement):
    """DROP TYPE [IF EXISTS] name."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class Terminate(Statement):
    """TERMINATE query|ALL; `query_id` None means ALL."""

    query_id: str | None


@dataclass(frozen=True, slots=True)
class Pause(Statement):
    """PAUSE query|ALL."""

    query_id: str | None


@dataclass(frozen=True, slots=True)
class Resume(Statement):
    """RESUME query|ALL."""

    query_id: str | None


@dataclass(frozen=True, slots=True)
class SetProperty(Statement):
    """SET 'k'='v'."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class UnsetProperty(Statement):
    """UNSET 'k'."""

    name: str


@dataclass(frozen=True, slots=True)
class AlterSystem(Statement):
    """ALTER SYSTEM 'k'='v'."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class DefineVariable(Statement):
    """DEFINE v='x'."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class UndefineVariable(Statement):
    """UNDEFINE v."""

    name: str


@dataclass(frozen=True, slots=True)
class Show(Statement):
    """LIST|SHOW.

    Attributes:
        what: PROPERTIES, TOPICS, STREAMS, TABLES, FUNCTIONS, CONNECTORS, CONNECTOR PLUGINS, TYPES, VARIABLES, QUERIES.
        extended: with EXTENDED.
        all: SHOW ALL TOPICS.
        scope: SOURCE or SINK for CONNECTORS.
    """

    what: str
    extended: bool = False
    all: bool = False
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Describe(Statement):
    """DESCRIBE name [EXTENDED]."""

    name: str
    extended: bool = False


@dataclass(frozen=True, slots=True)
class DescribeAll(Statement):
    """DESCRIBE STREAMS|TABLES [EXTENDED]."""

    what: str
    extended: bool = False


@dataclass(frozen=True, slots=True)
class DescribeFunction(Statement):
    """DESCRIBE FUNCTION name."""

    name: str


@dataclass(frozen=True, slots=True)
class DescribeConnector(Statement):
    """DESCRIBE CONNECTOR name."""

    name: str


@dataclass(frozen=True, slots=True)
class Explain(Statement):
    """EXPLAIN [ANALYZE] statement | query id."""

    statement: Statement | None
    query_id: str | None = None
    analyze: bool = False


@dataclass(frozen=True, slots=True)
class Print(Statement):
    """PRINT topic [FROM BEGINNING] [INTERVAL|SAMPLE n] [LIMIT n]."""

    topic: str
    from_beginning: bool = False
    interval: int = 1
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class CreateConnector(Statement):
    """CREATE SOURCE|SINK CONNECTOR: always refused, with the alternative."""

    name: str
    kind: str
    properties: Properties = ()
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropConnector(Statement):
    """DROP CONNECTOR."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class AssertTopic(Statement):
    """ASSERT [NOT EXISTS] TOPIC t [WITH (..)] [TIMEOUT n unit]."""

    topic: str
    properties: Properties = ()
    timeout_ms: int | None = None
    exists: bool = True


@dataclass(frozen=True, slots=True)
class AssertSchema(Statement):
    """ASSERT [NOT EXISTS] SCHEMA [SUBJECT s] [ID n] [TIMEOUT n unit]."""

    subject: str | None
    schema_id: int | None
    timeout_ms: int | None = None
    exists: bool = True


@dataclass(frozen=True, slots=True)
class AssertValues(Statement):
    """ASSERT [NULL] VALUES s (cols) VALUES (..): test files only."""

    statement: InsertValues
    tombstone: bool = False


@dataclass(frozen=True, slots=True)
class AssertSource(Statement):
    """ASSERT STREAM|TABLE s (cols) WITH (..): test files only."""

    statement: CreateSource


@dataclass(frozen=True, slots=True)
class RunScript(Statement):
    """RUN SCRIPT 'file'."""

    path: str
