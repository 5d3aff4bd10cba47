"""Python functions that the SQL tests call."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, TypedDict, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from kappaflow import Int, udaf, udf, udtf

from ._geometry import circle

T = TypeVar("T")


@dataclass
class Point:
    x: float
    y: float


class Name(TypedDict):
    first: str
    last: str | None


@udf
def area(radius: float) -> float:
    """The area of a circle.

    Examples:
        AREA(1.0) -> 3.141592653589793
    """
    return circle(radius)


@udf
def doubled(value: float) -> float:
    """Twice a number, by columns too."""
    if value > 1e6:
        raise ValueError(f"{value} is too much")
    return value * 2


@doubled.arrow
def doubled_columns(value: pa.Array) -> pa.Array:
    return pc.if_else(pc.greater(value, 1e6), pa.scalar(None, pa.float64()), pc.multiply(value, 2.0))


@udf
def told(value: int) -> str:
    """Says which type it was given."""
    return f"int {value}"


@told.overload
def _told_text(value: str, suffix: str = "!") -> str:
    return f"text {value}{suffix}"


@told.overload
def _told_all(*values: float) -> str:
    return f"{len(values)} floats"


@udf
def or_else(value: T | None, other: T) -> T:
    return other if value is None else value


@udf
def moved(point: Point, by: float) -> Point:
    return Point(point.x + by, point.y + by)


@udf
def full_name(first: str, last: str | None) -> Name:
    return {"first": first, "last": last}


@udf
def later(when: dt.datetime, days: Int) -> dt.datetime:
    return when + dt.timedelta(days=days)


@udf
def weekday(day: dt.date) -> Int:
    return day.isoweekday()


@udf
def half_hour(time: dt.time) -> dt.time:
    return time.replace(minute=30)


@udf
def gross(amount: Decimal) -> Annotated[Decimal, "DECIMAL(12, 2)"]:
    return amount * Decimal("1.19")


@udf
def counted(words: list[str]) -> dict[str, int]:
    return {word: words.count(word) for word in words}


@udf
def reversed_bytes(data: bytes) -> bytes:
    return data[::-1]


@udf
def kind_of(value: Any) -> str:
    return type(value).__name__


@udf
def wrong_type(value: int) -> int:
    return str(value)  # type: ignore[return-value]


@udtf
def words(text: str) -> Iterator[str]:
    """One row for each word."""
    yield from text.split()


@udtf
def points(count: Int) -> list[Point]:
    return [Point(float(i), float(i * i)) for i in range(count)]


@udaf
class GeometricMean:
    """The geometric mean of positive numbers."""

    def initialize(self) -> tuple[float, int]:
        return 0.0, 0

    def aggregate(self, state: tuple[float, int], value: float) -> tuple[float, int]:
        return state[0] + math.log(value), state[1] + 1

    def undo(self, state: tuple[float, int], value: float) -> tuple[float, int]:
        return state[0] - math.log(value), state[1] - 1

    def merge(self, left: tuple[float, int], right: tuple[float, int]) -> tuple[float, int]:
        return left[0] + right[0], left[1] + right[1]

    def map(self, state: tuple[float, int]) -> float | None:
        return round(math.exp(state[0] / state[1]), 6) if state[1] else None


@udaf(name="last_n")
class LastN:
    """The last n values."""

    def __init__(self, n: Int) -> None:
        self.n = n

    def initialize(self) -> list[str]:
        return []

    def aggregate(self, state: list[str], value: str) -> list[str]:
        return [*state, value][-self.n :]

    def merge(self, left: list[str], right: list[str]) -> list[str]:
        return [*left, *right][-self.n :]
