"""Values in Avro's binary form: plain Python values by a writer's schema, on the library fastavro.

Logical types are converted here, so a value is what a column holds: Decimal, days, milliseconds.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import fastavro

from kappaflow.errors import ConfigError, SerializationError
from kappaflow.serde import types as t
from kappaflow.serde.avro_schema import branch_name, decimal_of_avro, is_map_entry, named_type, type_of_avro
from kappaflow.serde.coercion import fit_decimal
from kappaflow.serde.schema_codec import SchemaCodec, plain_boolean, plain_float, plain_integer, plain_text

Convert = Callable[[Any], Any]
_INTEGERS = {"int": 32, "long": 64}


class AvroCodec(SchemaCodec):
    """Writes and reads with one schema.

    Args:
        text: the schema as JSON; a bare type name such as ``int`` may stand without quotes.
        references: the schemas that it names, by full name.

    Attributes:
        node: the schema, as parsed JSON.
        names: its named types, by name and by full name.

    Raises:
        ConfigError: it is no Avro schema.
    """

    def __init__(self, text: str, references: Mapping[str, str] | None = None) -> None:
        self.names: dict[str, Any] = {}
        known: dict[str, Any] = {}
        try:
            for referred in (references or {}).values():
                node = json.loads(referred)
                fastavro.parse_schema(_bare(node), known)
                type_of_avro(node, self.names)
            self.node = json.loads(text) if text.strip()[:1] in '{["' else text.strip()
            self._schema = fastavro.parse_schema(_bare(self.node), known)
        except Exception as error:
            raise ConfigError(f"Not an Avro schema: {error}") from None
        self.data_type = type_of_avro(self.node, self.names)
        self._lazy: dict[tuple[str, str], Convert] = {}
        self._to = self._converter(self.node, "", write=True)
        self._from = self._converter(self.node, "", write=False)

    def encode(self, value: Any) -> bytes:
        """Write a value."""
        out = io.BytesIO()
        try:
            fastavro.schemaless_writer(out, self._schema, self._to(value))
        except (ValueError, TypeError, ArithmeticError, KeyError, AttributeError) as error:
            raise SerializationError(f"The value does not fit its Avro schema: {error}") from None
        return out.getvalue()

    def decode(self, data: bytes) -> Any:
        """Read a value."""
        try:
            return self._from(fastavro.schemaless_reader(io.BytesIO(data), self._schema, None))
        except Exception as error:
            raise SerializationError(f"Not a value of its Avro schema: {_reason(error)}") from None

    def _converter(self, node: Any, namespace: str, *, write: bool) -> Convert:
        if isinstance(node, str):
            found = named_type(node, namespace, self.names)
            if found is not None:
                return self._named(node, found, write=write)
            return _writer_of(node) if write else _same
        if isinstance(node, list):
            return self._union(node, namespace, write=write)
        kind = node["type"]
        if not isinstance(kind, str):
            return self._converter(kind, namespace, write=write)
        decimal = decimal_of_avro(node)
        if decimal is not None:
            size = node.get("size") if kind == "fixed" else None
            return _decimal_writer(decimal, size) if write else _decimal_reader(decimal.scale)
        match kind:
            case "record" | "error":
                return self._record(node, namespace, write=write)
            case "array":
                return self._array(node["items"], namespace, write=write)
            case "map":
                inner = self._converter(node["values"], namespace, write=write)
                return lambda value: {str(key): inner(item) for key, item in _mapping(value).items()}
            case _:
                return self._converter(kind, namespace, write=write)

    def _named(self, name: str, node: Any, *, write: bool) -> Convert:
        """Return the converter of a type that is named; made at its first value, as types may name themselves."""
        key = (name, "w" if write else "r")

        def convert(value: Any) -> Any:
            made = self._lazy.get(key)
            if made is None:
                made = self._lazy[key] = self._converter(node, "", write=write)
            return made(value)

        return convert

    def _record(self, node: Any, namespace: str, *, write: bool) -> Convert:
        inner = node.get("namespace") or namespace
        fields = [(f["name"], self._converter(f["type"], inner, write=write), f) for f in node["fields"]]
        if not write:
            return lambda value: {name: convert(value[name]) for name, convert, _ in fields}

        def to_record(value: Any) -> dict[str, Any]:
            if not isinstance(value, Mapping):
                raise TypeError(f"expected a record, got {value!r}")
            upper = {str(key).upper(): item for key, item in value.items()}
            out: dict[str, Any] = {}
            for name, convert, field in fields:
                item = value[name] if name in value else upper.get(name.upper())
                out[name] = field["default"] if item is None and field.get("default") is not None else convert(item)
            return out

        return to_record

    def _array(self, items: Any, namespace: str, *, write: bool) -> Convert:
        inner = self._converter(items, namespace, write=write)
        if write:
            return lambda value: [inner(item) for item in _entries(value)]
        if is_map_entry(items):
            return lambda value: {entry["key"]: entry["value"] for entry in map(inner, value)}
        return lambda value: [inner(item) for item in value]

    def _union(self, branches: list[Any], namespace: str, *, write: bool) -> Convert:
        others = [branch for branch in branches if branch != "null"]
        converters = [self._converter(branch, namespace, write=write) for branch in others]
        if len(others) == 1:
            only = converters[0]
            return lambda value: None if value is None else only(value)
        names = [branch_name(branch) for branch in others]
        if write:
            return lambda value: _pick(value, names, converters)
        return lambda value: _spread(value, names, converters)


def _pick(value: Any, names: list[str], converters: list[Convert]) -> Any:
    """Write a union of several types: a mapping from the branch's name, or a bare value."""
    if isinstance(value, Mapping):
        for name, convert in zip(names, converters, strict=True):
            found = {str(key).upper(): item for key, item in value.items()}.get(name.upper())
            if found is not None:
                return convert(found)
    return value


def _spread(value: Any, names: list[str], converters: list[Convert]) -> Any:
    """Read a union of several types as a struct of which one field is set."""
    out: dict[str, Any] = dict.fromkeys(names)
    kinds: dict[str, type] = {
        "boolean": bool, "int": int, "long": int, "float": float, "double": float, "string": str, "bytes": bytes,
    }  # fmt: skip
    for name, convert in zip(names, converters, strict=True):
        if value is not None and type(value) is kinds.get(name, dict):
            out[name] = convert(value)
            break
    return out


def _bare(node: Any) -> Any:
    """Return the schema without logical types and defaults, so that the library leaves values alone."""
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: value for key, value in node.items() if key not in {"logicalType", "default", "precision", "scale"}}
    for key in ("type", "items", "values"):
        if key in out:
            out[key] = _bare(out[key])
    if isinstance(out.get("fields"), list):
        out["fields"] = [_bare(field) for field in out["fields"]]
    return out


def _same(value: Any) -> Any:
    return value


def _writer_of(kind: str) -> Convert:
    if kind in _INTEGERS:
        return plain_integer
    if kind in {"float", "double"}:
        return plain_float
    if kind in {"string", "enum"}:
        return plain_text
    if kind in {"bytes", "fixed"}:
        return lambda value: base64.b64decode(value) if isinstance(value, str) else value
    return plain_boolean if kind == "boolean" else _same


def _mapping(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a map, got {value!r}")
    return value


def _entries(value: Any) -> Any:
    if isinstance(value, Mapping):
        return [{"key": key, "value": item} for key, item in value.items()]
    if not isinstance(value, list):
        raise TypeError(f"expected an array, got {value!r}")
    return value


def _decimal_writer(data_type: t.Decimal, size: int | None) -> Convert:
    def write(value: Any) -> bytes:
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            raise TypeError(f"expected a decimal number, got {value!r}")
        fitted = fit_decimal(Decimal(str(value)), data_type)
        sign, digits, _ = fitted.as_tuple()
        unscaled = int("".join(map(str, digits)) or "0") * (-1 if sign else 1)
        length = size or (unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8 + 1
        return unscaled.to_bytes(length, "big", signed=True)

    return write


def _decimal_reader(scale: int) -> Convert:
    def read(value: bytes) -> Decimal:
        unscaled = int.from_bytes(value, "big", signed=True)
        return Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -scale))

    return read


def _reason(error: Exception) -> str:
    """Return why bytes cannot be read, in words of the format."""
    match error:
        case EOFError():
            return "the record ends too early"
        case IndexError():
            return "the index of a union or of an enum is beyond its end, as in bytes that were written otherwise"
        case UnicodeDecodeError():
            return "a string is not UTF-8"
        case _:
            return str(error) or type(error).__name__
