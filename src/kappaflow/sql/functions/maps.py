"""Maps: keys, values, entries, and maps from arrays."""

from __future__ import annotations

from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.sql.expressions.java_text import hash_order, order_key
from kappaflow.sql.functions.registry import scalar

_CATEGORY = "MAP"

_keys = scalar("map_keys", _CATEGORY, "The keys as an array.", ("MAP_KEYS(MAP('a' := 1)) -> ['a']",))
_values = scalar("map_values", _CATEGORY, "The values as an array.", ("MAP_VALUES(MAP('a' := 1)) -> [1]",))
_union = scalar(
    "map_union",
    _CATEGORY,
    "The entries of both maps; the second wins.",
    ("MAP_UNION(MAP('a' := 1, 'b' := 2), MAP('b' := 3))",),
)
_as_map = scalar(
    "AS_MAP",
    _CATEGORY,
    "A map from an array of keys and an array of values; values that are missing are NULL.",
    ("AS_MAP(ARRAY['a'], ARRAY[1]) -> {a=1}",),
)
_entries = scalar(
    "ENTRIES",
    _CATEGORY,
    "The entries as an array of structs with K and V, sorted by key where asked.",
    ("ENTRIES(MAP('a' := 1), true) -> [{K='a', V=1}]",),
)


@_keys("(input MAP<STRING, V>) -> ARRAY<STRING>", total=True)
def _key_list(mapping: dict[str, Any]) -> list[str]:
    return hash_order(mapping)


@_values("(input MAP<STRING, V>) -> ARRAY<V>", total=True)
def _value_list(mapping: dict[str, Any]) -> list[Any]:
    return [mapping[key] for key in hash_order(mapping)]


@_union("(map1 MAP<STRING, V>, map2 MAP<STRING, V>) -> MAP<STRING, V>", null_in=True, total=True)
def _united(left: dict[str, Any] | None, right: dict[str, Any] | None) -> dict[str, Any] | None:
    if left is None:
        return right
    return left if right is None else {**left, **right}


@_as_map("(keys ARRAY<STRING>, values ARRAY<V>) -> MAP<STRING, V>")
def _mapped(keys: list[str | None], values: list[Any]) -> dict[str | None, Any]:
    made = {key: values[index] if index < len(values) else None for index, key in enumerate(keys)}
    if None in made:
        raise FunctionError("A key of a MAP cannot be NULL.")
    return made


def _define_entries(name: str) -> None:
    @_entries(f"(map MAP<STRING, {name}>, sorted BOOLEAN) -> ARRAY<STRUCT<K STRING, V {name}>>", total=True)
    def _entry_list(mapping: dict[str, Any], in_order: bool) -> list[dict[str, Any]]:
        keys = sorted(mapping, key=order_key) if in_order else hash_order(mapping)
        return [{"K": key, "V": mapping[key]} for key in keys]


for _name in ("INT", "BIGINT", "DOUBLE", "BOOLEAN", "STRING"):
    _define_entries(_name)


_split_to_map = scalar(
    "split_to_map",
    _CATEGORY,
    "A map from the entries of a string, cut by two delimiters; a key that comes twice keeps its last value.",
    ("SPLIT_TO_MAP('a=1;b=2', ';', '=') -> {a='1', b='2'}",),
)


@_split_to_map("(input STRING, entryDelimiter STRING, kvDelimiter STRING) -> MAP<STRING, STRING>", total=True)
def _split_map(text: str, entry_delimiter: str, pair_delimiter: str) -> dict[str, str] | None:
    if not entry_delimiter or not pair_delimiter or entry_delimiter == pair_delimiter:
        return None
    result: dict[str, str] = {}
    for entry in text.split(entry_delimiter):
        parts = entry.split(pair_delimiter)
        if len(parts) > 1:
            result[parts[0]] = parts[1]
    return result
