"""Topics and configurations for the client's tests: each runs on Apache Kafka and on the embedded broker."""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import count

import pytest

from kappaflow.client.admin import Admin, NewTopic
from kappaflow.client.connection import ClientConfig
from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.embedded_broker import EmbeddedBroker

_NUMBERS = count(1)


@pytest.fixture(scope="session", params=[pytest.param("apache", marks=pytest.mark.java), "embedded"])
def config(request: pytest.FixtureRequest) -> Generator[ClientConfig]:
    """How to reach one broker of either kind."""
    if request.param == "apache":
        kafka: ApacheKafka = request.getfixturevalue("kafka")
        yield ClientConfig(kafka.bootstrap_servers)
        return
    with EmbeddedBroker() as broker:
        yield ClientConfig(broker.bootstrap_servers)


@pytest.fixture(scope="session")
def admin(config: ClientConfig) -> Generator[Admin]:
    with Admin(config) as client:
        yield client


@pytest.fixture
def new_topic(admin: Admin) -> Callable[..., str]:
    def create(partitions: int = 1, **configs: str) -> str:
        name = f"topic-{next(_NUMBERS)}"
        settings = {key.replace("_", "."): value for key, value in configs.items()}
        admin.create_topic(NewTopic(name, partitions, configs=settings))
        return name

    return create
