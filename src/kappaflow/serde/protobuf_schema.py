"""``.proto`` files of columns.

column type   field
BOOLEAN       bool
INTEGER       int32
BIGINT        int64
DOUBLE        double
DECIMAL       confluent.type.Decimal with precision and scale
STRING        string
BYTES         bytes
DATE, TIME    google.type.Date, google.type.TimeOfDay
TIMESTAMP     google.protobuf.Timestamp
ARRAY         repeated
MAP           repeated message of key and value, named ..Entry
STRUCT        nested message

Plain scalars cannot be null; ``optional`` fields and wrapper messages can.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from kappaflow.errors import ConfigError
from kappaflow.serde import types as t
from kappaflow.serde.schema import Column, names_within

_PLAIN: dict[type[t.DataType], tuple[str, str]] = {
    t.Boolean: ("bool", "BoolValue"),
    t.Integer: ("int32", "Int32Value"),
    t.BigInt: ("int64", "Int64Value"),
    t.Double: ("double", "DoubleValue"),
    t.String: ("string", "StringValue"),
    t.Bytes: ("bytes", "BytesValue"),
}
_MESSAGES: dict[type[t.DataType], tuple[str, str]] = {
    t.Date: ("google.type.Date", "google/type/date.proto"),
    t.Time: ("google.type.TimeOfDay", "google/type/timeofday.proto"),
    t.Timestamp: ("google.protobuf.Timestamp", "google/protobuf/timestamp.proto"),
}
DEFAULT_NAME: Final = "ConnectDefault"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WRAPPERS = "google/protobuf/wrappers.proto"


def protobuf_schema(record: t.Struct, full_name: str | None, nullable: str) -> str:
    """Return the file whose first message holds the fields of `record`.

    Args:
        record: the columns.
        full_name: of the message, with its package; None for a generated name.
        nullable: ``optional`` or ``wrapper`` for fields that can be null, in any case, else empty.

    Raises:
        ConfigError: a map's keys are no STRING.
    """
    return _Writer(nullable.lower()).file(record, full_name)


def check_protobuf_names(column: Column) -> None:
    """Check the names of a column and of all fields within it.

    Raises:
        ConfigError: Protobuf does not allow one.
    """
    for name in names_within(column):
        if not _NAME.fullmatch(name):
            raise ConfigError(f'Schema is not compatible with Protobuf: "{name}" is not a valid identifier.')


@dataclass(slots=True)
class _Writer:
    nullable: str
    count: int = 0
    imports: set[str] = field(default_factory=set[str])

    def file(self, record: t.Struct, full_name: str | None) -> str:
        package, _, name = (full_name or "").rpartition(".")
        body = self._message(name or self._name(), [(f.name, f.type) for f in record.fields], 0)
        head = ['syntax = "proto3";']
        if package:
            head.append(f"package {package};")
        if self.imports:
            head.append("\n" + "\n".join(f'import "{path}";' for path in sorted(self.imports)))
        return "\n".join([*head, "", *body]) + "\n"

    def _name(self) -> str:
        self.count += 1
        return f"{DEFAULT_NAME}{self.count}"

    def _message(self, name: str, fields: list[tuple[str, t.DataType]], depth: int) -> list[str]:
        indent = "  " * depth
        lines = [f"{indent}message {name} {{"]
        nested: list[str] = []
        for number, (label, data_type) in enumerate(fields, 1):
            kind, options = self._field(data_type, nested, depth + 1)
            lines.append(f"{indent}  {kind} {label} = {number}{options};")
        if nested:
            lines += ["", *nested]
        return [*lines, f"{indent}}}"]

    def _field(self, data_type: t.DataType, nested: list[str], depth: int) -> tuple[str, str]:
        if isinstance(data_type, t.Array):
            if isinstance(data_type.element, t.Array | t.Map):
                # Repeated fields do not nest: the inner list is a message with one field.
                name = self._name()
                nested += self._message(name, [("array", data_type.element)], depth)
                return f"repeated {name}", ""
            kind, options = self._single(data_type.element, nested, depth, plain=True)
            return f"repeated {kind}", options
        if isinstance(data_type, t.Map):
            if data_type.key != t.STRING:
                raise ConfigError("PROTOBUF format only supports MAP types with STRING keys")
            name = f"{self._name()}Entry"
            nested += self._message(name, [("key", data_type.key), ("value", data_type.value)], depth)
            return f"repeated {name}", ""
        return self._single(data_type, nested, depth, plain=False)

    def _single(self, data_type: t.DataType, nested: list[str], depth: int, *, plain: bool) -> tuple[str, str]:
        if isinstance(data_type, t.Struct):
            name = self._name()
            nested += self._message(name, [(f.name, f.type) for f in data_type.fields], depth)
            return name, ""
        if isinstance(data_type, t.Decimal):
            self.imports |= {"confluent/meta.proto", "confluent/type/decimal.proto"}
            params = (("precision", data_type.precision), ("scale", data_type.scale))
            shown = ", ".join(f'{{ value: "{value}", key: "{key}" }}' for key, value in params)
            return "confluent.type.Decimal", f" [(confluent.field_meta) = {{ params: [{shown}] }}]"
        if type(data_type) in _MESSAGES:
            name, path = _MESSAGES[type(data_type)]
            self.imports.add(path)
            return name, ""
        kind, wrapper = _PLAIN[type(data_type)]
        if plain or self.nullable not in {"optional", "wrapper"}:
            return kind, ""
        if self.nullable == "optional":
            return f"optional {kind}", ""
        self.imports.add(_WRAPPERS)
        return f"google.protobuf.{wrapper}", ""
