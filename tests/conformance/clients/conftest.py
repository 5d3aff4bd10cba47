"""Our broker and a real Apache Kafka, set up alike, for scripts that are run on both."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import pytest

from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.embedded_broker import EmbeddedBroker

# With ACLs, so that tools of access control have something to do; whoever is not logged on may do everything.
SETTINGS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
    "auto.create.topics.enable": "false",
}


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


@pytest.fixture(scope="module")
def pair() -> Generator[Pair]:
    properties = [part for name, value in SETTINGS.items() for part in ("--property", f"{name}={value}")]
    with ApacheKafka(configs=SETTINGS) as kafka, EmbeddedBroker(arguments=properties) as broker:
        paths = {str(kafka.directory / "node-1" / "data"): "DIRECTORY", str(broker.data_dir): "DIRECTORY"}
        yield Pair(broker.bootstrap_servers, kafka.bootstrap_servers, paths)
