"""Whether records of one schema can be read by another.

Avro      names, promotions, defaults, unions and enums as its specification resolves them
Protobuf  a field number keeps its kind; messages may not go
JSON      a reader's required properties exist; properties keep their types
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from kappaflow.serde import types as t
from kappaflow.serde.json_schema import type_of_json_schema
from kappaflow.serde.protobuf_text import parse_proto
from kappaflow.serde.schema_registry import ResolvedSchema

Node = Any
_PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}
_NAMED = {"record", "error", "enum", "fixed"}


def problems(level: str, new: ResolvedSchema, older: Iterable[ResolvedSchema]) -> list[str]:
    """Return why a schema cannot follow older ones, nothing if it can.

    Args:
        level: NONE, BACKWARD, FORWARD or FULL, each also ``_TRANSITIVE``.
        new: the schema to add.
        older: the versions before it, oldest first.
    """
    direction = level.removesuffix("_TRANSITIVE")
    versions = list(older)
    if direction == "NONE" or not versions:
        return []
    found: list[str] = []
    for old in versions if level.endswith("_TRANSITIVE") else versions[-1:]:
        if old.type != new.type:
            found.append(f"the schema is {new.type}, the older one {old.type}")
            continue
        if direction in {"BACKWARD", "FULL"}:
            found += _unreadable(new, old)
        if direction in {"FORWARD", "FULL"}:
            found += _unreadable(old, new)
    return found


def _unreadable(reader: ResolvedSchema, writer: ResolvedSchema) -> list[str]:
    match reader.type:
        case "AVRO":
            return _Avro(reader, writer).check()
        case "PROTOBUF":
            return _protobuf(reader.text, writer.text)
        case _:
            return _json(reader, writer)


class _Avro:
    def __init__(self, reader: ResolvedSchema, writer: ResolvedSchema) -> None:
        self._reader, self._readers = _parse(reader)
        self._writer, self._writers = _parse(writer)
        self._open: set[tuple[int, int]] = set()

    def check(self) -> list[str]:
        return self._differences(self._reader, self._writer, "/")

    def _differences(self, reader: Node, writer: Node, path: str) -> list[str]:
        reader, writer = _found(reader, self._readers), _found(writer, self._writers)
        if isinstance(writer, list):
            return [p for branch in writer for p in self._differences(reader, branch, path)]
        if isinstance(reader, list):
            if any(not self._differences(branch, writer, path) for branch in reader):
                return []
            return [f"{path}: the reader's union has no branch for {_kind(writer)}"]
        kind, written = _kind(reader), _kind(writer)
        if kind != written:
            if kind in _PROMOTIONS.get(written, ()):
                return []
            return [f"{path}: the reader has {kind}, the writer {written}"]
        if kind in _NAMED and reader["name"].rpartition(".")[2] != writer["name"].rpartition(".")[2]:
            return [f"{path}: the reader's {kind} is {reader['name']}, the writer's {writer['name']}"]
        return self._inner(kind, reader, writer, path)

    def _inner(self, kind: str, reader: Node, writer: Node, path: str) -> list[str]:
        match kind:
            case "record" | "error":
                pair = (id(reader), id(writer))
                if pair in self._open:
                    return []
                self._open.add(pair)
                return self._fields(reader, writer, path)
            case "array":
                return self._differences(reader["items"], writer["items"], f"{path}items/")
            case "map":
                return self._differences(reader["values"], writer["values"], f"{path}values/")
            case "enum":
                missing = [s for s in writer["symbols"] if s not in reader["symbols"]]
                return [f"{path}: the reader's enum lacks {missing}"] if missing and "default" not in reader else []
            case "fixed":
                return [] if reader["size"] == writer["size"] else [f"{path}: the sizes differ"]
            case _:
                return []

    def _fields(self, reader: Node, writer: Node, path: str) -> list[str]:
        written = {field["name"]: field for field in writer["fields"]}
        found: list[str] = []
        for field in reader["fields"]:
            name = next((n for n in (field["name"], *field.get("aliases", ())) if n in written), None)
            if name is not None:
                found += self._differences(field["type"], written[name]["type"], f"{path}{field['name']}/")
            elif "default" not in field:
                found.append(f"{path}{field['name']}: the reader's field has no default and the writer lacks it")
        return found


def _parse(schema: ResolvedSchema) -> tuple[Node, dict[str, Node]]:
    names: dict[str, Node] = {}
    for text in schema.references.values():
        _collect(json.loads(text), "", names)
    node = json.loads(schema.text) if schema.text.strip()[:1] in '{["' else schema.text.strip()
    _collect(node, "", names)
    return node, names


def _collect(node: Node, namespace: str, names: dict[str, Node]) -> None:
    if isinstance(node, list):
        for item in node:
            _collect(item, namespace, names)
    elif isinstance(node, dict):
        inner = str(node.get("namespace") or namespace)
        if "name" in node and node.get("type") in _NAMED:
            names[node["name"]] = node
            names[f"{inner}.{node['name']}"] = node
        for child in (node.get("type"), node.get("items"), node.get("values")):
            _collect(child, inner, names)
        for field in node.get("fields") or ():
            _collect(field.get("type"), inner, names)


def _found(node: Node, names: dict[str, Node]) -> Node:
    if isinstance(node, str):
        return names.get(node, node)
    if isinstance(node, dict) and not isinstance(node.get("type"), str):
        return _found(node["type"], names)
    return node


def _kind(node: Node) -> str:
    return node if isinstance(node, str) else str(node["type"])


def _protobuf(reader: str, writer: str) -> list[str]:
    read, written = (_messages(parse_proto(text, "schema.proto").descriptor) for text in (reader, writer))
    found: list[str] = []
    for name, fields in written.items():
        if name not in read:
            found.append(f"message {name} is gone")
            continue
        for number, kind in fields.items():
            other = read[name].get(number, kind)
            if other != kind:
                found.append(f"field {number} of {name} is {other} for the reader and {kind} for the writer")
    return found


def _messages(file: Any) -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}

    def walk(message: Any, prefix: str) -> None:
        name = f"{prefix}{message.name}"
        found[name] = {f.number: f"{_wire_kind(f.type)} {f.type_name}".strip() for f in message.field}
        for nested in message.nested_type:
            walk(nested, f"{name}.")

    for message in file.message_type:
        walk(message, "")
    return found


_WIRE_KINDS = {3: "varint", 4: "varint", 5: "varint", 13: "varint", 8: "varint", 9: "bytes", 12: "bytes"}


def _wire_kind(field_type: int) -> str:
    return _WIRE_KINDS.get(field_type, f"type {field_type}" if field_type else "")


def _json(reader: ResolvedSchema, writer: ResolvedSchema) -> list[str]:
    read, written = (type_of_json_schema(s.text, s.references) for s in (reader, writer))
    found = _type_changes(read, written, "/")
    required = json.loads(reader.text).get("required") or ()
    known = json.loads(writer.text).get("properties") or {}
    found += [f"/{name}: the reader requires what the writer lacks" for name in required if name not in known]
    return found


def _type_changes(reader: t.DataType | None, writer: t.DataType | None, path: str) -> list[str]:
    if reader is None or writer is None or reader == writer:
        return []
    match (reader, writer):
        case (t.Struct(), t.Struct()):
            written = {f.name: f.type for f in writer.fields}
            return [
                problem
                for field in reader.fields
                for problem in _type_changes(field.type, written.get(field.name), f"{path}{field.name}/")
            ]
        case (t.Array(element), t.Array(other)):
            return _type_changes(element, other, f"{path}items/")
        case (t.Map(_, value), t.Map(_, other)):
            return _type_changes(value, other, f"{path}values/")
        case (t.Double() | t.BigInt(), t.Integer() | t.BigInt()):
            return []
        case _:
            return [f"{path}: the reader has {reader}, the writer {writer}"]
