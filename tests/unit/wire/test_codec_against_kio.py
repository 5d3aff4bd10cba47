"""Our straight-line codec writes and reads exactly what kio does, for every version that the broker speaks."""

from __future__ import annotations

import io
import random
import uuid

import pytest

from kappaflow.broker.api_table import API_TABLE
from kappaflow.wire.codec import MalformedMessage, decode, encode_bytes
from kappaflow.wire.message import Message
from kappaflow.wire.protocol_schema import FieldSchema, StructSchema, body_schema, entity_class

CASES = [
    pytest.param(spec.key, version, direction, id=f"{spec.name}-v{version}-{direction}")
    for spec in API_TABLE.values()
    for version in range(spec.min_version, spec.max_version + 1)
    if not (spec.name == "Produce" and version < 3)
    for direction in ("request", "response")
]
INTEGER_BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}


def random_value(field: FieldSchema, rng: random.Random, depth: int = 0) -> object:
    """A value that fits the field; durations stay within what kio's timedelta can hold."""
    if field.name == "error_code" or field.name.endswith("error_code"):
        return rng.choice([0, 3, 22, 35, 79]) if field.kind == "int16" else 0
    if field.kind in INTEGER_BITS:
        limit = 2 ** (INTEGER_BITS[field.kind] - 1)
        # Counted in milliseconds: kio refuses values beyond what its durations can hold.
        limit = min(limit, 2**31 if field.name.endswith("_ms") else limit)
        low = 0 if field.name.endswith("_ms") else -limit
        return rng.choice([0, 1, limit - 1, low, rng.randrange(low, limit)])
    return {
        "bool": lambda: rng.random() < 0.5,
        "uint16": lambda: rng.randrange(2**16),
        "uint32": lambda: rng.randrange(2**32),
        "float64": lambda: rng.uniform(-1e9, 1e9),
        "string": lambda: rng.choice(["", "orders", "주문", "x" * 200]),
        "bytes": lambda: rng.randbytes(rng.choice([0, 3, 300])),
        "records": lambda: rng.randbytes(rng.choice([0, 61, 20000])),
        "uuid": lambda: uuid.UUID(int=rng.getrandbits(128)),
        "struct": lambda: random_struct(field.struct, rng, depth + 1),
    }[field.kind]()


def random_struct(schema: StructSchema | None, rng: random.Random, depth: int = 0) -> Message:
    assert schema is not None
    values = {}
    for field in schema.fields:
        if field.nullable and rng.random() < 0.3:
            values[field.name] = None
        elif field.tag is not None and rng.random() < 0.4:
            continue
        elif field.array:
            values[field.name] = [random_value(field, rng, depth) for _ in range(rng.choice([0, 1, 3]))]
        else:
            values[field.name] = random_value(field, rng, depth)
    return Message(**values)


@pytest.mark.parametrize(("api_key", "version", "direction"), CASES)
def test_bytes_equal_kio(api_key: int, version: int, direction: str) -> None:
    from kio.serial import entity_reader, entity_writer

    rng = random.Random(f"{api_key}.{version}.{direction}")
    cls = entity_class(api_key, version, direction)
    schema = body_schema(api_key, version, direction)
    for _ in range(5):
        ours = encode_bytes(api_key, version, direction, random_struct(schema, rng))
        entity, size = entity_reader(cls)(ours, 0)
        assert size == len(ours)
        with io.BytesIO() as sink:
            entity_writer(cls)(sink, entity)
            assert sink.getvalue() == ours
        again = decode(api_key, version, direction, memoryview(ours))
        assert encode_bytes(api_key, version, direction, again) == ours


@pytest.mark.parametrize(("api_key", "version", "direction"), CASES[:: max(1, len(CASES) // 40)])
def test_every_truncation_is_refused(api_key: int, version: int, direction: str) -> None:
    rng = random.Random(1)
    whole = encode_bytes(api_key, version, direction, random_struct(body_schema(api_key, version, direction), rng))
    for length in range(min(len(whole), 200)):
        with pytest.raises(MalformedMessage):
            decode(api_key, version, direction, memoryview(whole)[:length])


def test_records_are_views_not_copies() -> None:
    batch = bytes(range(100))
    request = Message(
        transactional_id=None,
        acks=-1,
        timeout_ms=1000,
        topic_data=[Message(name="t", partition_data=[Message(index=0, records=batch)])],
    )
    frame = bytearray(encode_bytes(0, 9, "request", request))
    decoded = decode(0, 9, "request", memoryview(frame))
    records = decoded.topic_data[0].partition_data[0].records
    assert isinstance(records, memoryview)
    assert bytes(records) == batch
    frame[frame.index(batch)] = 255
    assert records[0] == 255


def test_a_newer_version_fills_in_defaults() -> None:
    body = encode_bytes(
        11,
        0,
        "request",
        Message(group_id="g", session_timeout_ms=5, member_id="", protocol_type="consumer", protocols=[]),
    )
    decoded = decode(11, 0, "request", memoryview(body), newest=9)
    assert decoded.group_instance_id is None
    assert decoded.rebalance_timeout_ms == -1
