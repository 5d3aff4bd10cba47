"""Exactly once on three Apache Kafka brokers: processes and brokers are killed, results equal the batch computation.

One, two and four processes share twelve partitions. While input comes in, processes and brokers are ended with SIGKILL
in turn and started again; some come back with an empty disk, as on another machine.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.embedded_server import wait_until
from kappaflow.testing.handover import ApplicationProcess, Batch, Topics, check_exact, own_command

pytestmark = [pytest.mark.real, pytest.mark.java, pytest.mark.timeout(600)]

PARTITIONS = 12
EVENTS = 400
USERS = 60
SESSION_MS = 6_000
SEED = int(os.environ.get("KAPPA_ROUND_SEED", "1"))
FAULTS = ("process", "broker", "process without its disk", "broker and process")
NEVER = -99
PATIENCE_S = 120


class Instances:
    """The processes of one application."""

    def __init__(self, topics: Topics, folder: Path, count: int) -> None:
        self._topics = topics
        self._folder = folder
        self._running: list[ApplicationProcess | None] = [None] * count
        for number in range(count):
            self.start(number)

    def start(self, number: int) -> None:
        settings = {
            "application.id": f"{self._topics.prefix}app",
            "topic.prefix": self._topics.prefix,
            "bootstrap.servers": self._topics.bootstrap,
            "processing.guarantee": "exactly_once_v2",
            "commit.interval.ms": "100",
            "session.timeout.ms": str(SESSION_MS),
            "replication.factor": "3",
            "stop.at": str(NEVER),
            "state.dir": str(self._folder / str(number)),
        }
        self._running[number] = ApplicationProcess(own_command(settings), self._folder / f"{number}.log")

    def kill(self, number: int) -> None:
        process, self._running[number] = self._running[number], None
        if process is not None:
            process.kill()

    def wipe(self, number: int) -> None:
        shutil.rmtree(self._folder / str(number))

    def close(self) -> None:
        for process in self._running:
            if process is not None:
                process.close()

    def kill_all(self) -> None:
        for number in range(len(self._running)):
            self.kill(number)


def wait_for_results(topics: Topics, outputs: Sequence[str], count: int) -> None:
    for output in outputs:
        wait_until(lambda output=output: len(topics.read(output)) >= count, f"{count} rows of {output}", PATIENCE_S)


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_killed_processes_and_brokers_leave_exact_results(
    kafka_all_running: ApacheKafka, tmp_path: Path, processes: int
) -> None:
    kafka = kafka_all_running
    rng = random.Random(SEED * 10 + processes)
    batch = Batch(rng, USERS)
    topics = Topics(kafka.bootstrap_servers, PARTITIONS, replication_factor=3, prefix=f"p{processes}-")
    topics.write(batch.users(0))
    instances = Instances(topics, tmp_path, processes)
    try:
        for fault in FAULTS:
            done = batch.count
            topics.write(batch.events(EVENTS))
            # In the middle: something of this part is committed, and more of it is not.
            wait_for_results(topics, ["windows-out"], done + 1)
            process, broker = rng.randrange(processes), rng.randrange(3) + 1
            if "broker" in fault:
                kafka.kill(broker)
            if "process" in fault:
                instances.kill(process)
                if "disk" in fault:
                    instances.wipe(process)
            topics.write(batch.events(EVENTS))
            if "process" in fault:
                instances.start(process)
            wait_for_results(topics, ["windows-out"], done + EVENTS + 1)
            if "broker" in fault:
                kafka.start(broker)
        topics.write(batch.closers(PARTITIONS))
        wait_for_results(topics, ["windows-out", "totals-out"], len(batch.of("events")))
        instances.close()
        check_exact(topics, batch)
    finally:
        instances.kill_all()
