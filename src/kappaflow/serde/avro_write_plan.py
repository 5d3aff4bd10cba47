"""The steps from columns to an Avro schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.serde import types as t
from kappaflow.serde.avro_schema import decimal_of_avro, named_type
from kappaflow.serde.record_plan import NO_COLUMN, WHOLE_NUMBERS, Step, Unplannable, source_of, value_of

_SOURCES: dict[str, tuple[type[t.DataType], ...]] = {
    "boolean": (t.Boolean,),
    "int": WHOLE_NUMBERS,
    "long": WHOLE_NUMBERS,
    "float": (t.Double, *WHOLE_NUMBERS),
    "double": (t.Double, *WHOLE_NUMBERS),
    "bytes": (t.Bytes,),
    "string": (t.String,),
}


def avro_write_steps(node: Any, names: Mapping[str, Any], source: t.DataType) -> Step:
    """Return the steps that write values of a schema.

    Args:
        node: the schema, as parsed JSON.
        names: the named types, by name and by full name.
        source: STRUCT of the columns, or the type of a bare value.

    Raises:
        Unplannable: the row form has to write them.
    """
    return _Planner(names).step(node, "", source)


class _Planner:
    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def step(self, node: Any, namespace: str, source: t.DataType) -> Step:
        """Return the step of a type whose values are those of a column type."""
        if isinstance(node, str):
            found = named_type(node, namespace, self._names)
            if found is not None:
                return self.step(found, "", source)
            if not isinstance(source, _SOURCES.get(node, ())):
                raise Unplannable
            return (node, [], [], [])
        if isinstance(node, list):
            return self._union(node, namespace, source)
        kind = node["type"]
        if not isinstance(kind, str):
            return self.step(kind, namespace, source)
        decimal = decimal_of_avro(node)
        if decimal is not None:
            if not isinstance(source, t.Decimal):
                raise Unplannable
            size = node["size"] if kind == "fixed" else NO_COLUMN
            return ("decimal", [], [decimal.scale, decimal.precision, size], [])
        match kind:
            case "record" | "error":
                return ("record", self._fields(node, namespace, source), [], [])
            case "array":
                return self._array(node["items"], namespace, source)
            case "map":
                return ("map", [self.step(node["values"], namespace, value_of(source))], [], [])
            case "enum" if isinstance(source, t.String):
                return ("enum", [], [], [symbol.encode() for symbol in node["symbols"]])
            case "fixed" if isinstance(source, t.Bytes):
                return ("fixed", [], [node["size"]], [])
            case "enum" | "fixed":
                raise Unplannable
            case _:
                return self.step(kind, namespace, source)

    def _union(self, branches: list[Any], namespace: str, source: t.DataType) -> Step:
        others = [at for at, branch in enumerate(branches) if branch != "null"]
        if len(others) != 1:
            raise Unplannable
        null = branches.index("null") if "null" in branches else NO_COLUMN
        return ("union", [self.step(branches[others[0]], namespace, source)], [null, others[0]], [])

    def _fields(self, node: Any, namespace: str, source: t.DataType) -> list[Step]:
        if not isinstance(source, t.Struct):
            raise Unplannable
        inner = node.get("namespace") or namespace
        steps: list[Step] = []
        for field in node["fields"]:
            at = source_of(field["name"], source.fields)
            if at is None:
                steps.append(("field", [], [NO_COLUMN], [_absent(field)]))
                continue
            step = self.step(field["type"], inner, source.fields[at].type)
            if field.get("default") is not None and step[0] == "union":
                # The default stands for a null: the row form writes it.
                step = ("union", step[1], [NO_COLUMN, step[2][1]], [])
            steps.append(("field", [step], [at], []))
        return steps

    def _array(self, items: Any, namespace: str, source: t.DataType) -> Step:
        if isinstance(source, t.Map):
            pair = t.Struct((t.StructField("key", t.STRING), t.StructField("value", value_of(source))))
            named = self._names.get(items) if isinstance(items, str) else items
            if not isinstance(named, dict) or named.get("type") != "record":
                raise Unplannable
            return ("entries", self._fields(named, namespace, pair), [], [])
        if not isinstance(source, t.Array):
            raise Unplannable
        return ("array", [self.step(items, namespace, source.element)], [], [])


def _absent(field: Any) -> bytes:
    """Return what a field has that no column fills."""
    kind = field["type"]
    if field.get("default") is not None or not isinstance(kind, list) or sum(branch != "null" for branch in kind) != 1:
        raise Unplannable
    if "null" not in kind:
        raise Unplannable
    return bytes([kind.index("null") << 1])
