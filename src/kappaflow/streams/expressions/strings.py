"""Functions of texts, as Python's own methods have them: positions count code points."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from kappaflow.errors import UsageError
from kappaflow.serde.types import BIGINT, BOOLEAN, STRING, Array, DataType
from kappaflow.streams.batch import ArrowArray
from kappaflow.streams.expressions.operation import Bound, ColumnFunction, Operation, by_value, is_text, pc, require

_UNSPLITTABLE = "split takes a text between the parts that is not empty; without one it splits at white space."


def _mapped(name: str, function: Callable[[str], str], ascii_function: str | None) -> Operation:
    slow = by_value(function, STRING)

    def column(array: ArrowArray) -> ArrowArray:
        if ascii_function is not None and pc.all(pc.string_is_ascii(array)).as_py() is not False:
            return pc.call_function(ascii_function, [array])
        return slow(array)

    def bind(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
        require(is_text(types[0]), name, types, "a text")
        return Bound(STRING, function, column)

    return bind


upper = _mapped("upper", str.upper, "ascii_upper")
lower = _mapped("lower", str.lower, "ascii_lower")
strip = _mapped("strip", str.strip, None)


def length(types: Sequence[DataType], _: Sequence[Any]) -> Bound:
    """How many characters a text has, or how many elements a list."""
    if isinstance(types[0], Array):
        return Bound(BIGINT, "len({0})", lambda a: pc.cast(pc.list_value_length(a), pa.int64()))
    require(is_text(types[0]), "length", types, "a text or a list")
    return Bound(BIGINT, "len({0})", lambda a: pc.cast(pc.utf8_length(a), pa.int64()))


def _searching(name: str, row: str, function: ColumnFunction) -> Operation:
    def bind(types: Sequence[DataType], options: Sequence[Any]) -> Bound:
        (text,) = options
        require(is_text(types[0]), name, types, "a text")
        _check_text(name, text)
        return Bound(BOOLEAN, row.replace("TEXT", _source(text)), lambda a: function(a, pattern=text))

    return bind


contains = _searching("contains", "(TEXT in {0})", pc.match_substring)
starts_with = _searching("starts_with", "{0}.startswith(TEXT)", pc.starts_with)
ends_with = _searching("ends_with", "{0}.endswith(TEXT)", pc.ends_with)


def replace(types: Sequence[DataType], options: Sequence[Any]) -> Bound:
    """Put one text everywhere in place of another."""
    old, new = options
    require(is_text(types[0]), "replace", types, "a text")
    _check_text("replace", old)
    _check_text("replace", new)
    if not old:
        raise UsageError("replace looks for a text that is not empty.")
    return Bound(
        STRING,
        f"{{0}}.replace({_source(old)}, {_source(new)})",
        lambda a: pc.replace_substring(a, pattern=old, replacement=new),
    )


def slice_(types: Sequence[DataType], options: Sequence[Any]) -> Bound:
    """The characters from one position up to another."""
    start, stop = options
    require(is_text(types[0]), "slice", types, "a text")
    if not _is_position(start) or not (stop is None or _is_position(stop)):
        raise UsageError("slice takes whole numbers: positions from the start, or from the end where negative.")
    return Bound(
        STRING,
        f"{{0}}[{start}:{'' if stop is None else stop}]",
        lambda a: pc.utf8_slice_codeunits(a, start=start, stop=stop),
    )


def matches(types: Sequence[DataType], options: Sequence[Any]) -> Bound:
    """Tell whether a regular expression of Python's matches anywhere."""
    (pattern,) = options
    require(is_text(types[0]), "matches", types, "a text")
    _check_text("matches", pattern)
    try:
        found = re.compile(pattern).search
    except re.error as error:
        raise UsageError(f"{pattern!r} is no regular expression: {error}.") from None

    def row(text: str) -> bool:
        return found(text) is not None

    return Bound(BOOLEAN, row, by_value(row, BOOLEAN))


def split(types: Sequence[DataType], options: Sequence[Any]) -> Bound:
    """The parts of a text as a list."""
    (separator,) = options
    require(is_text(types[0]), "split", types, "a text")
    if separator is not None:
        _check_text("split", separator)
        if not separator:
            raise UsageError(_UNSPLITTABLE)
    to = Array(STRING)

    def row(text: str) -> list[str]:
        return text.split(separator)

    if separator is None:  # Python's white space is not Arrow's
        return Bound(to, row, by_value(row, to))
    return Bound(to, row, lambda a: pc.split_pattern(a, pattern=separator))


def _check_text(name: str, text: Any) -> None:
    if not isinstance(text, str):
        raise UsageError(f"{name} takes a text, not {text!r}: for a column there is no such function yet.")


def _is_position(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _source(text: str) -> str:
    """Return a text as Python source that survives `str.format`."""
    return repr(text).replace("{", "{{").replace("}", "}}")
