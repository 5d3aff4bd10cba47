"""Values in Protobuf's binary form: plain Python values by a message, on the library protobuf.

Messages with a meaning of their own are plain values: wrappers, Timestamp, Date, TimeOfDay, Decimal.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, EncodeError

from kappaflow.errors import ConfigError, SerializationError
from kappaflow.serde import types as t
from kappaflow.serde.coercion import fit_decimal
from kappaflow.serde.protobuf_text import parse_proto
from kappaflow.serde.schema_codec import SchemaCodec, plain_boolean, plain_float, plain_integer, plain_text
from kappaflow.serde.wire_format import read_message_path, write_message_path

_EPOCH = datetime.date(1970, 1, 1)
_ENTRY = "Entry"
_LIBRARY = (
    any_pb2, descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2,
)  # fmt: skip
_COMMON: dict[str, str] = {
    "google/type/date.proto": 'syntax = "proto3"; package google.type; '
    "message Date { int32 year = 1; int32 month = 2; int32 day = 3; }",
    "google/type/timeofday.proto": 'syntax = "proto3"; package google.type; '
    "message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }",
    "confluent/type/decimal.proto": 'syntax = "proto3"; package confluent.type; '
    "message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }",
    "confluent/meta.proto": 'syntax = "proto3"; package confluent; '
    "message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }",
}
WRAPPERS = {f"google.protobuf.{name}Value" for name in
             ("Bool", "Int32", "Int64", "UInt32", "UInt64", "Float", "Double", "String", "Bytes")}  # fmt: skip
_TYPES: dict[int, t.DataType] = {
    FieldDescriptor.TYPE_BOOL: t.BOOLEAN,
    FieldDescriptor.TYPE_INT32: t.INTEGER,
    FieldDescriptor.TYPE_SINT32: t.INTEGER,
    FieldDescriptor.TYPE_SFIXED32: t.INTEGER,
    FieldDescriptor.TYPE_FLOAT: t.DOUBLE,
    FieldDescriptor.TYPE_DOUBLE: t.DOUBLE,
    FieldDescriptor.TYPE_STRING: t.STRING,
    FieldDescriptor.TYPE_ENUM: t.STRING,
    FieldDescriptor.TYPE_BYTES: t.BYTES,
}
_NUMBERS = {"google.protobuf.Timestamp", "google.type.Date", "google.type.TimeOfDay", "confluent.type.Decimal"}
_DEFAULTS: dict[int, Any] = {
    FieldDescriptor.TYPE_BOOL: False,
    FieldDescriptor.TYPE_STRING: "",
    FieldDescriptor.TYPE_BYTES: b"",
}
_WRITERS: dict[int, Callable[[Any], Any]] = {
    FieldDescriptor.CPPTYPE_BOOL: plain_boolean,
    FieldDescriptor.CPPTYPE_FLOAT: plain_float,
    FieldDescriptor.CPPTYPE_DOUBLE: plain_float,
}


class ProtobufCodec(SchemaCodec):
    """Writes with one message of a file, reads with the one that a record names.

    Args:
        text: the file, as text or as a descriptor in Base64.
        references: the files that it imports, by name.
        full_name: the message; None for the first.
        framed: records start with the path of their message.

    Attributes:
        message: the descriptor of that message.
        prefix: its path, as records start with.

    Raises:
        ConfigError: the file or its message cannot be used.
    """

    def __init__(
        self, text: str, references: Mapping[str, str] | None = None, full_name: str | None = None, *, framed: bool
    ) -> None:
        self._framed = framed
        self._meta: dict[tuple[str, str], dict[str, str]] = {}
        pool = _pool()
        try:
            for name, referred in (references or {}).items():
                self._add(pool, referred, name)
            self._file = self._add(pool, text, "schema.proto")
        except TypeError as error:
            raise ConfigError(f"Not a Protobuf schema: {error}") from None
        if not self._file.message_types_by_name:
            raise ConfigError("The Protobuf schema has no message.")
        self._path = self._find(full_name)
        self.message = self._at(self._path)
        self._class = message_factory.GetMessageClass(self.message)
        self.prefix = write_message_path(self._path) if framed else b""
        self.data_type = self._struct(self.message, ())

    def _add(self, pool: Any, text: str, name: str) -> Any:
        parsed = parse_proto(text, name)
        package = parsed.descriptor.package
        self._meta.update({(f"{package}.{m}" if package else m, f): p for (m, f), p in parsed.meta.items()})
        for needed in parsed.descriptor.dependency:
            if needed in _COMMON:
                _add_common(pool, needed)
        pool.AddSerializedFile(parsed.descriptor.SerializeToString())
        return pool.FindFileByName(name)

    def _messages(self) -> list[Any]:
        return list(self._file.message_types_by_name.values())

    def _find(self, full_name: str | None) -> list[int]:
        if full_name is None:
            return [0]
        known: list[str] = []
        for index, message in enumerate(self._messages()):
            if full_name in {message.full_name, message.name}:
                return [index]
            known.append(message.full_name)
        raise ConfigError(f"Schema of message {full_name} was not found: the file has {', '.join(known)}.")

    def _at(self, path: list[int]) -> Any:
        try:
            message = self._messages()[path[0]]
            for index in path[1:]:
                message = message.nested_types[index]
        except IndexError:
            raise SerializationError(f"The Protobuf schema has no message at {path}") from None
        return message

    def encode(self, value: Any) -> bytes:
        """Write a value."""
        try:
            return self.prefix + _filled(self._class(), value).SerializeToString()
        except (ValueError, TypeError, AttributeError, ArithmeticError, KeyError, EncodeError) as error:
            raise SerializationError(f"The value does not fit its Protobuf schema: {error}") from None

    def decode(self, data: bytes) -> Any:
        """Read a value."""
        kind, start = self._class, 0
        if self._framed:
            path, start = read_message_path(data, 0)
            if path != self._path:
                kind = message_factory.GetMessageClass(self._at(path))
        try:
            return _plain(kind.FromString(data[start:]))
        except (DecodeError, ValueError, OverflowError) as error:
            raise SerializationError(f"Not a value of its Protobuf schema: {error}") from None

    def _struct(self, message: Any, above: tuple[str, ...]) -> t.Struct:
        fields: list[t.StructField] = []
        if message.full_name in above:
            return t.Struct(())  # a message within itself: columns cannot hold it
        inner = (*above, message.full_name)
        for field in message.fields:
            within = oneof_name(field)
            if within is None:
                fields += _fields([(field.name, self._type(field, inner))])
            elif field.containing_oneof.fields[0].number == field.number:
                members = [(f.name, self._type(f, inner)) for f in field.containing_oneof.fields]
                fields.append(t.StructField(within, t.Struct(_fields(members))))
        return t.Struct(tuple(fields))

    def _type(self, field: Any, above: tuple[str, ...]) -> t.DataType | None:
        if is_map(field):
            entry = field.message_type.fields_by_name
            key, value = self._single(entry["key"], above), self._single(entry["value"], above)
            return t.Map(key, value) if key is not None and value is not None else None
        single = self._single(field, above)
        return t.Array(single) if single is not None and field.is_repeated else single

    def _single(self, field: Any, above: tuple[str, ...]) -> t.DataType | None:
        if field.type not in {FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_GROUP}:
            return _TYPES.get(field.type, t.BIGINT)
        message = field.message_type
        if message.full_name in WRAPPERS:
            return _TYPES.get(message.fields_by_name["value"].type, t.BIGINT)
        match message.full_name:
            case "google.protobuf.Timestamp":
                return t.TIMESTAMP
            case "google.type.Date":
                return t.DATE
            case "google.type.TimeOfDay":
                return t.TIME
            case "confluent.type.Decimal":
                meta = self._meta.get((field.containing_type.full_name, field.name), {})
                return t.Decimal(int(meta.get("precision", 64)), int(meta.get("scale", 0)))
            case _:
                struct = self._struct(message, above)
                return _unnested(message, struct) if struct.fields else None


def _unnested(message: Any, struct: t.Struct) -> t.DataType:
    """A generated message around an inner list is that list."""
    return struct.fields[0].type if is_list_message(message) else struct


def is_list_message(message: Any) -> bool:
    """Tell whether a message was generated around an inner list."""
    return len(message.fields) == 1 and message.fields[0].name == "array" and message.fields[0].is_repeated


def _fields(members: list[tuple[str, t.DataType | None]]) -> tuple[t.StructField, ...]:
    return tuple(t.StructField(name, data_type) for name, data_type in members if data_type is not None)


def _pool() -> Any:
    pool = descriptor_pool.DescriptorPool()
    for module in _LIBRARY:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    return pool


def _add_common(pool: Any, name: str) -> None:
    pool.AddSerializedFile(parse_proto(_COMMON[name], name).descriptor.SerializeToString())


def oneof_name(field: Any) -> str | None:
    """Return what the struct of a field's oneof is called; None where it is in none.

    One that stands for the presence of its only field is none.
    """
    oneof = field.containing_oneof
    if oneof is None or (len(oneof.fields) == 1 and oneof.name == f"_{oneof.fields[0].name}"):
        return None
    return f"{oneof.name}_{oneof.index}"


def is_map(field: Any) -> bool:
    """Tell whether a field holds the entries of a map."""
    if field.message_type is None or not field.is_repeated:
        return False
    names = {f.name for f in field.message_type.fields}
    return bool(field.message_type.name.endswith(_ENTRY) and names == {"key", "value"})


def _is_real_map(field: Any) -> bool:
    return bool(field.message_type.GetOptions().map_entry)


def _filled(message: Any, value: Any) -> Any:
    """Set the fields of a message from a mapping."""
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a message, got {value!r}")
    upper = {str(key).upper(): item for key, item in value.items()}
    for field in message.DESCRIPTOR.fields:
        oneof = oneof_name(field)
        within: Mapping[str, Any] = value
        folded = upper
        if oneof is not None:
            within = upper.get(oneof.upper()) or {}
            folded = {str(key).upper(): item for key, item in within.items()}
        item = within[field.name] if field.name in within else folded.get(field.name.upper())
        if item is not None:
            _set(message, field, item)
    return message


def _set(message: Any, field: Any, value: Any) -> None:
    if is_map(field):
        _set_map(getattr(message, field.name), field, value)
    elif field.is_repeated:
        target = getattr(message, field.name)
        for item in value:
            if field.message_type is not None:
                _set_message(target.add(), _nothing(field.message_type) if item is None else item)
            else:
                target.append(_scalar(field, item))
    elif field.message_type is not None:
        target = getattr(message, field.name)
        target.SetInParent()
        _set_message(target, value)
    else:
        setattr(message, field.name, _scalar(field, value))


def _nothing(message: Any) -> Any:
    """What stands for a null where a message has to be: zero, or one without fields."""
    return 0 if message.full_name in _NUMBERS else {}


def _set_map(target: Any, field: Any, value: Any) -> None:
    entry = field.message_type.fields_by_name
    for key, item in value.items():
        if not _is_real_map(field):
            made = target.add()
            _set(made, entry["key"], key)
            if item is not None:
                _set(made, entry["value"], item)
        elif entry["value"].message_type is not None:
            message = entry["value"].message_type
            _set_message(target[_scalar(entry["key"], key)], _nothing(message) if item is None else item)
        else:
            target[_scalar(entry["key"], key)] = _scalar(entry["value"], item)


def _scalar(field: Any, value: Any) -> Any:
    if value is None:
        return _DEFAULTS.get(field.type, 0)  # a repeated field's own default is a list
    if field.type == FieldDescriptor.TYPE_BYTES:
        return base64.b64decode(value) if isinstance(value, str) else value
    if field.type == FieldDescriptor.TYPE_STRING:
        return plain_text(value)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return field.enum_type.values_by_name[value].number if isinstance(value, str) else int(value)
    return _WRITERS.get(field.cpp_type, plain_integer)(value)


def _set_message(target: Any, value: Any) -> None:
    name = target.DESCRIPTOR.full_name
    if name in WRAPPERS:
        target.value = _scalar(target.DESCRIPTOR.fields_by_name["value"], value)
    elif name == "google.protobuf.Timestamp":
        target.seconds, millis = divmod(int(value), 1000)
        target.nanos = millis * 1_000_000
    elif name == "google.type.Date":
        day = _EPOCH + datetime.timedelta(days=int(value))
        target.year, target.month, target.day = day.year, day.month, day.day
    elif name == "google.type.TimeOfDay":
        seconds, millis = divmod(int(value), 1000)
        target.hours, rest = divmod(seconds, 3600)
        target.minutes, target.seconds = divmod(rest, 60)
        target.nanos = millis * 1_000_000
    elif name == "confluent.type.Decimal":
        _set_decimal(target, value)
    elif is_list_message(target.DESCRIPTOR) and _is_whole(target.DESCRIPTOR.fields[0], value):
        _set(target, target.DESCRIPTOR.fields[0], value)
    else:
        _filled(target, value)


def _is_whole(field: Any, value: Any) -> bool:
    """Tell whether a value is what the only field of a list message takes, and not a mapping with that field."""
    if not isinstance(value, Mapping):
        return True
    inner = value.get(field.name) if len(value) == 1 else None
    return is_map(field) and not isinstance(inner, Mapping)


def _set_decimal(target: Any, value: Any) -> None:
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    sign, digits, exponent = exact.as_tuple()
    if int(exponent) > 0:
        sign, digits, exponent = fit_decimal(exact, t.Decimal(exact.adjusted() + 1, 0)).as_tuple()
    unscaled = int("".join(map(str, digits))) * (-1 if sign else 1)
    target.value = unscaled.to_bytes(
        (unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8 + 1, "big", signed=True
    )
    target.precision, target.scale = len(digits), -int(exponent)


def _plain(message: Any) -> Any:
    """Return a message as a mapping; absent fields that can be absent are None."""
    out: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        oneof = oneof_name(field)
        value = None if field.has_presence and not message.HasField(field.name) else _read(message, field)
        place = out if oneof is None else out.setdefault(oneof, {})
        place[field.name] = value
    return out


def _read(message: Any, field: Any) -> Any:
    value = getattr(message, field.name)
    if is_map(field):
        entry = field.message_type.fields_by_name
        if _is_real_map(field):
            return {key: _of(entry["value"], value[key]) for key in value}
        return {_read(item, entry["key"]): _read(item, entry["value"]) for item in value}
    if field.is_repeated:
        return [_of(field, item) for item in value]
    return _of(field, value)


def _of(field: Any, value: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_ENUM:
        known = field.enum_type.values_by_number.get(value)
        return str(value) if known is None else known.name
    if field.message_type is None:
        return value
    name = field.message_type.full_name
    if name in WRAPPERS:
        return value.value
    match name:
        case "google.protobuf.Timestamp":
            return value.seconds * 1000 + value.nanos // 1_000_000
        case "google.type.Date":
            return (datetime.date(value.year or 1, value.month or 1, value.day or 1) - _EPOCH).days
        case "google.type.TimeOfDay":
            return ((value.hours * 60 + value.minutes) * 60 + value.seconds) * 1000 + value.nanos // 1_000_000
        case "confluent.type.Decimal":
            unscaled = int.from_bytes(value.value, "big", signed=True)
            return Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -value.scale))
        case _:
            plain = _plain(value)
            return plain["array"] if is_list_message(field.message_type) else plain
