"""NULL: the first value that is there, NULL for a value, and comparison across several values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.serde import types as t
from kappaflow.sql.expressions.java_text import order_key
from kappaflow.sql.functions.arrays import same
from kappaflow.sql.functions.registry import Definition, scalar

_CONDITIONAL = "CONDITIONAL"

_coalesce = scalar("COALESCE", _CONDITIONAL, "The first argument that is not NULL.", ("COALESCE(NULL, 'a') -> 'a'",))
_ifnull = scalar(
    "IFNULL", "NULL", "The first argument, or the second when that is NULL.", ("IFNULL(NULL, 'a') -> 'a'",)
)
_nullif = scalar("NULLIF", "NULL", "NULL when both arguments are equal, else the first.", ("NULLIF(1, 1) -> NULL",))
_as_value = scalar(
    "AS_VALUE", "OTHER", "A key column as a value, so that the projection may hold it twice.", ("AS_VALUE(1)",)
)


@_coalesce("(first T, others T...) -> T", null_in=True, total=True)
def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


@_ifnull("(expression T, altValue T) -> T", null_in=True, total=True)
def _or_else(value: Any, other: Any) -> Any:
    return other if value is None else value


@_nullif("(expression1 T, expression2 T) -> T", null_in=True, total=True)
def _unless_equal(value: Any, other: Any) -> Any:
    return None if value is not None and same(value, other) else value


@_as_value("(keyColumn T) -> T", null_in=True, total=True)
def _same(value: Any) -> Any:
    return value


def _pick(choose: Callable[..., Any]) -> Callable[..., Any]:
    def pick(*values: Any) -> Any:
        present = [value for value in values if value is not None]
        return choose(present, key=order_key) if present else None

    return pick


def _widest(types: tuple[t.DataType | None, ...]) -> t.DataType:
    decimals = [data_type for data_type in types if isinstance(data_type, t.Decimal)]
    scale = max(data_type.scale for data_type in decimals)
    return t.Decimal(scale + max(data_type.precision - data_type.scale for data_type in decimals), scale)


def _extreme(define: Definition, choose: Callable[..., Any]) -> None:
    for data_type in ("INT", "BIGINT", "DOUBLE", "STRING", "BYTES", "DATE", "TIME", "TIMESTAMP"):
        define(f"(val {data_type}, vals {data_type}...) -> {data_type}", null_in=True, total=True)(_pick(choose))
    # The chosen number keeps the scale it was declared with, as ksqlDB's does.
    define("(val DECIMAL, vals DECIMAL...) -> DECIMAL", null_in=True, total=True, returns=_widest)(_pick(choose))


_extreme(scalar("greatest", _CONDITIONAL, "The largest argument that is not NULL.", ("GREATEST(1, 3) -> 3",)), max)
_extreme(scalar("least", _CONDITIONAL, "The smallest argument that is not NULL.", ("LEAST(1, 3) -> 1",)), min)
