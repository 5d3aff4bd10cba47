"""Real Kafka clusters for all integration tests; tests that use them carry the mark java."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from kappaflow.testing.apache_kafka import ApacheKafka

# A dead broker is noticed after three seconds instead of nine, to keep the tests that kill one short.
QUICK_FAILURE_DETECTION = {"broker.session.timeout.ms": 3000, "broker.heartbeat.interval.ms": 500}


# Tests write records of long ago, which a cluster that runs for more than five minutes would delete.
KEEP = {"log.retention.ms": "-1"}


@pytest.fixture(scope="session")
def kafka() -> Generator[ApacheKafka]:
    """One Apache Kafka 4.3 broker."""
    with ApacheKafka(configs=KEEP) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def kafka_three() -> Generator[ApacheKafka]:
    """Three Apache Kafka 4.3 brokers with one separate controller, for tests that stop and kill brokers."""
    with ApacheKafka(brokers=3, controllers="separate", configs=QUICK_FAILURE_DETECTION | KEEP, heap="384m") as cluster:
        yield cluster


@pytest.fixture
def kafka_all_running(kafka_three: ApacheKafka) -> Generator[ApacheKafka]:
    """The three brokers, with those that a test ended started again afterwards."""
    yield kafka_three
    for number in (1, 2, 3):
        if not kafka_three.is_running(number):
            kafka_three.start(number)
