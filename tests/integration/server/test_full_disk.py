"""A disk that is full: writes are refused with what to do, reads work, and all goes on when space is free again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from kappaflow.client.admin import Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordWriter
from kappaflow.database import Database, connect
from kappaflow.errors import BrokerError, KappaError
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

STREAM = "CREATE STREAM {0} (k STRING KEY, v STRING) WITH (kafka_topic='{0}', value_format='JSON', partitions=1);"
TABLE = "CREATE TABLE counted AS SELECT k, COUNT(*) AS n FROM numbers GROUP BY k;"


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    mount = tmp_path / "small"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(mount)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield mount
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def fill(bootstrap_servers: str) -> None:
    """Write until the broker refuses, first large records and then small ones."""
    for size in (900_000, 50_000, 2_000):
        writer = RecordWriter(ClientConfig(bootstrap_servers), delivery_timeout_ms=500)
        with writer, pytest.raises(BrokerError):
            while True:
                writer.send("filler", b"k", os.urandom(size))


def counts(db: Database) -> dict[str, int]:
    return {row["K"]: row["N"] for row in db.sql("SELECT k, n FROM counted;").rows()}


@pytest.mark.timeout(120)
def test_a_full_disk_refuses_writes_and_recovers(small_disk: Path) -> None:
    arguments = ["--property", "ksql.streams.commit.interval.ms=200"]
    with EmbeddedServer(small_disk / "data", arguments=arguments) as server, connect(server.url) as db:
        db.properties["auto.offset.reset"] = "earliest"
        db.sql(STREAM.format("filler"))
        db.sql(STREAM.format("numbers"))
        db.sql(TABLE)
        db.sql("INSERT INTO numbers VALUES ('a', 'x');")
        wait_until(lambda: counts(db) == {"a": 1}, "the first count")
        fill(server.bootstrap_servers)

        inserted = 1
        with pytest.raises(KappaError, match=r"(?i)space|disk"):
            for _ in range(50):
                db.sql(f"INSERT INTO numbers VALUES ('a', '{'x' * 3000}');")
                inserted += 1
        assert 1 <= counts(db)["a"] <= inserted
        assert len(db.sql("SELECT * FROM numbers;").rows()) == inserted
        assert httpx.get(f"{server.url}/healthcheck").json()["isHealthy"] is True

        with Admin(ClientConfig(server.bootstrap_servers)) as admin:
            admin.delete_topics(["filler"])
        db.sql("INSERT INTO numbers VALUES ('b', 'y');")
        wait_until(lambda: counts(db) == {"a": inserted, "b": 1}, "the count of what came after", 30)
        wait_until(lambda: all(f["state"] == "RUNNING" for f in server.figures().values()), "running queries")
        assert "Traceback" not in server.log()
