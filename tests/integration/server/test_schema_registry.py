"""The embedded schema registry: Confluent's client and serializers, queries on their records, a restart."""

from __future__ import annotations

import json
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from kappaflow.database import Database
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

with warnings.catch_warnings():
    # One of its dependencies announces a successor.
    warnings.simplefilter("ignore")
    pytest.importorskip("authlib")
    from confluent_kafka import Consumer, Producer
    from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
    from confluent_kafka.schema_registry.error import SchemaRegistryError
    from confluent_kafka.schema_registry.json_schema import JSONSerializer
    from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
    from confluent_kafka.serialization import MessageField, SerializationContext

ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "id", "type": "int"}, {"name": "note", "type": ["null", "string"], "default": None}],
}


@pytest.fixture
def registry(server: EmbeddedServer) -> Generator[SchemaRegistryClient]:
    with _client(server) as client:
        yield client


def _client(server: EmbeddedServer) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": f"{server.url}/schema-registry"})


def _produce(server: EmbeddedServer, topic: str, values: list[Any]) -> None:
    producer = Producer({"bootstrap.servers": server.bootstrap_servers})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(20) == 0


def _consume(server: EmbeddedServer, topic: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {"bootstrap.servers": server.bootstrap_servers, "group.id": f"read-{topic}", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found: list[bytes] = []

    def enough() -> bool:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message.value())
        return len(found) >= count

    try:
        wait_until(enough, f"{count} records of {topic}")
    finally:
        consumer.close()
    return found


def _context(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


def _rows(db: Database, sql: str) -> list[Any]:
    return [tuple(row) for row in db.sql(sql).rows()]


def test_avro_records_of_another_client_are_queried_and_ours_are_read_by_it(
    server: EmbeddedServer, db: Database, registry: SchemaRegistryClient
) -> None:
    write = AvroSerializer(registry, json.dumps(ORDER))
    _produce(server, "orders", [write({"id": i, "note": None if i else "first"}, _context("orders")) for i in range(3)])
    db.sql("CREATE STREAM orders WITH (KAFKA_TOPIC='orders', VALUE_FORMAT='AVRO');")
    found = _rows(db, "SELECT id, note FROM orders EMIT CHANGES LIMIT 3;")
    assert found == [(0, "first"), (1, None), (2, None)]
    db.sql("CREATE STREAM twice WITH (KAFKA_TOPIC='twice') AS SELECT id * 2 AS double_id, note FROM orders;")
    read = AvroDeserializer(registry)
    values = [read(data, _context("twice")) for data in _consume(server, "twice", 3)]
    assert values == [{"DOUBLE_ID": i * 2, "NOTE": None if i else "first"} for i in range(3)]
    assert "twice-value" in registry.get_subjects()


def test_protobuf_records_of_another_client_are_queried_and_ours_are_read_by_it(
    server: EmbeddedServer, db: Database, registry: SchemaRegistryClient
) -> None:
    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="pay.proto", syntax="proto3", package="shop")
    message = file.message_type.add(name="Pay")
    message.field.add(name="id", number=1, type=kind.TYPE_INT64, label=kind.LABEL_OPTIONAL)
    message.field.add(name="tags", number=2, type=kind.TYPE_STRING, label=kind.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    pay = message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Pay"))
    write = ProtobufSerializer(pay, registry, {"use.deprecated.format": False})
    _produce(server, "pays", [write(pay(id=7, tags=["a", "b"]), _context("pays"))])
    db.sql("CREATE STREAM pays WITH (KAFKA_TOPIC='pays', VALUE_FORMAT='PROTOBUF');")
    assert _rows(db, "SELECT id, tags FROM pays EMIT CHANGES LIMIT 1;") == [(7, ["a", "b"])]
    db.sql("CREATE STREAM same WITH (KAFKA_TOPIC='same') AS SELECT id AS `id`, tags AS `tags` FROM pays;")
    read = ProtobufDeserializer(pay, {"use.deprecated.format": False})
    value = read(_consume(server, "same", 1)[0], _context("same"))
    assert (value.id, list(value.tags)) == (7, ["a", "b"])


def test_json_records_of_another_client_are_queried(
    server: EmbeddedServer, db: Database, registry: SchemaRegistryClient
) -> None:
    schema = {"title": "Click", "type": "object", "properties": {"page": {"type": "string"}, "ms": {"type": "integer"}}}
    write = JSONSerializer(json.dumps(schema), registry)
    _produce(server, "clicks", [write({"page": "/", "ms": 12}, _context("clicks"))])
    db.sql("CREATE STREAM clicks WITH (KAFKA_TOPIC='clicks', VALUE_FORMAT='JSON_SR');")
    assert _rows(db, "SELECT page, ms FROM clicks EMIT CHANGES LIMIT 1;") == [("/", 12)]


def test_inserted_rows_are_registered_and_come_back(db: Database, registry: SchemaRegistryClient) -> None:
    db.sql(
        "CREATE TABLE stock (sku STRING PRIMARY KEY, n INT, price DECIMAL(6,2)) "
        "WITH (KAFKA_TOPIC='stock', FORMAT='AVRO', PARTITIONS=1);"
    )
    db.sql("INSERT INTO stock VALUES ('a', 3, 1.50);")
    assert json.loads(registry.get_latest_version("stock-key").schema.schema_str) == "string"
    db.sql("CREATE TABLE held AS SELECT * FROM stock;")
    wait_until(lambda: _rows(db, "SELECT sku, n FROM held WHERE sku = 'a';") == [("a", 3)], "the row")


def test_schemas_are_registered_with_the_statement_and_known_to_the_next_of_the_same_request(
    db: Database, registry: SchemaRegistryClient
) -> None:
    db.sql(
        "CREATE STREAM taken (id INT, note STRING) WITH (KAFKA_TOPIC='taken', VALUE_FORMAT='AVRO', PARTITIONS=1);"
        "CREATE STREAM made WITH (VALUE_FORMAT='PROTOBUF') AS SELECT id + 1 AS next, note FROM taken;"
        "CREATE STREAM again WITH (KAFKA_TOPIC='MADE', VALUE_FORMAT='PROTOBUF');"
    )
    fields = json.loads(registry.get_latest_version("taken-value").schema.schema_str)["fields"]
    assert [field["name"] for field in fields] == ["ID", "NOTE"]
    assert registry.get_latest_version("MADE-value").schema.schema_type == "PROTOBUF"
    db.sql("INSERT INTO taken (id, note) VALUES (4, 'x');")
    wait_until(lambda: _rows(db, "SELECT * FROM again;") == [(5, "x")], "the row")


def test_subjects_end_with_the_topic_that_a_drop_deletes(db: Database, registry: SchemaRegistryClient) -> None:
    made = (
        "CREATE TABLE gone (id INT PRIMARY KEY, v {}) WITH (KAFKA_TOPIC='gone', KEY_FORMAT='JSON_SR', "
        "VALUE_FORMAT='AVRO', PARTITIONS={});"
    )
    db.sql(made.format("INT", 1))
    db.sql("CREATE TABLE kept (id INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='kept', FORMAT='AVRO', PARTITIONS=1);")
    assert {"gone-key", "gone-value", "kept-key", "kept-value"} <= set(registry.get_subjects())
    db.sql("DROP TABLE kept;")
    # One request: what it drops is gone for the statements behind it, the topic as well as its schemas.
    db.sql("DROP TABLE gone DELETE TOPIC;" + made.format("STRING", 2))
    assert {"kept-key", "kept-value"} <= set(registry.get_subjects())
    latest = registry.get_latest_version("gone-value")
    fields = json.loads(latest.schema.schema_str)["fields"]
    assert [field["type"] for field in fields] == [["null", "string"]]
    db.sql("DROP TABLE gone DELETE TOPIC;")
    assert not {"gone-key", "gone-value"} & set(registry.get_subjects())


def test_a_stream_without_columns_needs_a_registered_schema(db: Database) -> None:
    with pytest.raises(Exception, match=r"does not exist in the Schema Registry"):
        db.sql("CREATE STREAM nothing WITH (KAFKA_TOPIC='nothing', VALUE_FORMAT='AVRO', PARTITIONS=1);")


def _avro(*fields: dict[str, Any]) -> Schema:
    return Schema(json.dumps({"type": "record", "name": "R", "fields": list(fields)}), "AVRO")


def test_compatibility_is_checked_before_a_schema_is_added(registry: SchemaRegistryClient) -> None:
    old, wider = _avro({"name": "a", "type": "int"}), _avro({"name": "a", "type": "long"})
    needy = _avro({"name": "a", "type": "int"}, {"name": "b", "type": "int"})
    first = registry.register_schema("compat", old)
    assert registry.register_schema("compat", old) == first
    assert registry.test_compatibility("compat", wider)
    assert not registry.test_compatibility("compat", needy)
    with pytest.raises(SchemaRegistryError) as caught:
        registry.register_schema("compat", needy)
    assert (caught.value.http_status_code, caught.value.error_code) == (409, 409)
    assert registry.get_compatibility() == "BACKWARD"
    registry.set_compatibility("compat", "NONE")
    assert registry.get_compatibility("compat") == "NONE"
    second = registry.register_schema("compat", needy)
    assert second != first
    assert registry.get_versions("compat") == [1, 2]
    assert registry.get_version("compat", 2).schema_id == second
    assert registry.lookup_schema("compat", needy).version == 2


def test_deletes_are_soft_first_and_references_hold(registry: SchemaRegistryClient) -> None:
    city = Schema('syntax = "proto3"; message City { string name = 1; }', "PROTOBUF")
    registry.register_schema("city.proto", city)
    reference = SchemaReference("city.proto", "city.proto", 1)
    text = 'syntax = "proto3"; import "city.proto"; message Person { City home = 1; }'
    registry.register_schema("person-value", Schema(text, "PROTOBUF", [reference]))
    with pytest.raises(SchemaRegistryError) as caught:
        registry.delete_subject("city.proto")
    assert caught.value.error_code == 42206
    assert registry.delete_subject("person-value") == [1]
    assert "person-value" not in registry.get_subjects()
    assert registry.delete_subject("person-value", permanent=True) == [1]
    assert registry.delete_subject("city.proto") == [1]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/subjects/none/versions", None, 404, 40401),
        ("GET", "/schemas/ids/99999", None, 404, 40403),
        ("POST", "/subjects/bad/versions", {"schema": "{"}, 422, 42201),
        ("POST", "/subjects/bad/versions", {}, 422, 42201),
        ("PUT", "/config", {"compatibility": "MAYBE"}, 422, 42203),
        ("PUT", "/mode", {"mode": "MAYBE"}, 422, 42204),
        ("GET", "/config/none", None, 404, 40408),
        ("GET", "/mode/none", None, 404, 40409),
    ],
)
def test_errors_have_the_codes_of_the_protocol(
    server: EmbeddedServer, method: str, path: str, body: Any, status: int, code: int
) -> None:
    answer = httpx.request(method, f"{server.url}/schema-registry{path}", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


def test_a_read_only_subject_takes_no_schema(server: EmbeddedServer) -> None:
    base = f"{server.url}/schema-registry"
    assert httpx.put(f"{base}/mode/frozen", json={"mode": "READONLY"}).json() == {"mode": "READONLY"}
    answer = httpx.post(f"{base}/subjects/frozen/versions", json={"schema": '"int"'})
    assert answer.json()["error_code"] == 42205
    httpx.delete(f"{base}/mode/frozen")
    assert httpx.post(f"{base}/subjects/frozen/versions", json={"schema": '"int"'}).status_code == 200


def test_schemas_and_settings_outlive_the_server(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as running, _client(running) as client:
        schema_id = client.register_schema("kept", _avro({"name": "a", "type": "int"}))
        client.set_compatibility("kept", "FULL")
    with EmbeddedServer(tmp_path) as running, _client(running) as client:
        assert client.get_latest_version("kept").schema_id == schema_id
        assert client.get_compatibility("kept") == "FULL"
        assert client.register_schema("other", _avro({"name": "z", "type": "int"})) == schema_id + 1
