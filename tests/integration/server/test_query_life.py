"""Queries that are replaced, ended or outgrown, and a command topic with foreign records in it."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from kappaflow.client.admin import Admin, NewTopic
from kappaflow.client.connection import ClientConfig
from kappaflow.client.groups import list_groups
from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.offsets import GroupOffsets
from kappaflow.client.records import RecordWriter
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.database import Database, connect
from kappaflow.errors import KappaError, ServerError
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

COMMANDS = "ksql__commands"
PREFIX = "_confluent-ksql-default_query_"
SOURCE = "CREATE STREAM s (k INT KEY, v INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);"


@pytest.fixture
def server(tmp_path: Path) -> Generator[EmbeddedServer]:
    with EmbeddedServer(tmp_path, arguments=["--property", "ksql.streams.commit.interval.ms=100"]) as running:
        yield running


@pytest.fixture
def db(db: Database) -> Database:
    db.sql(SOURCE)
    return db


def client(server: EmbeddedServer) -> ClientConfig:
    return ClientConfig(server.bootstrap_servers)


def insert(db: Database, *values: int) -> None:
    for value in values:
        db.sql(f"INSERT INTO s (k, v) VALUES ({value}, {value});")


def rows(db: Database, table: str) -> list[tuple[int, ...]]:
    return sorted(tuple(row) for row in db.sql(f"SELECT * FROM {table};").rows())


def running(server: EmbeddedServer, query_id: str) -> bool:
    return server.figures().get(query_id, {}).get("state") == "RUNNING"


def test_a_replaced_query_runs_its_new_plan_from_where_the_old_one_was(server: EmbeddedServer, db: Database) -> None:
    db.sql("CREATE STREAM a AS SELECT k, v FROM s WHERE v > 100;")
    insert(db, 1, 101)
    wait_until(lambda: rows(db, "a") == [(101, 101)], "the rows of the old plan")
    db.sql("CREATE OR REPLACE STREAM a AS SELECT k, v FROM s WHERE v > 0;")
    insert(db, 2, 102)
    wait_until(lambda: rows(db, "a") == [(2, 2), (101, 101), (102, 102)], "the rows of the new plan")


def test_a_replaced_aggregation_keeps_its_state(server: EmbeddedServer, db: Database) -> None:
    db.sql("CREATE TABLE n AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;")
    insert(db, 1, 1)
    wait_until(lambda: rows(db, "n") == [(1, 2)], "two rows counted")
    db.sql("CREATE OR REPLACE TABLE n AS SELECT k, COUNT(*) AS n FROM s WHERE v < 5 GROUP BY k;")
    insert(db, 1, 7)
    wait_until(lambda: rows(db, "n") == [(1, 3)], "the count going on")


def left_behind(server: EmbeddedServer) -> set[str]:
    with Admin(client(server)) as admin:
        topics = {name for name in admin.list_topics(internal=True) if name.startswith(PREFIX)}
        return topics | {found.group_id for found in list_groups(admin.connection) if found.group_id.startswith(PREFIX)}


@pytest.mark.parametrize("statement", ["DROP TABLE t;", "TERMINATE ALL;"])
def test_an_ended_query_leaves_nothing_behind(server: EmbeddedServer, db: Database, statement: str) -> None:
    db.sql("CREATE TABLE t AS SELECT v % 3 AS g, COUNT(*) AS n FROM s GROUP BY v % 3;")
    insert(db, 1, 2)
    wait_until(lambda: rows(db, "t") == [(1, 1), (2, 1)], "rows of the table")
    assert {name.rsplit("-", 1)[1] for name in left_behind(server)} >= {"changelog", "repartition"}
    db.sql(statement)
    wait_until(lambda: not left_behind(server), "nothing left behind")


def test_what_a_killed_server_left_half_done_is_done_at_the_next_start(server: EmbeddedServer, db: Database) -> None:
    db.sql("CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;")
    insert(db, 1)
    wait_until(lambda: rows(db, "t") == [(1, 1)], "rows of the table")
    kept = left_behind(server)
    with Admin(client(server)) as admin:
        admin.create_topic(NewTopic(f"{PREFIX}CTAS_GONE_7-Aggregate-Aggregate-Materialize-changelog", 1, 1, {}))
        admin.create_topic(NewTopic(f"{PREFIX}CTAS_LOST_9-Aggregate-GroupBy-repartition", 1, 1, {}))
    with GroupOffsets(client(server), f"{PREFIX}CTAS_GONE_7") as offsets:
        offsets.commit({TopicPartition("s", 0): CommittedOffset(1)})
    assert len(left_behind(server)) == len(kept) + 3
    server.kill()
    server.start()
    wait_until(lambda: left_behind(server) == kept, "what is left of queries that no longer exist")
    with connect(server.url) as again:
        wait_until(lambda: rows(again, "t") == [(1, 1)], "the table that exists")


def test_foreign_records_in_the_command_topic_are_left_out_and_shown(server: EmbeddedServer, db: Database) -> None:
    with RecordWriter(client(server)) as writer:
        for value in (b"not json", b"{}", b"[1]", None, b'{"version": 1, "statement": 5}', b"\xff"):
            writer.send(COMMANDS, b"foreign", value, partition=0)
    db.sql("CREATE STREAM after AS SELECT * FROM s;")
    for _ in range(2):
        health = httpx.get(f"{server.url}/healthcheck").json()
        assert health["isHealthy"]
        skipped = health["details"]["commandRunner"]["skippedRecords"]
        assert len(skipped) == 6
        assert "offset 1 of the command topic ksql__commands is not a command and was left out" in skipped[0]
        server.kill()
        server.start()
    with connect(server.url) as again:
        again.properties["auto.offset.reset"] = "earliest"
        insert(again, 4)
        wait_until(lambda: rows(again, "after") == [(4, 4)], "the query after the foreign records")


def test_a_command_of_a_newer_server_ends_statements_not_queries(server: EmbeddedServer, db: Database) -> None:
    db.sql("CREATE STREAM a AS SELECT * FROM s;")
    wait_until(lambda: running(server, "CSAS_A_1"), "the query")
    with RecordWriter(client(server)) as writer:
        writer.send(COMMANDS, b"stream/B/create", json.dumps({"version": 999}).encode(), partition=0)

    def refusal() -> str:
        try:
            db.sql("CREATE STREAM b AS SELECT * FROM s;")
        except ServerError as error:
            return str(error)
        return ""

    assert "version 999" in wait_until(refusal, "a refusal")
    assert not httpx.get(f"{server.url}/healthcheck").json()["isHealthy"]
    insert(db, 3)
    wait_until(lambda: rows(db, "a") == [(3, 3)], "the query going on")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE STREAM c (x STRING) WITH (kafka_topic='ksql__commands', value_format='KAFKA');",
        "CREATE TABLE c (x STRING PRIMARY KEY) WITH (kafka_topic='ksql__commands', value_format='JSON');",
        "CREATE STREAM c WITH (kafka_topic='ksql__commands') AS SELECT * FROM s;",
    ],
)
def test_statements_cannot_reach_the_command_topic(db: Database, statement: str) -> None:
    with pytest.raises(KappaError, match="ksql__commands holds the statements of this service"):
        db.sql(statement)


def test_a_grown_source_is_read_on_by_stateless_queries_and_named_by_the_others(
    server: EmbeddedServer, db: Database
) -> None:
    db.sql("CREATE STREAM a AS SELECT * FROM s;")
    db.sql("CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;")
    insert(db, 1)
    wait_until(lambda: rows(db, "t") == [(1, 1)], "the first row")
    with Admin(client(server)) as admin:
        admin.create_partitions({"s": 3})
    server.kill_child("worker-0")

    def error() -> str:
        return str(server.figures().get("CTAS_T_2", {}).get("error") or "")

    told = wait_until(lambda: error() if "CTAS_T_2" in error() else "", "the error of the table's query")
    assert "has 1 partitions, but 3 are needed" in told
    assert "s has 3" in told
    insert(db, *range(2, 20))
    wait_until(lambda: len(rows(db, "a")) == 19, "all rows of the stream")
