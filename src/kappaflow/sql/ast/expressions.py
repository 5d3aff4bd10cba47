"""Expressions of the SQL language as immutable nodes.

Nodes print as the formatter writes them; positions do not take part in equality.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal as PyDecimal
from enum import Enum

from kappaflow.serde.types import DataType


@dataclass(frozen=True, slots=True)
class Position:
    """Where a node starts: 1-based line, 1-based column."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """Base of all expressions."""

    position: Position | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NullLiteral(Expression):
    """NULL."""


@dataclass(frozen=True, slots=True)
class BooleanLiteral(Expression):
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class IntegerLiteral(Expression):
    """An integer of the INTEGER range."""

    value: int


@dataclass(frozen=True, slots=True)
class LongLiteral(Expression):
    """An integer of the BIGINT range."""

    value: int


@dataclass(frozen=True, slots=True)
class DecimalLiteral(Expression):
    """A number with a fraction and no exponent: 1.5 is DECIMAL(2, 1)."""

    value: PyDecimal


@dataclass(frozen=True, slots=True)
class DoubleLiteral(Expression):
    """A number with an exponent."""

    value: float


@dataclass(frozen=True, slots=True)
class StringLiteral(Expression):
    """A quoted string."""

    value: str


@dataclass(frozen=True, slots=True)
class BytesLiteral(Expression):
    """Bytes; made by constant folding."""

    value: bytes


@dataclass(frozen=True, slots=True)
class IntervalUnit(Expression):
    """A bare unit keyword used as an argument: DAYS, HOURS, ..."""

    value: str


@dataclass(frozen=True, slots=True)
class ColumnReference(Expression):
    """A column by name, optionally of a named source."""

    name: str
    source: str | None = None


class ArithmeticOperator(Enum):
    """Arithmetic operators."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    MODULUS = "%"


@dataclass(frozen=True, slots=True)
class Arithmetic(Expression):
    """left op right."""

    operator: ArithmeticOperator
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Negate(Expression):
    """-operand (or +operand when `plus`)."""

    operand: Expression
    plus: bool = False


class ComparisonOperator(Enum):
    """Comparison operators."""

    EQUAL = "="
    NOT_EQUAL = "<>"
    LESS_THAN = "<"
    LESS_THAN_OR_EQUAL = "<="
    GREATER_THAN = ">"
    GREATER_THAN_OR_EQUAL = ">="
    IS_DISTINCT_FROM = "IS DISTINCT FROM"
    IS_NOT_DISTINCT_FROM = "IS NOT DISTINCT FROM"


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """left op right, two-valued."""

    operator: ComparisonOperator
    left: Expression
    right: Expression


class LogicalOperator(Enum):
    """AND, OR."""

    AND = "AND"
    OR = "OR"


@dataclass(frozen=True, slots=True)
class Logical(Expression):
    """left AND|OR right."""

    operator: LogicalOperator
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """NOT operand."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class IsNull(Expression):
    """operand IS [NOT] NULL."""

    operand: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Between(Expression):
    """operand BETWEEN low AND high; NOT BETWEEN is Not(Between)."""

    operand: Expression
    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True)
class In(Expression):
    """operand IN (values); NOT IN is Not(In)."""

    operand: Expression
    values: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Like(Expression):
    """operand LIKE pattern [ESCAPE c]; NOT LIKE is Not(Like)."""

    operand: Expression
    pattern: Expression
    escape: str | None = None


@dataclass(frozen=True, slots=True)
class WhenClause:
    """WHEN condition THEN result."""

    condition: Expression
    result: Expression


@dataclass(frozen=True, slots=True)
class SearchedCase(Expression):
    """CASE WHEN .. THEN .. [ELSE ..] END."""

    whens: tuple[WhenClause, ...]
    default: Expression | None = None


@dataclass(frozen=True, slots=True)
class SimpleCase(Expression):
    """CASE operand WHEN value THEN .. [ELSE ..] END."""

    operand: Expression
    whens: tuple[WhenClause, ...]
    default: Expression | None = None


@dataclass(frozen=True, slots=True)
class Cast(Expression):
    """CAST(operand AS type)."""

    operand: Expression
    type: DataType


@dataclass(frozen=True, slots=True)
class FunctionCall(Expression):
    """name(arguments); the name is upper case."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Lambda(Expression):
    """(a, b) => body."""

    parameters: tuple[str, ...]
    body: Expression


@dataclass(frozen=True, slots=True)
class LambdaVariable(Expression):
    """A parameter of an enclosing lambda."""

    name: str


@dataclass(frozen=True, slots=True)
class Subscript(Expression):
    """base[index] of an array (1-based, negative from the end) or a map."""

    base: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class Dereference(Expression):
    """base->field of a struct."""

    base: Expression
    field_name: str


@dataclass(frozen=True, slots=True)
class CreateArray(Expression):
    """ARRAY[..]."""

    elements: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class CreateMap(Expression):
    """MAP(k := v, ..)."""

    entries: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class CreateStruct(Expression):
    """STRUCT(f := v, ..)."""

    fields: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class AtTimeZone(Expression):
    """operand AT TIME ZONE zone."""

    operand: Expression
    zone: str
