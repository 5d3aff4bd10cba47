"""Which schemas may follow which."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kappaflow.serde.schema_registry import ResolvedSchema
from kappaflow.server.registry.compatibility import problems


def _record(*fields: dict[str, Any]) -> ResolvedSchema:
    return ResolvedSchema("AVRO", json.dumps({"type": "record", "name": "R", "fields": list(fields)}))


A_INT, A_LONG, A_TEXT = ({"name": "a", "type": kind} for kind in ("int", "long", "string"))
B_NEEDED, B_DEFAULT = {"name": "b", "type": "int"}, {"name": "b", "type": "int", "default": 0}
B_UNION = {"name": "b", "type": ["null", "int"], "default": None}


@pytest.mark.parametrize(
    ("old", "new", "levels"),
    [
        (_record(A_INT), _record(A_INT), {"BACKWARD", "FORWARD", "FULL"}),
        (_record(A_INT), _record(A_LONG), {"BACKWARD"}),
        (_record(A_LONG), _record(A_INT), {"FORWARD"}),
        (_record(A_INT), _record(A_TEXT), set()),
        (_record(A_INT), _record(A_INT, B_NEEDED), {"FORWARD"}),
        (_record(A_INT), _record(A_INT, B_DEFAULT), {"BACKWARD", "FORWARD", "FULL"}),
        (_record(A_INT, B_NEEDED), _record(A_INT), {"BACKWARD"}),
        (_record(B_NEEDED), _record(B_UNION), {"BACKWARD"}),
        (
            ResolvedSchema("PROTOBUF", 'syntax = "proto3"; message M { int32 a = 1; }'),
            ResolvedSchema("PROTOBUF", 'syntax = "proto3"; message M { int64 a = 1; string b = 2; }'),
            {"BACKWARD", "FORWARD", "FULL"},
        ),
        (
            ResolvedSchema("PROTOBUF", 'syntax = "proto3"; message M { int32 a = 1; }'),
            ResolvedSchema("PROTOBUF", 'syntax = "proto3"; message M { string a = 1; }'),
            set(),
        ),
        (
            ResolvedSchema("JSON", '{"type": "object", "properties": {"a": {"type": "integer"}}}'),
            ResolvedSchema("JSON", '{"type": "object", "properties": {"a": {"type": "string"}}}'),
            set(),
        ),
    ],
)
def test_each_level_allows_what_it_says(old: ResolvedSchema, new: ResolvedSchema, levels: set[str]) -> None:
    allowed = {level for level in ("BACKWARD", "FORWARD", "FULL") if not problems(level, new, [old])}
    assert allowed == levels
    assert not problems("NONE", new, [old])


def test_only_transitive_levels_look_at_every_version() -> None:
    first, second, third = _record(A_INT), _record(A_INT, B_DEFAULT), _record(A_INT, B_NEEDED)
    assert not problems("BACKWARD", third, [first, second])
    assert problems("BACKWARD_TRANSITIVE", third, [first, second]) == [
        "/b: the reader's field has no default and the writer lacks it"
    ]


def test_another_type_of_schema_is_never_compatible() -> None:
    assert problems("BACKWARD", ResolvedSchema("JSON", "{}"), [_record(A_INT)])
