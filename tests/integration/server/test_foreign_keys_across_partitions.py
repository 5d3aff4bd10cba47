"""Rows of tables that are joined by foreign key meet wherever their partitions lie, against a model of the join."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Mapping

import pytest
from confluent_kafka import Producer

from kappaflow.database import Database, connect
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

LEFT_KEYS, RIGHT_KEYS, CHANGES = 20, 8, 150
Rows = dict[int, tuple[int | None, str]]


def model(left: Rows, right: Mapping[int, str], *, keeps_left: bool) -> dict[int, tuple[str, str | None]]:
    joined = {key: (text, right.get(foreign) if foreign is not None else None) for key, (foreign, text) in left.items()}
    return joined if keeps_left else {key: row for key, row in joined.items() if row[1] is not None}


def held(db: Database, table: str) -> dict[int, tuple[str, str | None]]:
    return {row.ID: (row.L, row.R) for row in db.sql(f"SELECT id, l, r FROM {table};").rows()}


@pytest.mark.parametrize(("left_partitions", "right_partitions"), [(2, 2), (3, 2)])
def test_the_joined_table_is_that_of_a_model(left_partitions: int, right_partitions: int) -> None:
    rng = random.Random(left_partitions)
    left: Rows = {}
    right: dict[int, str] = {}
    with EmbeddedServer() as server, connect(server.url) as db:
        db.properties["auto.offset.reset"] = "earliest"
        options = "value_format='JSON', partitions"
        db.sql(
            f"CREATE TABLE lefts (id INT PRIMARY KEY, fk INT, l STRING) WITH (kafka_topic='lefts', {options}="
            f"{left_partitions});"
        )
        db.sql(
            f"CREATE TABLE rights (id INT PRIMARY KEY, r STRING) WITH (kafka_topic='rights', {options}="
            f"{right_partitions});"
        )
        for name, kind in (("inners", "JOIN"), ("outers", "LEFT JOIN")):
            db.sql(f"CREATE TABLE {name} AS SELECT a.id AS id, l, r FROM lefts a {kind} rights b ON a.fk = b.id;")
        producer = Producer({"bootstrap.servers": server.bootstrap_servers, "partitioner": "murmur2_random"})
        for change in range(CHANGES):
            if rng.random() < 0.6:
                key = rng.randrange(LEFT_KEYS)
                foreign, text = rng.choice([None, *range(RIGHT_KEYS)]), f"l{change}"
                row = None if rng.random() < 0.2 else {"FK": foreign, "L": text}
                left.pop(key, None) if row is None else left.update({key: (foreign, text)})
                topic = "lefts"
            else:
                key, text = rng.randrange(RIGHT_KEYS), f"r{change}"
                row = None if rng.random() < 0.2 else {"R": text}
                right.pop(key, None) if row is None else right.update({key: text})
                topic = "rights"
            producer.produce(topic, None if row is None else json.dumps(row).encode(), struct.pack(">i", key))
        assert producer.flush(30) == 0
        for name, keeps_left in (("inners", False), ("outers", True)):
            wanted = model(left, right, keeps_left=keeps_left)
            wait_until(lambda name=name, wanted=wanted: held(db, name) == wanted, f"{name} as the model has it", 30)
