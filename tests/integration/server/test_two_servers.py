"""Two servers of one service: every one answers pull queries with the rows of both."""

from __future__ import annotations

import subprocess
import sys
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
        for either in servers:
            wait_until(lambda either=either: counts(either) == {"RUNNING": 2}, "both servers in SHOW QUERIES")
            assert sum(two.url in line or one.url in line for line in top(either).splitlines()) == 1
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
        wait_until(lambda: counts(one) == {"RUNNING": 1, "UNRESPONSIVE": 1}, "the server that is away to be missed")
        _look_up_while_one_is_away(one)
        wait_until(lambda: tasks(one) == 4, "all tasks on the server that is left")
        wait_until(lambda: counts(one) == {"RUNNING": 1}, "the server that is away to be forgotten")
        assert sorted(db.sql("SELECT * FROM t;").rows()) == every


def counts(server: EmbeddedServer) -> dict[str, int]:
    """How many workers of all servers have the query in which state."""
    (entity,) = httpx.post(f"{server.url}/ksql", json={"ksql": "SHOW QUERIES;"}, timeout=30).json()
    return next(row["statusCount"] for row in entity["queries"] if row["id"] == "CTAS_T_1")


def top(server: EmbeddedServer) -> str:
    """What `kappa top` shows."""
    command = [sys.executable, "-m", "kappaflow.cli.main", "top", "--once", "--server", server.url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


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
