"""The parts of a query: select items, relations, joins, windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from kappaflow.serde.schema import WindowType
from kappaflow.sql.ast.expressions import Expression, Position


@dataclass(frozen=True, slots=True)
class SingleColumn:
    """expression [AS alias]."""

    expression: Expression
    alias: str | None = None
    position: Position | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AllColumns:
    """`*` or `source.*`."""

    source: str | None = None
    position: Position | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class StructAll:
    """`expression->*`."""

    expression: Expression
    position: Position | None = field(default=None, compare=False, repr=False)


SelectItem = SingleColumn | AllColumns | StructAll


@dataclass(frozen=True, slots=True)
class Table:
    """A named stream or table."""

    name: str
    position: Position | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AliasedRelation:
    """relation AS alias."""

    relation: Table
    alias: str


class JoinType(Enum):
    """The kinds of joins."""

    INNER = "INNER"
    LEFT = "LEFT OUTER"
    RIGHT = "RIGHT OUTER"
    FULL = "FULL OUTER"


@dataclass(frozen=True, slots=True)
class Within:
    """WITHIN before, after [GRACE PERIOD grace]."""

    before_ms: int
    after_ms: int
    grace_ms: int | None = None


@dataclass(frozen=True, slots=True)
class JoinedSource:
    """One JOIN of an n-way, left-deep join."""

    relation: Table | AliasedRelation
    type: JoinType
    criteria: Expression
    within: Within | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """first JOIN second ON .. [JOIN third ON ..]."""

    first: Table | AliasedRelation
    joined: tuple[JoinedSource, ...]


Relation = Table | AliasedRelation | Join


@dataclass(frozen=True, slots=True)
class Window:
    """WINDOW TUMBLING|HOPPING|SESSION (..).

    Attributes:
        size_ms: the size, or the gap of a session.
        advance_ms: only for HOPPING.
    """

    type: WindowType
    size_ms: int
    advance_ms: int | None = None
    retention_ms: int | None = None
    grace_ms: int | None = None


class Emit(Enum):
    """What a push query emits."""

    CHANGES = "CHANGES"
    FINAL = "FINAL"
