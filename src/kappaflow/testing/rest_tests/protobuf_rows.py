"""Rows of a Protobuf answer, compared with the text form that REST tests write them in."""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf import descriptor_pool, message_factory, text_format

from kappaflow.serde.protobuf_text import parse_proto


def same_protobuf_row(schema: str, expected: str, data: str) -> bool:
    """Tell whether a row in Base64 is the one whose text is `expected`.

    Entries of a map have no order, so they are sorted on both sides.
    """
    try:
        made = _message(schema)
        wanted, came = made(), made()
        text_format.Parse(expected, wanted)
        came.ParseFromString(base64.b64decode(data))
    except (TypeError, ValueError, KeyError, text_format.ParseError):
        return False
    return _sorted(wanted) == _sorted(came)


def _message(schema: str) -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(parse_proto(schema, "row.proto").descriptor.SerializeToString())
    first = next(iter(pool.FindFileByName("row.proto").message_types_by_name.values()))
    return message_factory.GetMessageClass(first)


def _sorted(message: Any) -> Any:
    """Return a message as plain values, its maps in the order of their keys."""
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.message_type is None:
            found[field.name] = list(value) if field.is_repeated else value
        elif field.is_repeated:
            items = [_sorted(item) for item in value]
            names = [each.name for each in field.message_type.fields]
            found[field.name] = sorted(items, key=repr) if names == ["key", "value"] else items
        else:
            found[field.name] = _sorted(value)
    return found
