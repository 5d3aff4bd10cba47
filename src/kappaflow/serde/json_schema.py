"""JSON Schemas of columns, and the column types of JSON Schemas.

column type   JSON Schema                                   read back from
BOOLEAN       boolean
INTEGER       integer, connect.type int32 (int8, int16)
BIGINT        integer, connect.type int64                   integer
DOUBLE        number, connect.type float64                  number
DECIMAL       number, title ..data.Decimal with parameters
STRING        string                                        string, enum
BYTES         string, connect.type bytes
TIME, DATE    integer, title ..data.Time and ..data.Date
TIMESTAMP     integer, title ..data.Timestamp
ARRAY         array with items
MAP           object, connect.type map                      object with additionalProperties only
STRUCT        object with properties

Fields are ``oneOf`` null and the type, in the order of ``connect.index``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kappaflow.serde import types as t

Node = Any
_DATA = "org.apache.kafka.connect.data."
_PLAIN: dict[type[t.DataType], dict[str, Any]] = {
    t.Boolean: {"type": "boolean"},
    t.Integer: {"type": "integer", "connect.type": "int32"},
    t.BigInt: {"type": "integer", "connect.type": "int64"},
    t.Double: {"type": "number", "connect.type": "float64"},
    t.String: {"type": "string"},
    t.Bytes: {"type": "string", "connect.type": "bytes"},
    t.Date: {"type": "integer", "title": f"{_DATA}Date", "connect.version": 1, "connect.type": "int32"},
    t.Time: {"type": "integer", "title": f"{_DATA}Time", "connect.version": 1, "connect.type": "int32"},
    t.Timestamp: {"type": "integer", "title": f"{_DATA}Timestamp", "connect.version": 1, "connect.type": "int64"},
}
_TITLES: dict[str, t.DataType] = {
    f"{_DATA}Date": t.DATE,
    f"{_DATA}Time": t.TIME,
    f"{_DATA}Timestamp": t.TIMESTAMP,
}
_INTEGERS: dict[str, t.DataType] = {"int8": t.INTEGER, "int16": t.INTEGER, "int32": t.INTEGER}


def json_schema(data_type: t.DataType) -> Node:
    """Return the JSON Schema of a type."""
    match data_type:
        case t.Decimal(precision, scale):
            return {
                "type": "number",
                "title": f"{_DATA}Decimal",
                "connect.version": 1,
                "connect.type": "bytes",
                "connect.parameters": {"scale": str(scale), "connect.decimal.precision": str(precision)},
            }
        case t.Array(element):
            return {"type": "array", "items": nullable_json_schema(element)}
        case t.Map(_, value):
            return {"type": "object", "connect.type": "map", "additionalProperties": nullable_json_schema(value)}
        case t.Struct(fields):
            properties = {
                f.name: {"connect.index": index} | nullable_json_schema(f.type) for index, f in enumerate(fields)
            }
            return {"type": "object", "properties": properties}
        case _:
            return dict(_PLAIN[type(data_type)])


def nullable_json_schema(data_type: t.DataType) -> Node:
    """Return the JSON Schema of a type or null."""
    return {"oneOf": [{"type": "null"}, json_schema(data_type)]}


def type_of_json_schema(text: str, references: Mapping[str, str] | None = None) -> t.DataType | None:
    """Return the column type of a JSON Schema, or None if it has none.

    Args:
        text: the schema.
        references: the schemas that it names, by name.
    """
    return _Reader(json.loads(text), {name: json.loads(other) for name, other in (references or {}).items()}).read()


class _Reader:
    def __init__(self, root: Node, references: dict[str, Node]) -> None:
        self._root = root
        self._references = references
        self._open: set[int] = set()

    def read(self) -> t.DataType | None:
        return self._type(self._root)

    def _type(self, node: Node) -> t.DataType | None:
        if not isinstance(node, dict) or id(node) in self._open:
            return None  # anything goes, or a type within itself: columns cannot hold it
        self._open.add(id(node))
        try:
            return self._open_type(node)
        finally:
            self._open.discard(id(node))

    def _open_type(self, node: dict[str, Any]) -> t.DataType | None:
        if "$ref" in node:
            return self._type(self._resolve(str(node["$ref"])))
        for keyword in ("oneOf", "anyOf", "allOf"):
            if keyword in node:
                return self._combined(node[keyword])
        kind = node.get("type")
        if isinstance(kind, list):
            others = [name for name in kind if name != "null"]
            return self._type({**node, "type": others[0]}) if len(others) == 1 else None
        if node.get("title") == f"{_DATA}Decimal":
            parameters = node.get("connect.parameters", {})
            return t.Decimal(int(parameters.get("connect.decimal.precision", 64)), int(parameters.get("scale", 0)))
        if node.get("title") in _TITLES:
            return _TITLES[node["title"]]
        match kind:
            case "integer":
                return _INTEGERS.get(str(node.get("connect.type")), t.BIGINT)
            case "number":
                return _INTEGERS.get(str(node.get("connect.type")), t.DOUBLE)
            case "boolean":
                return t.BOOLEAN
            case "string":
                return t.BYTES if node.get("connect.type") == "bytes" else t.STRING
            case "array":
                return self._array(node)
            case "object":
                return self._object(node)
            case _:
                return t.STRING if "enum" in node else self._object(node) if "properties" in node else None

    def _combined(self, branches: list[Node]) -> t.DataType | None:
        others = [branch for branch in branches if not (isinstance(branch, dict) and branch.get("type") == "null")]
        if len(others) == 1:
            return self._type(others[0])
        found = [self._type(branch) for branch in others]
        fields = [(f"field_{i}", each) for i, each in enumerate(found)]
        return t.Struct(tuple(t.StructField(name, each) for name, each in fields if each is not None))

    def _array(self, node: dict[str, Any]) -> t.DataType | None:
        element = self._type(node.get("items"))
        if element is None:
            return None
        if node.get("connect.type") == "map" and isinstance(element, t.Struct):
            key, value = element.field("key"), element.field("value")
            return t.Map(key.type, value.type) if key and value else None
        return t.Array(element)

    def _object(self, node: dict[str, Any]) -> t.DataType | None:
        properties = node.get("properties")
        if properties is None or node.get("connect.type") == "map":
            value = self._type(node.get("additionalProperties"))
            return None if value is None else t.Map(t.STRING, value)
        # Sorting is stable: without an index, fields stand as written.
        ordered = sorted(properties.items(), key=lambda item: _index(item[1]))
        fields = [(name, self._type(inner)) for name, inner in ordered]
        return t.Struct(tuple(t.StructField(name, each) for name, each in fields if each is not None))

    def _resolve(self, reference: str) -> Node:
        name, _, pointer = reference.partition("#")
        node = self._references.get(name) if name else self._root
        for part in pointer.strip("/").split("/") if pointer.strip("/") else []:
            node = node.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        return node


def _index(node: Node) -> int:
    return int(node.get("connect.index", 0)) if isinstance(node, dict) else 0
