"""Avro and Protobuf records of random schemas: the native kernel and the row form read the same.

Schemas, values and damage are random: schemas of several versions in one run of records, fields that columns lack and
columns that no field fills, packed and single elements, fields twice, unknown fields, wrong wire types, cut records.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kappaflow.kernel.selection import native_available
from kappaflow.serde import Serde, format_serde
from kappaflow.serde import types as t
from kappaflow.serde.arrow import array_to_values
from kappaflow.serde.avro_codec import AvroCodec
from kappaflow.serde.protobuf_codec import ProtobufCodec
from kappaflow.serde.schema import Column
from kappaflow.serde.schema_registry import MemorySchemaRegistry, SchemaText
from kappaflow.serde.wire_format import write_header
from kappaflow.testing.toolchain import required_toolchains
from random_schemas import DOUBLES, INTS, TEXTS, AvroWriter, ProtoWriter

pytestmark = pytest.mark.skipif(
    not native_available() and "rust" not in required_toolchains(), reason="the native kernel is not built"
)
SEEDS = st.integers(0, 2**32)
RECORDS = 12


def same(left: Any, right: Any) -> bool:
    """Equal, where a NaN equals itself, zeros have signs, and maps no order: the protobuf library gives them none."""
    return repr(_ordered(left)) == repr(_ordered(right))


def _ordered(value: Any) -> Any:
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return value


def check(serde: Serde, records: Sequence[bytes | None], chance: random.Random) -> None:
    data = pa.array(records, type=chance.choice([pa.binary(), pa.binary_view()]))
    size = len(serde.columns)
    projection = chance.choice([None, chance.sample(range(size), chance.randint(0, size))])
    native, twin = serde.decode(data, projection), Serde.decode(serde, data, projection)
    assert native.messages == twin.messages
    assert (native.valid is None) == (twin.valid is None)
    assert twin.valid is None or twin.valid.tolist() == native.valid.tolist()  # type: ignore[union-attr]
    wanted = range(size) if projection is None else projection
    for at, one, other in zip(wanted, native.columns, twin.columns, strict=True):
        assert one.type == other.type
        data_type = serde.columns[at].type
        assert same(array_to_values(one, data_type), array_to_values(other, data_type)), serde.columns


def reader_columns(found: t.DataType | None, chance: random.Random) -> tuple[Column, ...]:
    """Columns for a schema: some of its fields, in another order and case, and now and then another type."""
    fields = list(found.fields) if isinstance(found, t.Struct) else []
    chance.shuffle(fields)
    columns: dict[str, t.DataType] = {}
    for field in fields[: chance.randint(0, len(fields))] if chance.random() < 0.3 else fields:
        other = chance.choice([t.STRING, t.BIGINT, t.DOUBLE, t.INTEGER, t.Decimal(20, 3), t.Array(t.STRING)])
        columns[chance.choice([field.name, field.name.upper()])] = other if chance.random() < 0.1 else field.type
    if not columns or chance.random() < 0.3:
        columns["MISSING"] = chance.choice([t.STRING, t.Array(t.BIGINT), t.Struct((t.StructField("Z", t.DATE),))])
    return tuple(Column(name, data_type) for name, data_type in columns.items())


def damaged(record: bytes, chance: random.Random) -> bytes | None:
    match chance.randrange(14):
        case 0:
            return record[: chance.randint(0, len(record))]
        case 1 if len(record) > 5:
            at = chance.randrange(5, len(record))
            return record[:at] + bytes([record[at] ^ 1 << chance.randrange(8)]) + record[at + 1 :]
        case 2:
            return record + chance.randbytes(chance.randint(1, 6))
        case 3:
            return None
        case _:
            return record


@settings(max_examples=150)
@given(SEEDS)
def test_avro_records_of_several_schemas(seed: int) -> None:
    chance = random.Random(seed)
    registry = MemorySchemaRegistry()
    writers = [AvroWriter(chance) for _ in range(chance.choice([1, 1, 2]))]
    ids = [registry.register("t-value", SchemaText("AVRO", json.dumps(writer.node))) for writer in writers]
    columns = reader_columns(AvroCodec(json.dumps(writers[0].node)).data_type, chance)
    serde = format_serde("AVRO", columns, is_key=False, topic="t", registry=registry)
    records = []
    for _ in range(RECORDS):
        writer = chance.randrange(len(writers))
        records.append(damaged(write_header(ids[writer]) + writers[writer].bytes_of(), chance))
    check(serde, records, chance)


@settings(max_examples=60)
@given(SEEDS)
def test_avro_values_without_a_record(seed: int) -> None:
    chance = random.Random(seed)
    registry = MemorySchemaRegistry()
    writer = AvroWriter(chance)
    writer.node, writer.value = writer.type(1)
    schema_id = registry.register("t-value", SchemaText("AVRO", json.dumps(writer.node)))
    data_type = AvroCodec(json.dumps(writer.node)).data_type or t.STRING
    if isinstance(data_type, t.Struct):
        return
    serde = format_serde("AVRO", (Column("V", data_type),), is_key=False, unwrapped=True, topic="t", registry=registry)
    check(serde, [damaged(write_header(schema_id) + writer.bytes_of(), chance) for _ in range(RECORDS)], chance)


@settings(max_examples=200)
@example(1000496)  # an entry of a map with an unknown field
@given(SEEDS)
def test_protobuf_records_of_several_schemas(seed: int) -> None:
    chance = random.Random(seed)
    registry = MemorySchemaRegistry()
    writers = [ProtoWriter(chance) for _ in range(chance.choice([1, 1, 2]))]
    ids = [registry.register("t-value", SchemaText("PROTOBUF", writer.text)) for writer in writers]
    columns = reader_columns(ProtobufCodec(writers[0].text, framed=True).data_type, chance)
    serde = format_serde("PROTOBUF", columns, is_key=False, topic="t", registry=registry)
    records = []
    for _ in range(RECORDS):
        writer = chance.randrange(len(writers))
        path = chance.choice([b"\x00"] * 9 + [b"\x02\x00", b"\x02\x08"])
        records.append(damaged(write_header(ids[writer]) + path + writers[writer].body(), chance))
    check(serde, records, chance)


@settings(max_examples=60)
@given(SEEDS)
def test_own_schemas_with_nulls(seed: int) -> None:
    chance = random.Random(seed)
    struct_type = t.Struct((t.StructField("X", t.INTEGER), t.StructField("Y", t.Array(t.STRING))))
    types: list[tuple[t.DataType, Sequence[Any]]] = [
        (t.BOOLEAN, [True, False]), (t.INTEGER, INTS[:7]), (t.BIGINT, INTS), (t.DOUBLE, DOUBLES), (t.STRING, TEXTS),
        (t.BYTES, [b"", b"\xff"]), (t.DATE, [0, -1, 19_000]), (t.TIME, [0, 86_399_999]), (t.TIMESTAMP, [0, -1, 10**12]),
        (t.Array(t.BIGINT), [[], [1, 2]]), (t.Map(t.STRING, t.STRING), [{}, {"a": "b", "": "c"}]),
        (struct_type, [{"X": 1, "Y": ["q"]}, {"X": -1, "Y": []}]), (t.Array(struct_type), [[{"X": 0, "Y": [""]}], []]),
        (t.Map(t.STRING, t.Array(t.INTEGER)), [{"k": [1]}, {}]), (t.Array(t.Array(t.STRING)), [[["a"], []]]),
    ]  # fmt: skip
    picked = chance.sample(types, chance.randint(1, 6))
    columns = tuple(Column(f"C{at}", data_type) for at, (data_type, _) in enumerate(picked))
    name = chance.choice(["AVRO", "PROTOBUF", "PROTOBUF_NOSR", "JSON_SR"])
    properties = {}
    if name.startswith("PROTOBUF"):
        properties["nullableRepresentation"] = chance.choice(["", "optional", "wrapper"])
    serde = format_serde(name, columns, is_key=False, topic="t", properties=properties, registry=MemorySchemaRegistry())
    rows = [tuple(None if chance.random() < 0.2 else chance.choice(v) for _, v in picked) for _ in range(RECORDS)]
    check(serde, [None if chance.random() < 0.1 else serde.serialize(row) for row in rows], chance)
