"""Two servers of one service: every one answers pull queries with the rows of both."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from kappaflow.database import connect
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

PROPERTIES = ("ksql.streams.commit.interval.ms=100", "ksql.streams.session.timeout.ms=6000")
ARGUMENTS = [part for setting in PROPERTIES for part in ("--property", setting)]
KEYS = 12


@pytest.fixture
def servers(tmp_path: Path) -> Generator[tuple[EmbeddedServer, EmbeddedServer]]:
    with EmbeddedServer(tmp_path / "one", arguments=ARGUMENTS) as one:
        bootstrap = one.bootstrap_servers
        with EmbeddedServer(tmp_path / "two", bootstrap_servers=bootstrap, arguments=ARGUMENTS) as two:
            yield one, two


def tasks(server: EmbeddedServer) -> int:
    return server.figures().get("CTAS_T_1", {}).get("tasks", 0)


def committed(server: EmbeddedServer) -> int:
    """How many records of the query's input are committed."""
    group = ConsumerGroupTopicPartitions("_confluent-ksql-default_query_CTAS_T_1")
    admin = AdminClient({"bootstrap.servers": server.bootstrap_servers})
    (found,) = admin.list_consumer_group_offsets([group]).values()
    return sum(max(at.offset, 0) for at in found.result(20).topic_partitions if at.topic == "s")


def test_each_server_answers_with_the_rows_of_both(servers: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    one, two = servers
    with connect(one.url) as db, connect(two.url) as other:
        db.properties["auto.offset.reset"] = "earliest"
        db.sql("CREATE STREAM s (k INT KEY, v INT) WITH (kafka_topic='s', value_format='JSON', partitions=4);")
        db.sql("CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;")
        wait_until(lambda: tasks(one) == 2 and tasks(two) == 2, "two tasks on each server")
        for key in range(KEYS):
            db.sql(f"INSERT INTO s (k, v) VALUES ({key}, 1);")
        every = [(key, 1) for key in range(KEYS)]
        for either in (db, other):
            wait_until(lambda either=either: sorted(either.sql("SELECT * FROM t;").rows()) == every, "all rows")
            for key in range(KEYS):
                assert list(either.sql(f"SELECT * FROM t WHERE k = {key};").rows()) == [(key, 1)]
            assert len(list(either.sql("SELECT * FROM t LIMIT 7;").rows())) == 7
        # What is committed outlives a server; rows are shown a commit interval before that.
        wait_until(lambda: committed(one) == KEYS, "all input committed")
        two.kill()
        _look_up_while_one_is_away(one)
        wait_until(lambda: tasks(one) == 4, "all tasks on the server that is left")
        assert sorted(db.sql("SELECT * FROM t;").rows()) == every


def _look_up_while_one_is_away(server: EmbeddedServer) -> None:
    """Every answer before the rebalance is whole, or an error that says what is missing."""
    for key in range(KEYS):
        answer = httpx.post(
            f"{server.url}/query-stream",
            json={"sql": f"SELECT * FROM t WHERE k = {key};", "properties": {}},
            headers={"accept": "application/json"},
            timeout=30,
        )
        assert answer.status_code in {200, 503}
        if answer.status_code == 200:
            assert f"[{key},1]" in answer.text
