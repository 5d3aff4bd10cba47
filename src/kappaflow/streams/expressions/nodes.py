"""What users write: columns, literals, operations on them, and folds of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from kappaflow.errors import UsageError
from kappaflow.streams.expressions import arithmetic, casts, comparisons, conditions, fields, logic, strings
from kappaflow.streams.expressions.operation import Operation

Place = Literal["value", "key", "timestamp", "window_start", "window_end", "left", "right"]
FoldKind = Literal["count", "sum", "min", "max", "earliest", "latest"]


class Expression:
    """A value computed from a record; made by `col`, `lit`, `when` and the operators on them.

    ``+ - * / // %`` and comparisons, ``& | ~`` for conditions (in brackets: they bind tightly), and the methods below.
    """

    __hash__ = object.__hash__

    # ---- arithmetic ----

    def __add__(self, other: Any) -> Expression:
        return _call(arithmetic.add, self, other)

    def __radd__(self, other: Any) -> Expression:
        return _call(arithmetic.add, other, self)

    def __sub__(self, other: Any) -> Expression:
        return _call(arithmetic.subtract, self, other)

    def __rsub__(self, other: Any) -> Expression:
        return _call(arithmetic.subtract, other, self)

    def __mul__(self, other: Any) -> Expression:
        return _call(arithmetic.multiply, self, other)

    def __rmul__(self, other: Any) -> Expression:
        return _call(arithmetic.multiply, other, self)

    def __truediv__(self, other: Any) -> Expression:
        return _call(arithmetic.divide, self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return _call(arithmetic.divide, other, self)

    def __floordiv__(self, other: Any) -> Expression:
        return _call(arithmetic.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Expression:
        return _call(arithmetic.floor_divide, other, self)

    def __mod__(self, other: Any) -> Expression:
        return _call(arithmetic.remainder, self, other)

    def __rmod__(self, other: Any) -> Expression:
        return _call(arithmetic.remainder, other, self)

    def __neg__(self) -> Expression:
        return _call(arithmetic.negate, self)

    def __abs__(self) -> Expression:
        return _call(arithmetic.absolute, self)

    def abs(self) -> Expression:
        """The number without its sign."""
        return _call(arithmetic.absolute, self)

    def floor(self) -> Expression:
        """The greatest whole number that is not greater; of a double a double."""
        return _call(arithmetic.floor, self)

    def ceil(self) -> Expression:
        """The least whole number that is not less; of a double a double."""
        return _call(arithmetic.ceil, self)

    # ---- comparisons and conditions ----

    def __eq__(self, other: Any) -> Expression:  # type: ignore[override]
        return _call(comparisons.equal, self, other)

    def __ne__(self, other: Any) -> Expression:  # type: ignore[override]
        return _call(comparisons.not_equal, self, other)

    def __lt__(self, other: Any) -> Expression:
        return _call(comparisons.less, self, other)

    def __le__(self, other: Any) -> Expression:
        return _call(comparisons.less_equal, self, other)

    def __gt__(self, other: Any) -> Expression:
        return _call(comparisons.greater, self, other)

    def __ge__(self, other: Any) -> Expression:
        return _call(comparisons.greater_equal, self, other)

    def __and__(self, other: Any) -> Expression:
        return _call(logic.and_, self, other)

    def __rand__(self, other: Any) -> Expression:
        return _call(logic.and_, other, self)

    def __or__(self, other: Any) -> Expression:
        return _call(logic.or_, self, other)

    def __ror__(self, other: Any) -> Expression:
        return _call(logic.or_, other, self)

    def __invert__(self) -> Expression:
        return _call(logic.not_, self)

    def __bool__(self) -> bool:
        raise UsageError("An expression is neither true nor false before it runs: combine conditions with & | ~.")

    def __iter__(self) -> Any:
        raise UsageError("An expression has no elements before it runs.")

    def in_(self, values: Iterable[Any]) -> Expression:
        """Whether the value is one of some constants."""
        return _call(comparisons.is_in, self, options=(tuple(values),))

    def between(self, low: Any, high: Any) -> Expression:
        """Whether the value is between two others, both included."""
        return (self >= low) & (self <= high)

    def is_null(self) -> Expression:
        """Whether there is no value."""
        return _call(conditions.is_null, self)

    def is_not_null(self) -> Expression:
        """Whether there is a value."""
        return _call(conditions.is_not_null, self)

    def fill_null(self, other: Any) -> Expression:
        """The value, or another where there is none."""
        return _call(conditions.fill_null, self, other)

    # ---- texts, lists, fields ----

    def upper(self) -> Expression:
        """The text in upper case."""
        return _call(strings.upper, self)

    def lower(self) -> Expression:
        """The text in lower case."""
        return _call(strings.lower, self)

    def strip(self) -> Expression:
        """The text without white space around it."""
        return _call(strings.strip, self)

    def length(self) -> Expression:
        """How many characters a text has, or how many elements a list."""
        return _call(strings.length, self)

    def contains(self, text: str) -> Expression:
        """Whether a text is part of this one."""
        return _call(strings.contains, self, options=(text,))

    def starts_with(self, text: str) -> Expression:
        """Whether the text begins with another."""
        return _call(strings.starts_with, self, options=(text,))

    def ends_with(self, text: str) -> Expression:
        """Whether the text ends with another."""
        return _call(strings.ends_with, self, options=(text,))

    def matches(self, pattern: str) -> Expression:
        """Whether a regular expression (of Python's re) matches anywhere."""
        return _call(strings.matches, self, options=(pattern,))

    def replace(self, old: str, new: str) -> Expression:
        """The text with another in place of a part, everywhere."""
        return _call(strings.replace, self, options=(old, new))

    def slice(self, start: int, stop: int | None = None) -> Expression:
        """The characters from one position up to another, counted from 0, or from the end where negative."""
        return _call(strings.slice_, self, options=(start, stop))

    def split(self, separator: str | None = None) -> Expression:
        """The parts of the text as a list; without a separator those between white space."""
        return _call(strings.split, self, options=(separator,))

    def __getitem__(self, name: str) -> Expression:
        return _call(fields.field, self, options=(name,))

    def cast(self, to: type) -> Expression:
        """The value as int, float, str or bool; null where it cannot be read as one."""
        return _call(casts.cast, self, options=(to,))

    # ---- folds ----

    def sum(self) -> Aggregate:
        """The sum of all that is not null; 0 of nothing."""
        return Aggregate("sum", self)

    def min(self) -> Aggregate:
        """The least value that is not null."""
        return Aggregate("min", self)

    def max(self) -> Aggregate:
        """The greatest value that is not null."""
        return Aggregate("max", self)

    def first(self) -> Aggregate:
        """The first value that is not null."""
        return Aggregate("earliest", self)

    def last(self) -> Aggregate:
        """The last value that is not null."""
        return Aggregate("latest", self)

    def count(self) -> Aggregate:
        """How many values are not null."""
        return Aggregate("count", self)


@dataclass(frozen=True, eq=False)
class Column(Expression):
    """A part of a record: a column of its value or key, the whole of it, or its time."""

    place: Place
    name: str | None = None


@dataclass(frozen=True, eq=False)
class Constant(Expression):
    """A value of the program."""

    value: Any


@dataclass(frozen=True, eq=False)
class Call(Expression):
    """An operation on expressions."""

    operation: Operation
    arguments: tuple[Expression, ...]
    options: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Aggregate:
    """A fold of the records of a key; `of` None counts records."""

    kind: FoldKind
    of: Expression | None = field(compare=False)


def _call(operation: Operation, *arguments: Any, options: tuple[Any, ...] = ()) -> Expression:
    return Call(operation, tuple(lit(each) for each in arguments), options)


def lit(value: Any) -> Expression:
    """A constant as an expression; operators make one of what is none by themselves.

    Raises:
        UsageError: there is no column of such values.
    """
    if isinstance(value, Expression):
        return value
    if isinstance(value, Aggregate):
        raise UsageError("A fold such as .sum() belongs into aggregate(..), not into an expression.")
    if value is not None and not isinstance(value, bool | int | float | str | bytes):
        raise UsageError(f"A constant is a bool, int, float, str, bytes or None, not {value!r}.")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UsageError(f"{value} does not fit into 64 bits.")
    return Constant(value)


class _Columns:
    """``col("price")`` is a column of the value; the properties are the other parts of a record."""

    def __call__(self, name: str) -> Expression:
        return Column("value", name)

    @property
    def value(self) -> Expression:
        """The whole value, where it is not a row of columns: a text, a number."""
        return Column("value")

    @property
    def key(self) -> Expression:
        """The key; ``col.key["name"]`` where it is a row of columns. Of a windowed key the key within."""
        return Column("key")

    @property
    def timestamp(self) -> Expression:
        """The record's time in milliseconds since the epoch."""
        return Column("timestamp")

    @property
    def window_start(self) -> Expression:
        """Where the window of a windowed key begins."""
        return Column("window_start")

    @property
    def window_end(self) -> Expression:
        """Where the window of a windowed key ends."""
        return Column("window_end")

    def left(self, name: str | None = None) -> Expression:
        """In a joiner: a column of the value of this stream or table, or the whole value."""
        return Column("left", name)

    def right(self, name: str | None = None) -> Expression:
        """In a joiner: a column of the value of the other stream or table, or the whole value."""
        return Column("right", name)


col = _Columns()


def count() -> Aggregate:
    """How many records a key has."""
    return Aggregate("count", None)


class When:
    """``when(condition).then(value).when(..).then(..).otherwise(value)``."""

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self._parts = parts

    def then(self, value: Any) -> Then:
        """Give the value where the condition is true."""
        return Then((*self._parts, lit(value)))


@dataclass(frozen=True, eq=False)
class Then(Expression):
    """Conditions and values so far; without `otherwise` the rest is null."""

    parts: tuple[Expression, ...]

    def when(self, condition: Any) -> When:
        """Go on with another condition, for where none before is true."""
        return When((*self.parts, lit(condition)))

    def otherwise(self, value: Any) -> Expression:
        """Give the value where no condition is true."""
        return Call(conditions.when, (*self.parts, lit(value)))


def when(condition: Any) -> When:
    """Choose between values by conditions."""
    return When((lit(condition),))
