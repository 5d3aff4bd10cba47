"""Values of TIME, DATE and TIMESTAMP as the text that people read, wherever they are in a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kappaflow.serde import types as t
from kappaflow.sql.expressions.times import date_text, time_text, timestamp_text

Show = Callable[[Any], Any]
_TEXTS: dict[type[t.DataType], Show] = {t.Time: time_text, t.Date: date_text, t.Timestamp: timestamp_text}


def row_shower(types: Sequence[t.DataType]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Return the function that makes rows of these types fit to be printed.

    >>> row_shower([t.DATE, t.Array(t.TIMESTAMP), t.INTEGER])((19797, [1709202615000, None], 7))
    ['2024-03-15', ['2024-02-29T10:30:15.000', None], 7]
    """
    shown = [(position, show) for position, each in enumerate(types) if (show := _shower(each)) is not None]
    if not shown:
        return lambda row: row

    def show_row(row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for position, show in shown:
            values[position] = show(values[position])
        return values

    return show_row


def _shower(type_: t.DataType) -> Show | None:
    """What shows a value; None for types without such values in them."""
    show = _TEXTS.get(type(type_)) or _nested(type_)
    return None if show is None else lambda value: None if value is None else show(value)


def _nested(type_: t.DataType) -> Show | None:
    if isinstance(type_, t.Struct):
        inner = {field.name: show for field in type_.fields if (show := _shower(field.type)) is not None}
        return (lambda value: _with(value, inner)) if inner else None
    match type_:
        case t.Array(element):
            return _items(_shower(element))
        case t.Map(_, element):
            return _members(_shower(element))
        case _:
            return None


def _items(show: Show | None) -> Show | None:
    return None if show is None else lambda value: [show(item) for item in value]


def _members(show: Show | None) -> Show | None:
    return None if show is None else lambda value: {key: show(item) for key, item in value.items()}


def _with(value: dict[str, Any], inner: dict[str, Show]) -> dict[str, Any]:
    return {name: inner[name](item) if name in inner else item for name, item in value.items()}
