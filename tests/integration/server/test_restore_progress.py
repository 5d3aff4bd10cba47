"""A restore is seen while it goes on: in SHOW QUERIES, DESCRIBE EXTENDED, EXPLAIN and `kappa top`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Producer

from kappaflow.database import connect
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

KEYS = 30


def entity(server: EmbeddedServer, statement: str) -> dict[str, Any]:
    return httpx.post(f"{server.url}/ksql", json={"ksql": statement}, timeout=30).json()[0]


def row(server: EmbeddedServer) -> dict[str, Any]:
    return entity(server, "SHOW QUERIES;")["queries"][0]


def command(server: EmbeddedServer, *arguments: str) -> str:
    words = [sys.executable, "-m", "kappaflow.cli.main", *arguments, "--server", server.url]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_restore_is_shown_while_it_goes_on(tmp_path: Path) -> None:
    arguments = ["--service-id", "restoring_", "--property", "ksql.streams.commit.interval.ms=100"]
    with EmbeddedServer() as other:
        server = EmbeddedServer(tmp_path / "one", bootstrap_servers=other.bootstrap_servers, arguments=arguments)
        with server, connect(server.url) as db:
            db.properties["auto.offset.reset"] = "earliest"
            db.sql("CREATE STREAM s (k INT KEY, v INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
            db.sql("CREATE TABLE t AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;")
            for key in range(KEYS):
                db.sql(f"INSERT INTO s (k, v) VALUES ({key}, 1);")
            every = sorted((key, 1) for key in range(KEYS))
            wait_until(lambda: sorted(db.sql("SELECT * FROM t;").rows()) == every, "all rows")
            changelog = wait_until(lambda: changelog_of(other), "the changelog")
            server.stop()
            shutil.rmtree(server.data_dir / "state")
            # A restore waits for a transaction that is open in the changelog.
            producer = Producer({"bootstrap.servers": other.bootstrap_servers, "transactional.id": "open"})
            producer.init_transactions()
            producer.begin_transaction()
            producer.produce(changelog, b"", b"")
            producer.flush()
            server.start()
            shown = wait_until(lambda: (r := row(server)).get("restore", {}).get("restoredRecords") and r, "a restore")
            restore = shown["restore"]
            assert shown["state"] == "RESTORING" and shown["statusCount"] == {"RESTORING": 1}
            assert restore["restoredRecords"] == KEYS and restore["recordsToRestore"] == KEYS + 1
            assert restore["secondsLeft"] is not None
            (written,) = entity(server, "DESCRIBE t EXTENDED;")["sourceDescription"]["writeQueries"]
            assert written["state"] == "RESTORING" and written["restore"]["restoredRecords"] == KEYS
            explained = entity(server, "EXPLAIN CTAS_T_1;")["queryDescription"]
            assert explained["state"] == "RESTORING" and explained["restore"]["recordsToRestore"] == KEYS + 1
            assert "RESTORING 96 %, " in command(server, "top", "--once")
            assert "RESTORING:1 (96 %, " in command(server, "sql", "-e", "SHOW QUERIES;")
            producer.abort_transaction()
            wait_until(lambda: row(server)["state"] == "RUNNING", "the query to run")
            assert "restore" not in row(server)
            with connect(server.url) as again:
                assert sorted(again.sql("SELECT * FROM t;").rows()) == every


def changelog_of(server: EmbeddedServer) -> str:
    topics = Producer({"bootstrap.servers": server.bootstrap_servers}).list_topics(timeout=20).topics
    return next((name for name in topics if name.endswith("-changelog")), "")
