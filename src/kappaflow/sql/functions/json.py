"""JSON kept in strings: paths, items, keys, and SQL values as JSON text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.kernel.number_text import double_text, plain_decimal_text
from kappaflow.serde import types as t
from kappaflow.sql.expressions.java_text import order_key
from kappaflow.sql.expressions.values import text_of
from kappaflow.sql.functions.registry import scalar

_CATEGORY = "JSON"
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\w+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_MISSING: Any = object()


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)


def parse_json(text: str) -> Any:
    """Read the JSON document that a text begins with; what follows it is ignored.

    Raises:
        FunctionError: the text is not JSON.
    """
    if not text.strip():
        return _MISSING
    try:
        return _DECODER.raw_decode(text.lstrip())[0]
    except (ValueError, RecursionError, ArithmeticError):
        raise FunctionError(f"Invalid JSON format: {text}") from None


def json_text(value: Any) -> str:
    """Print a JSON value without spaces, numbers as Java prints them."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(key)}:{json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(json_text(item) for item in value) + "]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        return double_text(value) if math.isfinite(value) else f'"{double_text(value)}"'
    if isinstance(value, Decimal):
        return plain_decimal_text(value)
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@lru_cache(maxsize=1024)
def _path_steps(path: str) -> tuple[str, ...]:
    if not path.startswith("$"):
        raise FunctionError(f"Invalid JSON path '{path}': it must begin with '$'.")
    steps: list[str] = []
    position = 1
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None:
            raise FunctionError(f"Invalid JSON path '{path}' at position {position}.")
        steps.append(next(name for name in found.groups() if name is not None))
        position = found.end()
    return tuple(steps)


_extract = scalar(
    "extractjsonfield",
    _CATEGORY,
    "The text at a path of a JSON document.",
    ("EXTRACTJSONFIELD('{\"a\": [1]}', '$.a[0]') -> '1'",),
)


@_extract("(input STRING, path STRING) -> STRING")
def _field(text: str, path: str) -> str | None:
    value = parse_json(text)
    for step in _path_steps(path):
        if isinstance(value, list):
            value = value[int(step)] if step.isdecimal() and int(step) < len(value) else _MISSING
        else:
            value = value.get(step, _MISSING) if isinstance(value, dict) else _MISSING
    return None if value is _MISSING else _plain_text(value)


def _plain_text(value: Any) -> str:
    """Print a JSON value, a string without its quotes."""
    return value if isinstance(value, str) else json_text(value)


_is_json = scalar(
    "IS_JSON_STRING", _CATEGORY, "Whether a string is a JSON document.", ("IS_JSON_STRING('[1]') -> true",)
)
_array_length = scalar(
    "JSON_ARRAY_LENGTH", _CATEGORY, "The number of elements of a JSON array.", ("JSON_ARRAY_LENGTH('[1, 2]') -> 2",)
)
_concat = scalar(
    "JSON_CONCAT",
    _CATEGORY,
    "Joins JSON documents: objects merge, everything else becomes one array.",
    ("JSON_CONCAT('[1]', '[2]') -> '[1,2]'",),
)
_items = scalar(
    "JSON_ITEMS",
    _CATEGORY,
    "The elements of a JSON array as an array of JSON texts.",
    ("JSON_ITEMS('[1, \"a\"]') -> ['1', '\"a\"']",),
)
_keys = scalar("JSON_KEYS", _CATEGORY, "The keys of a JSON object.", ("JSON_KEYS('{\"a\": 1}') -> ['a']",))
_records = scalar(
    "JSON_RECORDS",
    _CATEGORY,
    "The members of a JSON object as a map of JSON texts.",
    ("JSON_RECORDS('{\"a\": 1}') -> {a='1'}",),
)


@_is_json("(input STRING) -> BOOLEAN", null_in=True, total=True)
def _valid(text: str | None) -> bool:
    if text is None:
        return False
    try:
        return parse_json(text) is not _MISSING
    except FunctionError:
        return False


@_array_length("(jsonArray STRING) -> INT")
def _length(text: str) -> int | None:
    value = parse_json(text)
    return len(value) if isinstance(value, list) else None


@_concat("(jsonStrings STRING...) -> STRING", null_in=True)
def _concatenated(*texts: str | None) -> str | None:
    if not texts or any(text is None for text in texts):
        return None
    values = [parse_json(text) for text in texts if text is not None]
    if any(value is _MISSING for value in values):
        return None
    if all(isinstance(value, dict) for value in values):
        return json_text({key: item for value in values for key, item in value.items()})
    return json_text([item for value in values for item in (value if isinstance(value, list) else [value])])


@_items("(jsonItems STRING) -> ARRAY<STRING>")
def _item_list(text: str) -> list[str] | None:
    value = parse_json(text)
    return [json_text(item) for item in value] if isinstance(value, list) else None


@_keys("(input STRING) -> ARRAY<STRING>")
def _key_list(text: str) -> list[str] | None:
    value = parse_json(text)
    return list(value) if isinstance(value, dict) else None


@_records("(input STRING) -> MAP<STRING, STRING>")
def _record_map(text: str) -> dict[str, str] | None:
    value = parse_json(text)
    return {key: _plain_text(item) for key, item in value.items()} if isinstance(value, dict) else None


_contains = scalar(
    "JSON_ARRAY_CONTAINS",
    _CATEGORY,
    "Whether the JSON array in a string has an element.",
    ("JSON_ARRAY_CONTAINS('[1, 2]', 2) -> true",),
)


# The numbers of JSON that a value can equal: whole ones are not equal to fractions, and a DECIMAL equals none.
_COUNTERPARTS: dict[type[Any], type[Any]] = {
    bool: bool, int: int, float: Decimal, str: str, type(None): type(None),
}  # fmt: skip


@_contains("(jsonArray STRING, val T) -> BOOLEAN", null_in=True)
def _has(text: str | None, wanted: Any) -> bool | None:
    if text is None:
        return None
    try:
        value = parse_json(text)
    except FunctionError:
        return False
    kind = _COUNTERPARTS.get(type(wanted))
    if kind is None or not isinstance(value, list):
        return False
    return any(type(item) is kind and (float(item) if kind is Decimal else item) == wanted for item in value)


_to_json = scalar(
    "TO_JSON_STRING",
    _CATEGORY,
    "Any value as JSON text; fields and keys are in order.",
    ("TO_JSON_STRING(ARRAY[1, 2]) -> '[1,2]'",),
)


def _writer(types: tuple[t.DataType | None, ...], returns: t.DataType | None) -> Callable[[Any], str]:
    convert = _to_json_value(types[0])
    return lambda value: json_text(convert(value))


def _to_json_value(data_type: t.DataType | None) -> Callable[[Any], Any]:
    """Return the function from a value in row form to what JSON can hold."""
    match data_type:
        case t.Array(element):
            inner = _to_json_value(element)
            return lambda value: None if value is None else [inner(item) for item in value]
        case t.Map(key, value_type):
            key_text, inner = text_of(key), _to_json_value(value_type)
            return lambda value: None if value is None else _sorted({key_text(k): inner(v) for k, v in value.items()})
        case t.Struct(fields):
            parts = [*_sorted({field.name: _to_json_value(field.type) for field in fields}).items()]
            return lambda value: None if value is None else {n: convert(value.get(n)) for n, convert in parts}
        case t.Time() | t.Date() | t.Timestamp() | t.Bytes():
            text = text_of(data_type)
            return lambda value: None if value is None else text(value)
        case _:
            return lambda value: value


def _sorted(members: dict[str, Any]) -> dict[str, Any]:
    return {name: members[name] for name in sorted(members, key=order_key)}


_to_json("(val ANY) -> STRING", typed=True, null_in=True)(_writer)
