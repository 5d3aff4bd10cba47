"""The steps from an Avro schema to columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.serde import types as t
from kappaflow.serde.avro_schema import decimal_of_avro, is_map_entry, named_type
from kappaflow.serde.record_plan import Step, Unplannable, match_fields, position, struct_of, value_of

_PLAIN = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


def avro_steps(node: Any, names: Mapping[str, Any], wanted: t.DataType) -> Step:
    """Return the steps that read values of a schema.

    Args:
        node: the schema, as parsed JSON.
        names: the named types, by name and by full name.
        wanted: STRUCT of the columns, or the type of a bare value.

    Raises:
        Unplannable: the row form has to read them.
    """
    return _Planner(names).step(node, "", wanted)


class _Planner:
    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self._within: list[int] = []

    def step(self, node: Any, namespace: str, wanted: t.DataType | None) -> Step:
        """Return the step of a type; `wanted` is the column's, None where no column takes the value."""
        if isinstance(node, str):
            found = named_type(node, namespace, self._names)
            if found is not None:
                return self.step(found, "", wanted)
            if node not in _PLAIN:
                raise Unplannable
            return (node, [], [], [])
        if isinstance(node, list):
            return self._union(node, namespace, wanted)
        kind = node["type"]
        if not isinstance(kind, str):
            return self.step(kind, namespace, wanted)
        decimal = decimal_of_avro(node)
        if decimal is not None:
            if decimal.precision > 38 and wanted is not None:
                raise Unplannable
            if kind == "bytes":
                return ("decimal", [], [decimal.scale], [])
            return ("fixed-decimal", [], [decimal.scale, node["size"]], [])
        match kind:
            case "record" | "error":
                return self._record(node, namespace, wanted)
            case "array":
                return self._array(node["items"], namespace, wanted)
            case "map":
                inner = self.step(node["values"], namespace, wanted and value_of(wanted))
                return ("map", [inner], [], [])
            case "enum":
                return ("enum", [], [], [symbol.encode() for symbol in node["symbols"]])
            case "fixed":
                return ("fixed", [], [node["size"]], [])
            case _:
                return self.step(kind, namespace, wanted)

    def _union(self, branches: list[Any], namespace: str, wanted: t.DataType | None) -> Step:
        if wanted is not None and sum(branch != "null" for branch in branches) != 1:
            raise Unplannable
        inner = [self.step(branch, namespace, None if branch == "null" else wanted) for branch in branches]
        return ("union", inner, [], [])

    def _record(self, node: Any, namespace: str, wanted: t.DataType | None) -> Step:
        if id(node) in self._within:
            raise Unplannable
        struct = struct_of(wanted)
        inner = node.get("namespace") or namespace
        fields = node["fields"]
        found = match_fields([f["name"] for f in fields], struct.fields if struct else ())
        self._within.append(id(node))
        steps = [self.step(f["type"], inner, c and c.type) for f, c in zip(fields, found, strict=True)]
        self._within.pop()
        columns = [position(struct, column) for column in found]
        return ("record", steps, [*columns, len(struct.fields) if struct else 0], [])

    def _array(self, items: Any, namespace: str, wanted: t.DataType | None) -> Step:
        if is_map_entry(items):
            fields = items["fields"]
            if [f["name"] for f in fields] != ["key", "value"]:
                raise Unplannable
            value = wanted and value_of(wanted)
            inner = items.get("namespace") or namespace
            key = None if wanted is None else t.STRING
            return (
                "entries",
                [self.step(fields[0]["type"], inner, key), self.step(fields[1]["type"], inner, value)],
                [],
                [],
            )
        if wanted is not None and not isinstance(wanted, t.Array):
            raise Unplannable
        return ("array", [self.step(items, namespace, wanted and wanted.element)], [], [])
