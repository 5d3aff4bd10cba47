"""What SHOW QUERIES, EXPLAIN and `kappa top` say of a query: running, in error and why, restarts, lag."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import httpx
import polars as pl

from kappaflow.client.admin import Admin, NewTopic
from kappaflow.client.connection import ClientConfig
from kappaflow.client.offsets import GroupOffsets
from kappaflow.client.records import ConsumedRecord, RecordReader, RecordWriter
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.database import connect
from kappaflow.errors import ServerError
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until


def entities(server: EmbeddedServer, statement: str) -> dict[str, Any]:
    return httpx.post(f"{server.url}/ksql", json={"ksql": statement}).json()[0]


def state_of(server: EmbeddedServer, query_id: str) -> str:
    rows = entities(server, "SHOW QUERIES;")["queries"]
    return next(row["state"] for row in rows if row["id"] == query_id)


def top(server: EmbeddedServer) -> str:
    command = [sys.executable, "-m", "kappaflow.cli.main", "top", "--once", "--server", server.url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_query_in_error_is_shown_restarts_and_recovers() -> None:
    arguments = ["--property", "ksql.streams.commit.interval.ms=200"]
    with EmbeddedServer(arguments=arguments) as server, connect(server.url) as db:
        db.sql("CREATE STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', value_format='JSON', partitions=1);")
        db.sql("CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM a GROUP BY k;")
        (query_id,) = wait_until(server.figures, "the query")
        wait_until(lambda: state_of(server, query_id) == "RUNNING", "the query to run")
        with Admin(ClientConfig(server.bootstrap_servers)) as admin:
            admin.delete_topics(["a"])
            server.kill_child("worker-0")
            failed = wait_until(lambda: (f := server.figures().get(query_id)) and f["restarts"] >= 1 and f, "a restart")
            assert failed["state"] == "ERROR" and "topic a" in failed["error"]
            assert state_of(server, query_id) == "ERROR"
            description = entities(server, f"EXPLAIN {query_id};")["queryDescription"]
            assert description["state"] == "ERROR"
            assert "topic a" in description["queryErrors"][0]["errorMessage"]
            shown = top(server)
            assert "ERROR" in shown and "topic a" in shown
            admin.create_topic(NewTopic("a", 1, 1, {}))
        wait_until(lambda: state_of(server, query_id) == "RUNNING", "the query to run again")
        with RecordWriter(ClientConfig(server.bootstrap_servers)) as writer:
            writer.send("a", b"k", b'{"V":1}')
        wait_until(lambda: [row["N"] for row in db.sql("SELECT n FROM t;").rows()] == [1], "the count")
        figures = wait_until(
            lambda: (f := server.figures()[query_id])["records"] == 1 and f["lag_records"] == 0 and f, "no lag"
        )
        assert figures["restarts"] >= 1 and figures["tasks"] == 1
        assert query_id in top(server)


def test_pull_queries_on_two_workers_see_every_partition_once() -> None:
    arguments = ["--property", "ksql.streams.commit.interval.ms=200"]
    with EmbeddedServer(workers=2, arguments=arguments) as server, connect(server.url) as db:
        db.sql("CREATE STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', value_format='JSON', partitions=4);")
        frame = pl.DataFrame({"k": [f"k{n}" for n in range(400)], "v": list(range(400))})
        db.write("a", frame, key="k")
        db.sql("CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM a GROUP BY k;", auto_offset_reset="earliest")
        seen = lambda: sorted(row["K"] for row in db.sql("SELECT k, n FROM t;").rows())  # noqa: E731
        everything = sorted(frame["k"])

        def complete() -> bool:
            found = seen()
            assert len(found) == len(set(found)), "a partition was answered for twice"
            return found == everything

        wait_until(complete, "all keys")
        shares = lambda: sorted(worker["queries"]["CTAS_T_1"]["tasks"] for worker in workers(server))  # noqa: E731
        wait_until(lambda: shares() == [2, 2], "an even assignment")
        wait_until(lambda: committed(server, "CTAS_T_1", "a", 4) == 400, "a commit")
        server.kill_child("worker-1")
        for _ in range(5):
            assert seen() == everything  # the control process waits for the worker instead of leaving its share out
        assert [row["N"] for row in db.sql("SELECT n FROM t WHERE k = 'k7';").rows()] == [1]


def workers(server: EmbeddedServer) -> list[dict[str, Any]]:
    return httpx.get(f"{server.url}/kappa/processes").json()["workers"]


def committed(server: EmbeddedServer, query_id: str, topic: str, partitions: int) -> int:
    group = f"_confluent-ksql-default_query_{query_id}"
    with GroupOffsets(ClientConfig(server.bootstrap_servers), group) as offsets:
        found = offsets.fetch([TopicPartition(topic, number) for number in range(partitions)])
    return sum(max(0, position.offset) for position in found.values())


def test_a_command_with_a_bad_value_stops_its_query_alone() -> None:
    """Servers refuse such values; one of before did not, or somebody else wrote the command."""
    with EmbeddedServer() as server, connect(server.url) as db:
        limit = "ksql.functions.collect_list.limit"
        db.properties |= {"auto.offset.reset": "earliest", "commit.interval.ms": "1234", limit: "4321"}
        db.sql("CREATE STREAM a (k STRING KEY, v INT) WITH (kafka_topic='a', value_format='JSON', partitions=1);")
        db.sql("CREATE STREAM good AS SELECT * FROM a;")
        db.sql("CREATE TABLE fine AS SELECT k, COLLECT_LIST(v) AS vs FROM a GROUP BY k;")
        config, commands = ClientConfig(server.bootstrap_servers), TopicPartition("ksql__commands", 0)
        with RecordReader(config, {commands: 0}) as reader:
            found: list[ConsumedRecord] = []
            wait_until(lambda: found.extend(reader.poll(1.0)) or len(found) == 3, "all commands")
        _, good, fine = found
        with RecordWriter(config) as writer:
            bad = good.value.replace(b"1234", b"soon").replace(b"good", b"evil").replace(b"GOOD", b"EVIL")
            bad = bad.replace(b'"queryNumber":1', b'"queryNumber":3')
            writer.send("ksql__commands", good.key.replace(b"GOOD", b"EVIL"), bad, partition=0)
            bad = fine.value.replace(b"4321", b"many").replace(b"fine", b"foul").replace(b"FINE", b"FOUL")
            bad = bad.replace(b'"queryNumber":2', b'"queryNumber":4')
            writer.send("ksql__commands", fine.key.replace(b"FINE", b"FOUL"), bad, partition=0)
        for query_id in ("CSAS_EVIL_3", "CTAS_FOUL_4"):
            wait_until(lambda q=query_id: state_of(server, q) == "ERROR", f"{query_id} in error")
        (shown,) = httpx.post(f"{server.url}/ksql", json={"ksql": "SHOW QUERIES EXTENDED;"}).json()
        told = {each["id"]: [e["errorMessage"] for e in each["queryErrors"]] for each in shown["queryDescriptions"]}
        assert told == {
            "CSAS_GOOD_1": [],
            "CTAS_FINE_2": [],
            "CSAS_EVIL_3": ["Invalid value 'soon' for property 'commit.interval.ms': Not a number of type LONG."],
            "CTAS_FOUL_4": [f"Invalid value 'many' for property '{limit}': Not a number of type LONG."],
        }
        server.kill_child("worker-0")
        db.sql("INSERT INTO a VALUES ('k', 1);")

        def answered() -> list[int]:
            try:
                return [row.V for row in db.sql("SELECT v FROM good EMIT CHANGES LIMIT 1;").rows()]
            except ServerError:  # the worker is not back yet
                return []

        assert wait_until(answered, "the good query's row") == [1]
        wait_until(lambda: state_of(server, "CSAS_EVIL_3") == "ERROR", "the bad query in error again")
