"""Columns to records with schemas: the native kernel and the row form write the same bytes, and refuse the same rows.

Types, values, nulls and schemas are random: schemas of the columns, and given ones whose fields differ from the
columns in order, case, type and number.  The rows come in batches of every size.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.errors import ConfigError, SerializationError
from kappaflow.kernel.selection import USE_NATIVE, native_available
from kappaflow.serde import Serde, format_serde
from kappaflow.serde import types as t
from kappaflow.serde.arrow import values_to_array
from kappaflow.serde.avro_codec import AvroCodec
from kappaflow.serde.protobuf_codec import ProtobufCodec
from kappaflow.serde.schema import Column
from kappaflow.serde.schema_registry import MemorySchemaRegistry, SchemaText
from kappaflow.testing.toolchain import required_toolchains
from random_schemas import DOUBLES, INTS, TEXTS, AvroWriter, ProtoWriter

pytestmark = pytest.mark.skipif(
    not native_available() and "rust" not in required_toolchains(), reason="the native kernel is not built"
)

SEEDS = st.integers(0, 2**32)
ROWS = 14
FORMATS = ["AVRO", "PROTOBUF", "PROTOBUF_NOSR", "JSON_SR"]
SCALARS: dict[t.DataType, list[Any]] = {
    t.BOOLEAN: [True, False],
    t.INTEGER: INTS[:7],
    t.BIGINT: INTS,
    t.DOUBLE: [*DOUBLES, 1e-50, 3.4e38, 0.1],
    t.STRING: [*TEXTS, "\0", 'q"\\\n', "y" * 200, "A", "BLUE"],
    t.BYTES: [b"", b"\x00", b"\xff\x01", b"abc", b"z" * 130],
    t.DATE: [0, -1, 19_000, -719_162, 2_932_896, 11_016, -719_163, 2_932_897],
    t.TIME: [0, 1, 86_399_999, 3_723_004],
    t.TIMESTAMP: [0, -1, 10**12, 999, -1000, 253_402_300_799_999],
}
EDGES: dict[t.DataType, int] = {t.DATE: 2}
"""How many of the last values most examples leave out: those that some formats cannot write."""


class Values:
    """Random types, and values of them.

    Args:
        nulls: how often a value is null.
        edges: whether values are among them that some format cannot write.
    """

    def __init__(self, chance: random.Random, nulls: float, *, edges: bool) -> None:
        self.chance = chance
        self.nulls = nulls
        self.edges = edges

    def type(self, depth: int) -> t.DataType:
        match self.chance.randrange(11 if depth <= 0 else 16):
            case 0:
                precision = self.chance.choice([1, 6, 18, 38])
                return t.Decimal(precision, self.chance.randint(0, min(precision, 9)))
            case 10 | 11:
                return t.Array(self.type(depth - 1))
            case 12 | 13:
                return t.Map(t.STRING, self.type(depth - 1))
            case 14 | 15:
                names = self.chance.sample(["X", "y", "Z", "array", "key"], self.chance.randint(1, 3))
                return t.Struct(tuple(t.StructField(name, self.type(depth - 1)) for name in names))
            case _:
                return self.chance.choice(list(SCALARS))

    def value(self, data_type: t.DataType) -> Any:
        if self.chance.random() < self.nulls:
            return None
        match data_type:
            case t.Decimal(precision, scale):
                digits = self.chance.choice([0, 1, 5, 10**precision - 1, self.chance.randrange(10**precision)])
                return Decimal((self.chance.randint(0, 1) if digits else 0, tuple(map(int, str(digits))), -scale))
            case t.Array(element):
                return [self.value(element) for _ in range(self.chance.choice([0, 1, 2, 3, 40]))]
            case t.Map(_, value):
                size = self.chance.choice([0, 1, 2, 20])
                names = [*self.chance.sample(TEXTS, min(size, 5)), *(f"k{at}" for at in range(5, size))]
                return {name: self.value(value) for name in names}
            case t.Struct(fields):
                return {field.name: self.value(field.type) for field in fields}
            case _:
                known = SCALARS[data_type]
                return self.chance.choice(known if self.edges else known[: len(known) - EDGES.get(data_type, 0)])


def check(serde: Serde, rows: Sequence[tuple[Any, ...]], chance: random.Random) -> None:
    """Write the rows in random batches in both forms."""
    at = 0
    while at < len(rows):
        size = chance.randint(1, len(rows))
        batch = rows[at : at + size]
        columns = [
            varied(values_to_array([row[position] for row in batch], column.type), chance)
            for position, column in enumerate(serde.columns)
        ]
        valid = np.array([chance.random() < 0.8 for _ in batch]) if chance.random() < 0.5 else None
        native = outcome(lambda: serde.encode(columns, valid, len(batch)))  # noqa: B023 - called here
        twin = outcome(lambda: Serde.encode(serde, columns, valid, len(batch)))  # noqa: B023
        assert native == twin, (serde.name, [str(column.type) for column in serde.columns])
        at += size


def outcome(write: Callable[[], Any]) -> Any:
    """Return the records, or why there are none."""
    try:
        written = write()
    except (SerializationError, ConfigError) as error:
        return str(error)
    assert written.type == pa.binary()
    return written.to_pylist()


def varied(array: Any, chance: random.Random) -> Any:
    """Return the same values in another layout: a part of a longer array, or views."""
    if chance.random() < 0.3:
        padded = pa.concat_arrays([array[:1], array, array[:2]])
        array = padded[1 : 1 + len(array)]
    if array.type == pa.string() and chance.random() < 0.2:
        return array.cast(pa.string_view())
    return array


def columns_of(values: Values, count: int) -> tuple[Column, ...]:
    return tuple(Column(chance_name(values.chance, at), values.type(2)) for at in range(count))


def chance_name(chance: random.Random, at: int) -> str:
    return f"{chance.choice(['C', 'c', 'Col_'])}{at}"


def rows_of(values: Values, columns: Sequence[Column]) -> list[tuple[Any, ...]]:
    return [tuple(values.value(column.type) for column in columns) for _ in range(ROWS)]


@settings(max_examples=250)
@given(SEEDS)
def test_columns_with_their_own_schema(seed: int) -> None:
    chance = random.Random(seed)
    values = Values(chance, chance.choice([0, 0, 0.1, 0.4]), edges=chance.random() < 0.2)
    columns = columns_of(values, chance.randint(1, 5))
    name = chance.choice(FORMATS)
    properties = {}
    if name.startswith("PROTOBUF"):
        properties["nullableRepresentation"] = chance.choice(["", "optional", "wrapper"])
    serde = format_serde(
        name,
        columns,
        is_key=False,
        topic="t",
        properties=properties,
        registry=MemorySchemaRegistry(),
        unwrapped=len(columns) == 1 and chance.random() < 0.7,
    )
    check(serde, rows_of(values, columns), chance)


@pytest.mark.parametrize("name", ["AVRO", "PROTOBUF", "PROTOBUF_NOSR"])
@pytest.mark.parametrize("nullable", ["", "optional", "wrapper"])
def test_own_schemas_are_written_natively(name: str, nullable: str) -> None:
    if not USE_NATIVE:
        pytest.skip("the twins were chosen")
    chance = random.Random(7)
    inner = t.Struct((t.StructField("X", t.INTEGER), t.StructField("Y", t.Map(t.STRING, t.Array(t.DATE)))))
    types = [*SCALARS, t.Decimal(12, 3), t.Array(t.BIGINT), t.Array(t.Array(t.STRING)), inner, t.Array(inner)]
    types += [t.Map(t.STRING, t.DOUBLE), t.Array(t.Map(t.STRING, t.TIMESTAMP)), t.Map(t.STRING, inner)]
    columns = tuple(Column(f"C{at}", data_type) for at, data_type in enumerate(types))
    properties = {"nullableRepresentation": nullable} if name != "AVRO" else {}
    serde: Any = format_serde(
        name, columns, is_key=False, topic="t", properties=properties, registry=MemorySchemaRegistry()
    )
    rows = rows_of(Values(chance, 0.0, edges=False), columns)
    arrays = [values_to_array([row[at] for row in rows], column.type) for at, column in enumerate(columns)]
    refused: list[Any] = []
    serialize = serde.serialize
    serde.serialize = lambda row: refused.append(row) or serialize(row)
    written = serde.encode(arrays).to_pylist()
    assert refused == []
    assert written == [serialize(row) for row in rows]


def writer_columns(found: Any, values: Values) -> tuple[Column, ...]:
    """Columns for a given schema: most of its fields, in another order and case, and now and then another type."""
    chance = values.chance
    fields = list(found.fields) if isinstance(found, t.Struct) else []
    chance.shuffle(fields)
    columns: dict[str, t.DataType] = {}
    for field in fields:
        if chance.random() < 0.1:
            continue
        data_type = values.type(1) if chance.random() < 0.15 else field.type
        columns[chance.choice([field.name, field.name, field.name.upper()])] = data_type
    if not columns or chance.random() < 0.2:
        columns["MORE"] = values.type(1)
    return tuple(Column(name, data_type) for name, data_type in columns.items())


def has_values(data_type: t.DataType) -> bool:
    match data_type:
        case t.Array(element):
            return has_values(element)
        case t.Map(key, value):
            return key == t.STRING and has_values(value)
        case t.Struct(fields):
            return bool(fields) and all(has_values(field.type) for field in fields)
        case t.Decimal(precision, scale):
            return precision <= 38 and scale <= precision
        case _:
            return True


def with_defaults(node: Any, chance: random.Random) -> Any:
    """Give fields of a record defaults, of null and of others."""
    for field in node["fields"]:
        kind = field["type"]
        if isinstance(kind, list) and kind[0] == "null" and chance.random() < 0.5:
            field["default"] = None
        elif kind in ("int", "long") and chance.random() < 0.5:
            field["default"] = 9
        elif kind == "string" and chance.random() < 0.5:
            field["default"] = "d"
    return node


@settings(max_examples=250)
@given(SEEDS)
def test_columns_with_a_given_avro_schema(seed: int) -> None:
    chance = random.Random(seed)
    values = Values(chance, chance.choice([0, 0, 0.05, 0.3]), edges=True)
    node = with_defaults(AvroWriter(chance).node, chance)
    if chance.random() < 0.2:
        node["fields"].append({"name": "u", "type": ["null", "string", "long"]})
    registry = MemorySchemaRegistry()
    schema_id = registry.register("t-value", SchemaText("AVRO", json.dumps(node)))
    columns = tuple(
        Column(c.name, c.type if has_values(c.type) else t.STRING)
        for c in writer_columns(AvroCodec(json.dumps(node)).data_type, values)
    )
    properties = {"schemaId": str(schema_id)}
    serde = format_serde("AVRO", columns, is_key=False, topic="t", properties=properties, registry=registry)
    check(serde, rows_of(values, columns), chance)


@settings(max_examples=250)
@given(SEEDS)
def test_columns_with_a_given_protobuf_schema(seed: int) -> None:
    chance = random.Random(seed)
    values = Values(chance, chance.choice([0, 0, 0.05, 0.3]), edges=True)
    text = ProtoWriter(chance).text
    registry = MemorySchemaRegistry()
    schema_id = registry.register("t-value", SchemaText("PROTOBUF", text))
    columns = tuple(
        Column(c.name, c.type if has_values(c.type) else t.STRING)
        for c in writer_columns(ProtobufCodec(text, framed=True).data_type, values)
    )
    properties = {"schemaId": str(schema_id)}
    serde = format_serde("PROTOBUF", columns, is_key=False, topic="t", properties=properties, registry=registry)
    check(serde, rows_of(values, columns), chance)


def test_a_given_json_schema_has_its_other_properties_as_null() -> None:
    registry = MemorySchemaRegistry()
    node = {"type": "object", "properties": {"A": {"type": "integer"}, "B": {"type": "string"}}}
    schema_id = registry.register("t-value", SchemaText("JSON", json.dumps(node)))
    properties = {"schemaId": str(schema_id)}
    columns = (Column("A", t.BIGINT),)
    serde = format_serde("JSON_SR", columns, is_key=False, topic="t", properties=properties, registry=registry)
    header = b"\0" + schema_id.to_bytes(4, "big")
    written = serde.encode([pa.array([1, None])], np.array([True, True])).to_pylist()
    assert written == [header + b'{"A":1,"B":null}', header + b'{"A":null,"B":null}']
    assert written == [serde.serialize((1,)), serde.serialize((None,))]


def test_records_that_are_not_there_register_no_schema() -> None:
    for name in FORMATS:
        registry = MemorySchemaRegistry()
        serde = format_serde(name, (Column("A", t.BIGINT),), is_key=False, topic="t", registry=registry)
        assert serde.encode([pa.array([1, 2])], np.array([False, False])).to_pylist() == [None, None]
        assert registry.latest("t-value") is None
