"""Formats whose records have registered schemas: bytes, generated schemas, lenient reading."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from kappaflow.errors import ConfigError, SerializationError
from kappaflow.serde import types as t
from kappaflow.serde.avro_codec import AvroCodec
from kappaflow.serde.formats import format_serde
from kappaflow.serde.json_schema import json_schema, type_of_json_schema
from kappaflow.serde.protobuf_codec import ProtobufCodec
from kappaflow.serde.schema import Column
from kappaflow.serde.schema_registry import MemorySchemaRegistry, Reference, SchemaText
from kappaflow.serde.wire_format import read_message_path, write_header, write_message_path

STRUCT = t.Struct((t.StructField("X", t.INTEGER), t.StructField("Y", t.STRING)))
COLUMNS: tuple[tuple[str, t.DataType, Any], ...] = (
    ("B", t.BOOLEAN, True),
    ("I", t.INTEGER, -3),
    ("L", t.BIGINT, 1 << 40),
    ("D", t.DOUBLE, 1.5),
    ("N", t.Decimal(6, 2), Decimal("-12.30")),
    ("S", t.STRING, "é"),
    ("R", t.BYTES, b"\x00\xff"),
    ("DT", t.DATE, 19000),
    ("TM", t.TIME, 3_723_004),
    ("TS", t.TIMESTAMP, 1_600_000_000_123),
    ("A", t.Array(t.STRING), ["a", "b"]),
    ("M", t.Map(t.STRING, t.BIGINT), {"k": 1}),
    ("ST", STRUCT, {"X": 1, "Y": "z"}),
    ("AS", t.Array(STRUCT), [{"X": 2, "Y": ""}]),
)
ROW = tuple(value for _, _, value in COLUMNS)
SCHEMA = tuple(Column(name, data_type) for name, data_type, _ in COLUMNS)
FORMATS = ["AVRO", "JSON_SR", "PROTOBUF", "PROTOBUF_NOSR"]


def _serde(name: str, columns: tuple[Column, ...], registry: MemorySchemaRegistry, **properties: str) -> Any:
    return format_serde(name, columns, is_key=False, topic="t", properties=properties, registry=registry)


@pytest.mark.parametrize("name", FORMATS)
def test_every_type_comes_back(name: str) -> None:
    serde = _serde(name, SCHEMA, MemorySchemaRegistry())
    assert serde.deserialize(serde.serialize(ROW)) == ROW


@pytest.mark.parametrize("name", FORMATS)
def test_columns_decode_as_rows_do(name: str) -> None:
    serde = _serde(name, SCHEMA, MemorySchemaRegistry())
    records = [serde.serialize(ROW), None, serde.serialize(ROW), b"\x01" * 9]
    import pyarrow as pa

    decoded = serde.decode(pa.array(records, type=pa.binary()), [1, 5])
    assert [column.to_pylist() for column in decoded.columns] == [[-3, None, -3, None], ["é", None, "é", None]]
    assert list(decoded.messages) == [3]


@pytest.mark.parametrize("nullable", ["optional", "wrapper"])
@pytest.mark.parametrize("name", ["PROTOBUF", "PROTOBUF_NOSR"])
def test_protobuf_keeps_nulls_where_it_is_told_to(name: str, nullable: str) -> None:
    columns = SCHEMA[:4]
    serde = _serde(name, columns, MemorySchemaRegistry(), nullableRepresentation=nullable)
    assert serde.deserialize(serde.serialize((None, 0, None, 0.0))) == (None, 0, None, 0.0)


def test_protobuf_scalars_that_are_null_come_back_as_defaults() -> None:
    serde = _serde("PROTOBUF", SCHEMA[:4], MemorySchemaRegistry())
    assert serde.deserialize(serde.serialize((None, None, None, None))) == (False, 0, 0, 0.0)


@pytest.mark.parametrize("name", ["AVRO", "PROTOBUF"])
def test_records_of_another_format_are_bad_records(name: str) -> None:
    import pyarrow as pa

    registry = MemorySchemaRegistry()
    column = (Column("S", t.STRING),)
    record = _serde("JSON_SR", column, registry).serialize(("a",))
    serde = _serde(name, column, registry)
    with pytest.raises(SerializationError, match="schema with id"):
        serde.deserialize(record)
    good = serde.serialize(("b",))
    assert list(serde.decode(pa.array([good, record], type=pa.binary())).messages) == [1]


@pytest.mark.parametrize("name", ["PROTOBUF", "PROTOBUF_NOSR"])
def test_nulls_in_lists_of_protobuf_come_back_as_defaults(name: str) -> None:
    types = (t.BOOLEAN, t.INTEGER, t.DOUBLE, t.STRING, t.BYTES, t.Decimal(4, 1), t.DATE, t.TIME, t.TIMESTAMP)
    columns = tuple(Column(f"C{i}", t.Array(data_type)) for i, data_type in enumerate(types))
    serde = _serde(name, columns, MemorySchemaRegistry())
    row = serde.deserialize(serde.serialize(([None],) * len(types)))
    assert row == ([False], [0], [0.0], [""], [b""], [Decimal(0)], [0], [0], [0])


@pytest.mark.parametrize("name", ["AVRO", "JSON_SR"])
def test_nulls_come_back_everywhere(name: str) -> None:
    serde = _serde(name, SCHEMA, MemorySchemaRegistry())
    row = (None,) * len(SCHEMA)
    assert serde.deserialize(serde.serialize(row)) == row
    nested = _serde(name, SCHEMA[10:13], MemorySchemaRegistry())
    row = ([None, "a"], {"k": None}, {"X": None, "Y": None})
    assert nested.deserialize(nested.serialize(row)) == row


def test_avro_bytes_are_the_header_and_the_value() -> None:
    registry = MemorySchemaRegistry()
    serde = _serde("AVRO", (Column("A", t.INTEGER), Column("B", t.STRING)), registry)
    assert serde.serialize((5, "hi")) == write_header(1) + b"\x02\x0a\x02\x04hi"
    latest = registry.latest("t-value")
    assert latest is not None
    assert json.loads(latest.schema.text) == {
        "type": "record",
        "name": "KsqlDataSourceSchema",
        "namespace": "io.confluent.ksql.avro_schemas",
        "fields": [
            {"name": "A", "type": ["null", "int"], "default": None},
            {"name": "B", "type": ["null", "string"], "default": None},
        ],
        "connect.name": "io.confluent.ksql.avro_schemas.KsqlDataSourceSchema",
    }


def test_a_reader_takes_what_another_schema_wrote() -> None:
    registry = MemorySchemaRegistry()
    writer = {"type": "record", "name": "W", "fields": [{"name": "b", "type": "int"}, {"name": "x", "type": "string"}]}
    schema_id = registry.register("t-value", SchemaText("AVRO", json.dumps(writer)))
    data = write_header(schema_id) + AvroCodec(json.dumps(writer)).encode({"b": 7, "x": "gone"})
    serde = _serde("AVRO", (Column("A", t.INTEGER), Column("B", t.STRING)), registry)
    assert serde.deserialize(data) == (None, "7")


def test_a_value_of_another_type_is_an_error_that_says_where() -> None:
    registry = MemorySchemaRegistry()
    writer = _serde("AVRO", (Column("A", t.STRING),), registry)
    reader = _serde("AVRO", (Column("A", t.INTEGER),), registry)
    with pytest.raises(SerializationError, match=r"Cannot deserialize type str as type INTEGER, path: \$\.A"):
        reader.deserialize(writer.serialize(("x",)))


@pytest.mark.parametrize("data", [b"", b"\x00\x00", b"\x01\x00\x00\x00\x01x"])
def test_bytes_without_a_header_are_refused(data: bytes) -> None:
    serde = _serde("AVRO", (Column("A", t.STRING),), MemorySchemaRegistry())
    with pytest.raises(SerializationError, match=r"magic|too small"):
        serde.deserialize(data)


def test_a_given_schema_id_is_written_and_its_defaults_fill_in() -> None:
    registry = MemorySchemaRegistry()
    text = json.dumps(
        {
            "type": "record",
            "name": "R",
            "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "int", "default": 9}],
        }
    )
    registry.register_as("other", SchemaText("AVRO", text), 77)
    serde = _serde("AVRO", (Column("a", t.INTEGER),), registry, schemaId="77")
    data = serde.serialize((1,))
    assert data is not None
    assert data[:5] == write_header(77)
    assert AvroCodec(text).decode(data[5:]) == {"a": 1, "b": 9}


def test_a_single_value_can_be_bare() -> None:
    registry = MemorySchemaRegistry()
    for name in ("AVRO", "JSON_SR"):
        serde = format_serde(
            name, (Column("A", t.INTEGER),), is_key=True, unwrapped=True, topic=name, registry=registry
        )
        assert serde.deserialize(serde.serialize((4,))) == (4,)
        assert serde.serialize((None,)) is None


def test_a_name_that_avro_does_not_allow_is_refused() -> None:
    with pytest.raises(ConfigError, match="Illegal initial character: 1A"):
        _serde("AVRO", (Column("1A", t.INTEGER),), MemorySchemaRegistry())


def test_without_a_registry_the_message_names_the_setting() -> None:
    serde = format_serde("AVRO", (Column("A", t.INTEGER),), is_key=False, topic="t")
    with pytest.raises(ConfigError, match=r"ksql\.schema\.registry\.url"):
        serde.serialize((1,))


def test_the_path_of_a_message_is_short_for_the_first_one() -> None:
    for path in ([0], [1], [2, 0, 70]):
        data = write_message_path(path)
        assert read_message_path(data, 0) == (path, len(data))
    with pytest.raises(SerializationError, match="end too early"):
        read_message_path(b"\x04\x02", 0)


def test_proto_files_are_read() -> None:
    text = """
    syntax = "proto3"; // a comment
    package shop.v1;
    import "other.proto";
    option java_package = "x";
    message Order {
      reserved 9, 10 to 12;
      enum State { OPEN = 0; PAID = 1 [deprecated = true]; }
      int64 id = 1; State state = 2; repeated Line lines = 3; map<string, double> tags = 4;
      optional string note = 5; other.Address address = 6;
      oneof pay { string card = 7; uint32 cash = 8; }
      message Line { string sku = 1; }
    }
    service S { rpc Get (Order) returns (Order) {} }
    """
    other = 'syntax = "proto3"; package other; message Address { string city = 1; }'
    codec = ProtobufCodec(text, {"other.proto": other}, "shop.v1.Order", framed=True)
    assert str(codec.data_type) == (
        "STRUCT<`id` BIGINT, `state` STRING, `lines` ARRAY<STRUCT<`sku` STRING>>, `tags` MAP<STRING, DOUBLE>, "
        "`note` STRING, `address` STRUCT<`city` STRING>, `pay_0` STRUCT<`card` STRING, `cash` BIGINT>>"
    )
    value = {"ID": 5, "state": "PAID", "lines": [{"sku": "a"}], "tags": {"x": 1.5}, "pay_0": {"cash": 3}}
    assert codec.decode(codec.encode(value)) == {
        "id": 5, "state": "PAID", "lines": [{"sku": "a"}], "tags": {"x": 1.5}, "note": None, "address": None,
        "pay_0": {"card": None, "cash": 3},
    }  # fmt: skip


@pytest.mark.parametrize("text", ["message {", "message A { int32 x; }", "%%%", "message A { Nope x = 1; }"])
def test_a_broken_proto_file_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="Not a Protobuf schema"):
        ProtobufCodec(text, framed=True)


def test_json_schemas_are_read_through_references_and_choices() -> None:
    text = json.dumps({
        "definitions": {"P": {"type": "object", "properties": {"x": {"type": "integer", "connect.type": "int32"}}}},
        "type": "object",
        "properties": {
            "b": {"connect.index": 1, "oneOf": [{"type": "null"}, {"$ref": "#/definitions/P"}]},
            "a": {"connect.index": 0, "type": ["null", "string"]},
            "c": {"connect.index": 2, "$ref": "c.json"},
        },
    })  # fmt: skip
    found = type_of_json_schema(text, {"c.json": '{"type": "array", "items": {"type": "number"}}'})
    assert str(found) == "STRUCT<`a` STRING, `b` STRUCT<`x` INTEGER>, `c` ARRAY<DOUBLE>>"


def test_generated_json_schemas_read_back_as_their_types() -> None:
    record = t.Struct(tuple(t.StructField(name, data_type) for name, data_type, _ in COLUMNS))
    assert type_of_json_schema(json.dumps(json_schema(record))) == record


def test_equal_schemas_have_one_id_and_subjects_have_versions() -> None:
    registry = MemorySchemaRegistry()
    assert registry.register("a", SchemaText("AVRO", '"int"')) == 1
    assert registry.register("a", SchemaText("AVRO", ' "int" ')) == 1
    assert registry.register("b", SchemaText("AVRO", '"int"')) == 1
    assert registry.register("a", SchemaText("AVRO", '"long"')) == 2
    latest, first = registry.latest("a"), registry.version("a", 1)
    assert latest is not None and first is not None
    assert (latest.version, latest.id, first.id) == (2, 2, 1)


def test_a_reference_that_is_not_registered_is_named() -> None:
    registry = MemorySchemaRegistry()
    schema = SchemaText(
        "PROTOBUF", 'syntax = "proto3"; import "e.proto"; message M { E e = 1; }', (Reference("e.proto", "e", 1),)
    )
    schema_id = registry.register("t-value", schema)
    serde = _serde("PROTOBUF", (Column("E", STRUCT),), registry)
    with pytest.raises(ConfigError, match=r"refers to 'e\.proto', which is not registered: subject e, version 1"):
        serde.deserialize(write_header(schema_id) + b"\x00")


def test_json_with_a_given_schema_writes_every_property_of_it() -> None:
    registry = MemorySchemaRegistry()
    text = json.dumps({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}})
    registry.register_as("other", SchemaText("JSON", text), 5)
    serde = _serde("JSON_SR", (Column("a", t.BIGINT),), registry, schemaId="5")
    assert serde.serialize((1,)) == write_header(5) + b'{"a":1,"b":null}'
    assert serde.deserialize(serde.serialize((1,))) == (1,)


@pytest.mark.parametrize("name", ["PROTOBUF", "PROTOBUF_NOSR"])
def test_protobuf_keeps_the_maps_of_an_array(name: str) -> None:
    columns = (Column("A", t.Array(t.Map(t.STRING, t.BIGINT))),)
    serde = _serde(name, columns, MemorySchemaRegistry())
    row = ([{"a": 1, "b": 2}, {}, {"array": 3}],)
    assert serde.deserialize(serde.serialize(row)) == row


def test_a_null_that_a_given_avro_schema_has_no_place_for_is_an_error_of_its_record() -> None:
    registry = MemorySchemaRegistry()
    kinds: list[Any] = [{"type": "map", "values": "int"}, {"type": "array", "items": "int"}, "string", "int"]
    kinds.append({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2})
    types = [t.Map(t.STRING, t.INTEGER), t.Array(t.INTEGER), t.STRING, t.INTEGER, t.Decimal(4, 2)]
    for at, (kind, data_type) in enumerate(zip(kinds, types, strict=True)):
        node = {"type": "record", "name": "R", "fields": [{"name": "a", "type": kind}]}
        registry.register_as(f"s{at}", SchemaText("AVRO", json.dumps(node)), at + 1)
        serde = _serde("AVRO", (Column("a", data_type),), registry, schemaId=str(at + 1))
        with pytest.raises(SerializationError, match="does not fit its Avro schema: expected"):
            serde.serialize((None,))


def test_a_text_that_is_no_name_of_a_protobuf_enum_is_an_error_of_its_record() -> None:
    registry = MemorySchemaRegistry()
    text = 'syntax = "proto3"; message M { E e = 1; enum E { A = 0; } }'
    registry.register_as("other", SchemaText("PROTOBUF", text), 3)
    serde = _serde("PROTOBUF", (Column("e", t.STRING),), registry, schemaId="3")
    with pytest.raises(SerializationError, match="does not fit its Protobuf schema: 'B'"):
        serde.serialize(("B",))
