"""The steps from a Protobuf message to columns."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor as F

from kappaflow.serde import types as t
from kappaflow.serde.protobuf_codec import WRAPPERS, is_list_message, is_map, oneof_name
from kappaflow.serde.record_plan import NO_COLUMN, Step, Unplannable, match_fields, position, struct_of

SCALARS = {
    F.TYPE_INT32: "int32",
    F.TYPE_INT64: "int64",
    F.TYPE_UINT32: "uint32",
    F.TYPE_UINT64: "uint64",
    F.TYPE_SINT32: "sint32",
    F.TYPE_SINT64: "sint64",
    F.TYPE_SFIXED32: "sfixed32",
    F.TYPE_SFIXED64: "sfixed64",
    F.TYPE_FIXED32: "fixed32",
    F.TYPE_FIXED64: "fixed64",
    F.TYPE_BOOL: "bool",
    F.TYPE_FLOAT: "float",
    F.TYPE_DOUBLE: "double",
    F.TYPE_STRING: "string",
    F.TYPE_BYTES: "bytes",
}
MEANINGS = {
    "google.protobuf.Timestamp": "timestamp",
    "google.type.Date": "date",
    "google.type.TimeOfDay": "time",
    "confluent.type.Decimal": "decimal",
}


def protobuf_steps(message: Any, wanted: t.Struct) -> Step:
    """Return the steps that read a message.

    Args:
        message: its descriptor.
        wanted: the columns.

    Raises:
        Unplannable: the row form has to read them.
    """
    return _message(message, wanted, ())


def _message(message: Any, wanted: t.Struct | None, above: tuple[str, ...]) -> Step:
    if message.full_name in above:
        raise Unplannable
    names = [oneof_name(field) or field.name for field in message.fields]
    found = match_fields(names, wanted.fields if wanted else ())
    steps: list[Step] = []
    for name, field, column in zip(names, message.fields, found, strict=True):
        if column is not None and name != field.name:
            raise Unplannable  # which of them is set, and clears the others, the row form knows
        steps.append(_field(field, column and column.type, position(wanted, column), (*above, message.full_name)))
    return ("fields", steps, [len(wanted.fields) if wanted else 0], [])


def _field(field: Any, wanted: t.DataType | None, column: int, above: tuple[str, ...], *, in_map: bool = False) -> Step:
    if field.is_required or (in_map and field.has_default_value):
        raise Unplannable
    numbers = [field.number, column, int(field.has_presence), int(field.is_repeated)]
    if is_map(field):
        return ("map", _entry(field, wanted, above), numbers, [])
    if field.is_repeated:
        if in_map:
            raise Unplannable
        if wanted is not None:
            if not isinstance(wanted, t.Array):
                raise Unplannable
            wanted = wanted.element
    if field.type == F.TYPE_ENUM:
        values = field.enum_type.values
        if values[0].number != 0 and (in_map or not field.has_presence):
            raise Unplannable
        # The last name of a number is the one that the row form finds.
        known = {value.number: field.enum_type.values_by_number[value.number].name for value in values}
        return ("enum", [], [*numbers, *known], [name.encode() for name in known.values()])
    if field.type in SCALARS:
        return (SCALARS[field.type], [], numbers, [])
    if field.type != F.TYPE_MESSAGE:
        raise Unplannable
    return _of_message(field.message_type, wanted, numbers, above)


def _entry(field: Any, wanted: t.DataType | None, above: tuple[str, ...]) -> list[Step]:
    entry = field.message_type.fields_by_name
    key, value = entry["key"], entry["value"]
    if (key.number, value.number) != (1, 2) or key.is_repeated or value.is_repeated:
        raise Unplannable
    if wanted is not None and (not isinstance(wanted, t.Map) or key.type != F.TYPE_STRING):
        raise Unplannable
    inner = wanted.value if isinstance(wanted, t.Map) else None
    return [
        _field(key, wanted and t.STRING, NO_COLUMN, above, in_map=True),
        _field(value, inner, NO_COLUMN, above, in_map=True),
    ]


def _of_message(message: Any, wanted: t.DataType | None, numbers: list[int], above: tuple[str, ...]) -> Step:
    if message.full_name in WRAPPERS:
        value = message.fields_by_name["value"]
        return ("wrapper", [(SCALARS[value.type], [], [], [])], numbers, [])
    meaning = MEANINGS.get(message.full_name)
    if meaning is not None:
        return (meaning, [], numbers, [])
    if wanted is not None and is_list_message(message):
        inner = _field(message.fields[0], wanted, 0, (*above, message.full_name))
        return ("list", [("fields", [inner], [1], [])], numbers, [])
    return ("message", [_message(message, struct_of(wanted), above)], numbers, [])
