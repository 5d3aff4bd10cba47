"""The steps from columns to a Protobuf message."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor as F

from kappaflow.serde import types as t
from kappaflow.serde.protobuf_codec import WRAPPERS, is_list_message, is_map, oneof_name
from kappaflow.serde.protobuf_plan import MEANINGS, SCALARS
from kappaflow.serde.record_plan import WHOLE_NUMBERS, Step, Unplannable, source_of

_NUMBERS = frozenset({F.TYPE_FLOAT, F.TYPE_DOUBLE})
_OTHERS: dict[int, type[t.DataType]] = {F.TYPE_BOOL: t.Boolean, F.TYPE_STRING: t.String, F.TYPE_BYTES: t.Bytes}


def protobuf_write_steps(message: Any, source: t.Struct) -> Step:
    """Return the steps that write a message.

    Args:
        message: its descriptor.
        source: the columns.

    Raises:
        Unplannable: the row form has to write it.
    """
    return ("fields", _fields(message, source), [], [])


def _fields(message: Any, source: t.DataType) -> list[Step]:
    """Return the steps of the fields that a column fills, in the order in which they are written."""
    if not isinstance(source, t.Struct):
        raise Unplannable
    steps: list[Step] = []
    for field in sorted(message.fields, key=lambda each: each.number):
        if field.is_required:
            raise Unplannable  # without it the row form has an error for each record
        oneof = oneof_name(field)
        if oneof is not None:
            if source_of(oneof, source.fields) is not None:
                raise Unplannable
            continue
        at = source_of(field.name, source.fields)
        if at is not None:
            steps.append(_field(field, source.fields[at].type, at))
    return steps


def _field(field: Any, source: t.DataType, at: int) -> Step:
    numbers = [field.number, at, int(field.has_presence), int(field.is_repeated), int(field.is_packed)]
    if is_map(field):
        if field.message_type.GetOptions().map_entry or not isinstance(source, t.Map) or source.key != t.STRING:
            raise Unplannable  # the library has an order of its own for the entries of a real map
        pair = t.Struct((t.StructField("key", t.STRING), t.StructField("value", source.value)))
        return ("map", [("fields", _fields(field.message_type, pair), [], [])], numbers, [])
    if field.is_repeated:
        if not isinstance(source, t.Array):
            raise Unplannable
        source = source.element
    if field.type == F.TYPE_ENUM:
        if not isinstance(source, t.String):
            raise Unplannable
        values = field.enum_type.values_by_name
        known = {name: values[name].number for name in values}
        return ("enum", [], [*numbers, *known.values()], [name.encode() for name in known])
    if field.type in SCALARS:
        return (_scalar(field, source), [], numbers, [])
    if field.type != F.TYPE_MESSAGE:
        raise Unplannable
    return _of_message(field.message_type, source, numbers)


def _scalar(field: Any, source: t.DataType) -> str:
    """Return the name of a scalar that takes values of a column type as they are."""
    other = _OTHERS.get(field.type)
    fits = isinstance(source, WHOLE_NUMBERS if other is None else other)
    if not fits and not (field.type in _NUMBERS and isinstance(source, t.Double)):
        raise Unplannable
    return SCALARS[field.type]


def _of_message(message: Any, source: t.DataType, numbers: list[int]) -> Step:
    if message.full_name in WRAPPERS:
        value = message.fields_by_name["value"]
        return ("wrapper", [(_scalar(value, source), [], [], [])], numbers, [])
    meaning = MEANINGS.get(message.full_name)
    if meaning is not None:
        if not isinstance(source, t.Decimal if meaning == "decimal" else WHOLE_NUMBERS):
            raise Unplannable
        return (meaning, [], numbers, [])
    if is_list_message(message) and not isinstance(source, t.Struct):
        if isinstance(source, t.Map) and isinstance(source.value, t.Map | t.Struct):
            raise Unplannable  # the row form tells such a map from a message around it by its keys
        return ("list", [_field(message.fields[0], source, 0)], numbers, [])
    if is_list_message(message) and is_map(message.fields[0]):
        raise Unplannable
    return ("message", [("fields", _fields(message, source), [], [])], numbers, [])
