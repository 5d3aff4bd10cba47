"""Kill -9 of each process under load: what was acknowledged is there, everything comes back, nothing is left behind."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordWriter
from kappaflow.database import connect
from kappaflow.errors import KappaError
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

FEW, MANY = 2, int(os.environ.get("KAPPA_KILL_ROUNDS", "10"))
rounds_of_kills = pytest.mark.parametrize(
    "rounds", [pytest.param(FEW, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.real)]
)
QUERY = "CREATE TABLE counted AS SELECT k, COUNT(*) AS n, SUM(v) AS total FROM numbers GROUP BY k;"


class Load:
    """Writes numbers one by one and remembers which were acknowledged."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.acknowledged = 0
        self.uncertain = 0
        self._bootstrap = bootstrap_servers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        writer: RecordWriter | None = None
        while not self._stop.is_set():
            try:
                if writer is None:
                    writer = RecordWriter(ClientConfig(self._bootstrap), delivery_timeout_ms=5_000)
                writer.send("numbers", b"k%d" % (self.acknowledged % 5), b'{"V":1}')
                self.acknowledged += 1
            except KappaError:
                self.uncertain += 1
                if writer is not None:
                    writer.close()
                writer = None
        if writer is not None:
            writer.close()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def total_of(url: str) -> int:
    with connect(url) as db:
        return sum(int(row["N"]) for row in db.sql("SELECT n FROM counted;").rows())


def prepare(server: EmbeddedServer) -> None:
    with connect(server.url) as db:
        db.sql(
            "CREATE STREAM numbers (k STRING KEY, v INT) "
            "WITH (kafka_topic='numbers', value_format='JSON', partitions=2);"
        )
        db.sql(QUERY, auto_offset_reset="earliest")


def check_exact(server: EmbeddedServer, load: Load) -> None:
    """The query reads a topic keyed by its group key: at-least-once with local positions counts each record once."""
    low, high = load.acknowledged, load.acknowledged + load.uncertain

    def is_exact() -> bool:
        total = total_of(server.url)
        if not low <= total <= high:
            raise KappaError(f"the total is {total}")
        return True

    wait_until(is_exact, f"a total within {low}..{high}", 60)
    figures = wait_until(
        lambda: all(f["state"] == "RUNNING" for f in server.figures().values()) and server.figures(), "running queries"
    )
    assert figures


@pytest.mark.parametrize("name", ["worker-0", "control", "broker"])
@rounds_of_kills
@pytest.mark.timeout(300)
def test_a_killed_child_comes_back_and_nothing_is_lost(name: str, rounds: int) -> None:
    with EmbeddedServer(arguments=["--property", "ksql.streams.commit.interval.ms=200"]) as server:
        prepare(server)
        load = Load(server.bootstrap_servers)
        for _ in range(rounds):
            goal = load.acknowledged + 200
            wait_until(lambda goal=goal: load.acknowledged >= goal, "some load")
            before = server.kill_child(name)
            wait_until(
                lambda before=before: any(
                    c["name"] == name and c["state"] == "ready" and c["pid"] != before for c in server.processes()
                ),
                f"{name} to be restarted",
            )
        load.stop()
        check_exact(server, load)


@rounds_of_kills
@pytest.mark.timeout(300)
def test_a_killed_supervisor_leaves_nothing_behind_and_starts_again(rounds: int) -> None:
    server = EmbeddedServer(arguments=["--property", "ksql.streams.commit.interval.ms=200"]).start()
    try:
        prepare(server)
        acknowledged = uncertain = 0
        for _ in range(rounds):
            load = Load(server.bootstrap_servers)
            wait_until(lambda load=load: load.acknowledged >= 100, "some load")
            pids = [int(child["pid"]) for child in server.processes()]
            server.kill()
            killed_at = time.monotonic()
            wait_until(lambda pids=pids: not any(is_alive(pid) for pid in pids), "all children to be gone", 10)
            assert time.monotonic() - killed_at < 5
            load._stop.set()
            acknowledged += load.acknowledged
            server.start()
            load.stop()
            uncertain += load.uncertain + 1
        load.acknowledged, load.uncertain = acknowledged, uncertain
        check_exact(server, load)
    finally:
        server.close()


def test_sigterm_ends_everything_cleanly() -> None:
    server = EmbeddedServer().start()
    pids = [int(child["pid"]) for child in server.processes()]
    assert server.stop() == 0
    assert not any(is_alive(pid) for pid in pids)
    server.close()


def test_a_worker_that_ends_in_its_first_commit_counts_each_record_once(tmp_path: Path) -> None:
    """Its changelog is written, its state and positions are not."""
    crash = {"KAPPA_CRASH_POINT": "after-flush"}
    interval = ["--property", "ksql.streams.commit.interval.ms=200"]
    with EmbeddedServer(tmp_path, arguments=interval, environment=crash) as server:
        prepare(server)
        with RecordWriter(ClientConfig(server.bootstrap_servers)) as writer:
            for number in range(20):
                writer.send("numbers", b"k%d" % (number % 5), b'{"V":1}')
        restarts = lambda: next(c["restarts"] for c in server.processes() if c["name"] == "worker-0")  # noqa: E731
        wait_until(lambda: restarts() >= 2, "two crashes")
        server.kill()
    with EmbeddedServer(tmp_path, arguments=interval) as server:
        wait_until(lambda: total_of(server.url) >= 20, "the records to be counted")
        assert total_of(server.url) == 20
