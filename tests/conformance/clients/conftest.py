"""Our broker and a real Apache Kafka, set up alike, for scripts that are run on both."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.embedded_broker import EmbeddedBroker

# With ACLs, so that tools of access control have something to do; whoever is not logged on may do everything.
SETTINGS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
    "auto.create.topics.enable": "false",
    # The scripts write records with times long past: no round of retention may come between two of their steps.
    "log.retention.check.interval.ms": "86400000",
}
NO_FIRST_ROUND = {"log.initial.task.delay.ms": "86400000"}


@dataclass(frozen=True)
class Pair:
    """Both brokers.

    Attributes:
        ours, theirs: their addresses.
        directories: their data directories, by path.
    """

    ours: str
    theirs: str
    directories: dict[str, str]


@contextmanager
def running_pair() -> Generator[Pair]:
    properties = [part for name, value in SETTINGS.items() for part in ("--property", f"{name}={value}")]
    with ApacheKafka(configs=SETTINGS | NO_FIRST_ROUND) as kafka, EmbeddedBroker(arguments=properties) as broker:
        paths = {str(kafka.directory / "broker-1" / "data"): "DIRECTORY", str(broker.data_dir): "DIRECTORY"}
        yield Pair(broker.bootstrap_servers, kafka.bootstrap_servers, paths)


@pytest.fixture(scope="session")
def pair() -> Generator[Pair]:
    """For scripts that keep to topics of their own."""
    with running_pair() as both:
        yield both


@pytest.fixture
def fresh_pair() -> Generator[Pair]:
    """For scripts that list all there is."""
    with running_pair() as both:
        yield both


def compared(pair: Pair, script: Callable[[str], Sequence[tuple[str, Any]]]) -> list[str]:
    """Run a script on both brokers at once; where their answers differ, step by step."""
    with ThreadPoolExecutor(2) as both:
        ours, theirs = both.map(script, (pair.ours, pair.theirs))
    assert len(ours) >= 20
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    return [f"{name}: ours {a!r}, Kafka's {b!r}" for (name, a), (_, b) in zip(ours, theirs, strict=True) if a != b]


@pytest.fixture
def on_both() -> Callable[[Pair, Callable[[str], Sequence[tuple[str, Any]]]], list[str]]:
    return compared
