"""Records that cannot be read or written: passed, kept as dead letters, or what ends a query until they are mended."""

from __future__ import annotations

from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from kappaflow.client.admin import Admin, NewTopic
from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordWriter
from kappaflow.database import Database
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

SOURCE = (
    "CREATE STREAM {name} (k STRING KEY, v INT, s STRING) "
    "WITH (kafka_topic='{name}', value_format='JSON', partitions=1);"
)
PREFIX = "__streams.errors."


def write(server: EmbeddedServer, topic: str, *values: bytes) -> None:
    with RecordWriter(ClientConfig(server.bootstrap_servers)) as writer:
        for number, value in enumerate(values):
            writer.send(topic, b"k%d" % number, value)


def read(server: EmbeddedServer, topic: str, count: int) -> list[Any]:
    consumer = KafkaConsumer(
        bootstrap_servers=server.bootstrap_servers, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    consumer.assign([TopicPartition(topic, 0)])
    found: list[Any] = []
    try:
        wait_until(
            lambda: found.extend(r for rows in consumer.poll(500).values() for r in rows) or len(found) >= count,
            f"{count} records of {topic}",
        )
    finally:
        consumer.close()
    return found


def in_error(server: EmbeddedServer, topic: str) -> str:
    def error() -> str:
        return next(
            (f["error"] for f in server.figures().values() if f["state"] == "ERROR" and topic in f["error"]), ""
        )

    return wait_until(error, "the query to fail")


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
def test_what_cannot_be_read_is_kept_with_the_reason(server: EmbeddedServer, db: Database, guarantee: str) -> None:
    name = f"letters_{guarantee}"
    db.properties["processing.guarantee"] = guarantee
    db.properties["errors.dead.letter.queue.topic.name"] = f"{name}_dead"
    db.sql(SOURCE.format(name=name))
    db.sql(f"CREATE STREAM {name}_out WITH (kafka_topic='{name}_out') AS SELECT * FROM {name};")
    write(server, name, b'{"v":1,"s":"a"}', b"not json", b'{"v":"x"}', b'{"v":2,"s":"b"}')
    assert len(read(server, f"{name}_out", 2)) == 2
    letters = read(server, f"{name}_dead", 2)
    assert [(letter.key, letter.value) for letter in letters] == [(b"k1", b"not json"), (b"k2", b'{"v":"x"}')]
    for offset, letter in enumerate(letters, start=1):
        headers = {key.removeprefix(PREFIX): value.decode() for key, value in letter.headers}
        assert [key for key, _ in letter.headers] == [
            PREFIX + each for each in ("exception", "message", "stacktrace", "topic", "partition", "offset")
        ]
        assert (headers["topic"], headers["partition"], headers["offset"]) == (name, "0", str(offset))
        assert headers["exception"] == "kappaflow.errors.SerializationError"
        assert headers["message"] and headers["message"] in headers["stacktrace"]


def test_a_query_that_shall_fail_says_at_which_record(server: EmbeddedServer, db: Database) -> None:
    db.properties["ksql.fail.on.deserialization.error"] = "true"
    db.sql(SOURCE.format(name="strict"))
    db.sql("CREATE STREAM strict_out WITH (kafka_topic='strict_out') AS SELECT * FROM strict;")
    write(server, "strict", b'{"v":1,"s":"a"}', b"not json")
    error = in_error(server, "strict-0@1")
    assert "cannot be read" in error and "deserialization.exception.handler" in error


def test_records_too_large_for_their_topic(server: EmbeddedServer, db: Database) -> None:
    large, small = b'{"v":1,"s":"%s"}' % (b"x" * 2000), b'{"v":2,"s":"b"}'
    with Admin(ClientConfig(server.bootstrap_servers)) as admin:
        for topic in ("passing_out", "stopping_out"):
            admin.create_topic(NewTopic(topic, 1, 1, {"max.message.bytes": "1000"}))
        db.sql(SOURCE.format(name="passing"))
        db.properties["ksql.fail.on.production.error"] = "false"
        db.properties["errors.dead.letter.queue.topic.name"] = "passing_dead"
        db.sql("CREATE STREAM passing_out WITH (kafka_topic='passing_out') AS SELECT * FROM passing;")
        write(server, "passing", small, large, small)
        assert len(read(server, "passing_out", 2)) == 2
        (letter,) = read(server, "passing_dead", 1)
        assert (letter.key, letter.value) == (b"k1", large)
        assert b"max.message.bytes=1000" in dict(letter.headers)[PREFIX + "message"]

        db.properties.clear()
        db.properties["auto.offset.reset"] = "earliest"
        db.sql(SOURCE.format(name="stopping"))
        db.sql("CREATE STREAM stopping_out WITH (kafka_topic='stopping_out') AS SELECT * FROM stopping;")
        write(server, "stopping", small, large, small)
        error = in_error(server, "stopping_out")
        assert "(from stopping-0@1)" in error and "max.message.bytes=1000" in error
        admin.alter_configs("topic", "stopping_out", {"max.message.bytes": "10000"})
    assert len(read(server, "stopping_out", 3)) == 3, "nothing is lost once the topic takes it"


def test_a_handler_that_says_nothing(server: EmbeddedServer, db: Database) -> None:
    db.sql(SOURCE.format(name="odd"))
    db.properties["production.exception.handler"] = "com.example.Mine"
    db.sql("CREATE STREAM odd_out AS SELECT * FROM odd;")
    assert "production.exception.handler" in in_error(server, "com.example.Mine")
