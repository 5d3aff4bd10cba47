"""Our straight-line codec writes and reads exactly what kio does, for every version that the broker speaks."""

from __future__ import annotations

import io
import random

import pytest

from kappaflow.broker.api_table import API_TABLE
from kappaflow.testing.random_messages import random_struct
from kappaflow.wire.codec import MalformedMessage, decode, encode_bytes
from kappaflow.wire.message import Message
from kappaflow.wire.protocol_schema import body_schema, entity_class

CASES = [
    pytest.param(spec.key, version, direction, id=f"{spec.name}-v{version}-{direction}")
    for spec in API_TABLE.values()
    for version in range(spec.min_version, spec.max_version + 1)
    if not (spec.name == "Produce" and version < 3)
    for direction in ("request", "response")
]


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
