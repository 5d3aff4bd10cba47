"""Bytes that are no value of a schema are refused in words of the format, never with the name of an exception."""

from __future__ import annotations

import pytest

from kappaflow.errors import SerializationError
from kappaflow.serde.avro_codec import AvroCodec

SCHEMA = '{"type": "record", "name": "r", "fields": [{"name": "a", "type": ["null", "string"]}]}'


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"short", "the index of a union"),
        (b"", "ends too early"),
        (b"\x02\x08ab", "ends too early"),
        (b"\x02\x02\xff", "not UTF-8"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, told: str) -> None:
    with pytest.raises(SerializationError, match=told) as refused:
        AvroCodec(SCHEMA).decode(data)
    assert "Error(" not in str(refused.value)
