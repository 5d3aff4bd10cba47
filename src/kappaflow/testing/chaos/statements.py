"""The queries under test: a copy, sums behind a repartition topic, windows, a repartitioned join, a bank."""

from __future__ import annotations

from kappaflow.client.admin import Admin, NewTopic
from kappaflow.client.connection import ClientConfig
from kappaflow.database import connect

GROUPS = 7
PARTITIONS = 2
WINDOW_MS = 1_000
ACCOUNTS = 10
SMALLEST_SEGMENT_BYTES = 1_048_576
"""Kafka 4 takes no smaller segments but by a setting for tests."""

NUMBERS, TRANSFERS, NAMES = "numbers", "transfers", "names"
COPIED, NAMED = "COPIED", "NAMED"

PROPERTIES = {
    "ksql.streams.processing.guarantee": "exactly_once_v2",
    "ksql.streams.commit.interval.ms": "100",
}

_SOURCES = f"""
CREATE STREAM numbers (k STRING KEY, v BIGINT) WITH (kafka_topic='{NUMBERS}', value_format='JSON');
CREATE STREAM transfers (t STRING KEY, account INT, delta BIGINT) WITH (kafka_topic='{TRANSFERS}', value_format='JSON');
CREATE TABLE names (g BIGINT PRIMARY KEY, name STRING) WITH (kafka_topic='{NAMES}', value_format='JSON');
"""
_QUERIES = f"""
CREATE STREAM copied AS SELECT k, v FROM numbers;
CREATE TABLE sums AS SELECT v % {GROUPS} AS g, COUNT(*) AS n, SUM(v) AS s FROM numbers GROUP BY v % {GROUPS};
CREATE TABLE windows AS SELECT v % {GROUPS} AS g, COUNT(*) AS n, SUM(v) AS s FROM numbers
  WINDOW TUMBLING (SIZE {WINDOW_MS} MILLISECONDS, GRACE PERIOD 1 HOURS) GROUP BY v % {GROUPS};
CREATE STREAM keyed AS SELECT v % {GROUPS} AS g, v FROM numbers PARTITION BY v % {GROUPS};
CREATE STREAM named AS SELECT keyed.g AS g, v, name FROM keyed JOIN names ON keyed.g = names.g;
CREATE TABLE balances AS SELECT account, SUM(delta) AS balance, COUNT(*) AS n FROM transfers GROUP BY account;
"""


def _segments_of(segment_bytes: int) -> dict[str, str]:
    name = "segment.bytes" if segment_bytes >= SMALLEST_SEGMENT_BYTES else "internal.segment.bytes"
    return {name: str(segment_bytes)}


def create_topics(
    client: ClientConfig, replication_factor: int = 1, segment_bytes: int = SMALLEST_SEGMENT_BYTES
) -> None:
    """Create the source topics, of small segments, so that logs roll."""
    configs = _segments_of(segment_bytes)
    if replication_factor > 1:
        configs["min.insync.replicas"] = str(replication_factor - 1)
    with Admin(client) as admin:
        for topic in (NUMBERS, TRANSFERS, NAMES):
            admin.create_topic(NewTopic(topic, PARTITIONS, replication_factor, configs))


def start_queries(url: str) -> None:
    """Declare the sources and start every query from the beginning."""
    with connect(url) as db:
        for statement in _SOURCES.strip().splitlines():
            db.sql(statement)
        for group in range(GROUPS):
            db.sql(f"INSERT INTO names (g, name) VALUES ({group}, 'name {group}');")
        for statement in _QUERIES.strip().split(";\n"):
            db.sql(statement.rstrip(";") + ";", auto_offset_reset="earliest")


def compact_often(client: ClientConfig, segment_bytes: int = SMALLEST_SEGMENT_BYTES) -> None:
    """Let the cleaner work on changelogs and repartition topics all the time."""
    with Admin(client) as admin:
        for topic in admin.list_topics(internal=True):
            if topic.endswith(("-changelog", "-repartition")):
                changes = _segments_of(segment_bytes) | {"segment.ms": "1000"}
                if topic.endswith("-changelog"):
                    changes["min.cleanable.dirty.ratio"] = "0.01"
                admin.alter_configs("topic", topic, changes)
