"""A Java Kafka Streams application is stopped, and the same topology in ours goes on: nothing lost, nothing twice.

The two take turns, each stopped in the middle of its work, closed or killed. Each goes on from the offsets, repartition
topics and changelogs of the other, and from what itself has on disk of earlier. What comes out in the end is what a
computation over all input at once gives.
"""

from __future__ import annotations

import os
import random
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.embedded_server import wait_until
from kappaflow.testing.handover import (
    ApplicationProcess,
    Batch,
    Topics,
    check_exact,
    check_nothing_lost,
    own_command,
)
from kappaflow.testing.java_program import java_program

pytestmark = [pytest.mark.java, pytest.mark.timeout(300)]

PARTITIONS = 3
APPLICATION = "handover"
BEFORE, DURING = 150, 100
SESSION_MS = 6_000
SEED = int(os.environ.get("KAPPA_ROUND_SEED", "1"))
QUICK = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


class Relay:
    """Starts the application in turn here and there."""

    def __init__(self, topics: Topics, folder: Path, guarantee: str, **java: str) -> None:
        self._topics = topics
        self._folder = folder
        self._java = java
        self._settings = {
            "application.id": APPLICATION,
            "bootstrap.servers": topics.bootstrap,
            "processing.guarantee": guarantee,
            "commit.interval.ms": "100",
            "session.timeout.ms": str(SESSION_MS),
            "replication.factor": "1",
        }
        self._program = java_program(Path(__file__).with_name("Handover.java"))

    def start(self, language: str, stop_at: int) -> ApplicationProcess:
        settings = self._settings | {"stop.at": str(stop_at), "state.dir": str(self._folder / language)}
        if language == "java":
            settings |= {
                "auto.offset.reset": "earliest",
                "heartbeat.interval.ms": "500",
                "statestore.cache.max.bytes": "0",
                **self._java,
            }
        arguments = [f"{name}={value}" for name, value in settings.items()]
        command = own_command(settings) if language == "ours" else self._program.command(arguments, QUICK)
        return ApplicationProcess(command, self._folder / f"{language}.log")

    def run(self, order: Sequence[str], *, kill: bool, batch: Batch) -> None:
        """Let each have its turn; all but the last are stopped in the middle."""
        descriptions = set[str]()
        topics = self._topics
        for turn, language in enumerate(order):
            is_last = turn == len(order) - 1
            topics.write(batch.users(turn))
            before = batch.events(BEFORE)
            topics.write(before)
            if language == "java":
                # Kafka Streams gives up where members of the group speak another language.
                wait_until(lambda: topics.has_no_members(APPLICATION), "the end of the session of who was killed", 30)
            running = self.start(language, -99 if is_last else batch.count + DURING * 3 // 5)
            try:
                descriptions.add(running.description)
                expected = len(batch.of("events"))
                wait_until(lambda: len(topics.read("windows-out")) >= expected, "what was there before", 60)  # noqa: B023
                topics.write(batch.events(DURING))
                if is_last:
                    topics.write(batch.closers(PARTITIONS))
                    expected = len(batch.of("events"))
                    for topic in ("windows-out", "totals-out"):
                        wait_until(lambda: len(topics.read(topic)) >= expected, f"all of {topic}", 60)  # noqa: B023
                    running.close()
                else:
                    running.wait_reached()
                    running.kill() if kill else running.close()
            except BaseException:
                running.kill()
                raise
        assert len(descriptions) == 1


@pytest.fixture
def embedded() -> Generator[Topics]:
    with EmbeddedBroker() as broker:
        yield Topics(broker.bootstrap_servers, PARTITIONS)


@pytest.fixture
def apache() -> Generator[Topics]:
    with ApacheKafka(configs={"log.retention.ms": "-1"}) as kafka:
        yield Topics(kafka.bootstrap_servers, PARTITIONS)


def test_ours_goes_on_where_java_stopped_and_java_where_ours_did(embedded: Topics, tmp_path: Path) -> None:
    batch = Batch(random.Random(SEED))
    Relay(embedded, tmp_path, "exactly_once_v2").run(("java", "ours", "java"), kill=False, batch=batch)
    check_exact(embedded, batch)


@pytest.mark.real
@pytest.mark.parametrize("where", ["embedded", "apache"])
@pytest.mark.parametrize("order", [("java", "ours", "java", "ours"), ("ours", "java", "ours")], ids="-".join)
@pytest.mark.parametrize("how", ["closed", "killed"])
@pytest.mark.parametrize("guarantee", ["exactly_once_v2", "at_least_once"])
def test_they_take_turns(
    request: pytest.FixtureRequest, tmp_path: Path, where: str, order: Sequence[str], how: str, guarantee: str
) -> None:
    topics: Topics = request.getfixturevalue(where)
    batch = Batch(random.Random(SEED))
    Relay(topics, tmp_path, guarantee).run(order, kill=how == "killed", batch=batch)
    if how == "killed" and guarantee == "at_least_once":
        check_nothing_lost(topics, batch)
    else:
        check_exact(topics, batch)


@pytest.mark.real
def test_stores_with_headers_are_taken_over(embedded: Topics, tmp_path: Path) -> None:
    batch = Batch(random.Random(SEED))
    relay = Relay(embedded, tmp_path, "exactly_once_v2", **{"dsl.store.format": "HEADERS"})
    relay.run(("java", "ours", "java"), kill=False, batch=batch)
    check_exact(embedded, batch)


@pytest.mark.real
def test_an_application_of_the_streams_protocol_is_taken_over(apache: Topics, tmp_path: Path) -> None:
    batch = Batch(random.Random(SEED))
    relay = Relay(apache, tmp_path, "exactly_once_v2", **{"group.protocol": "streams"})
    relay.run(("java", "ours", "java"), kill=False, batch=batch)
    check_exact(apache, batch)
