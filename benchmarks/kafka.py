"""The broker, and what is asked of it from outside both sides."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kappaflow.testing.apache_kafka import ApacheKafka

BROKER_HEAP = "1g"
# Old event times would be deleted by the default retention; one broker flushes as Kafka does by default.
BROKER_CONFIGS = {"log.retention.ms": -1, "log.segment.bytes": 1 << 30, "num.network.threads": 3, "num.io.threads": 8}
_INPUT = "orders-"


@contextmanager
def broker(bootstrap: str, directory: Path) -> Iterator[str]:
    """Give the address of a running broker: the one named, or one started here with compiled code and 1 GB heap."""
    if bootstrap:
        yield bootstrap
        return
    with ApacheKafka(configs=BROKER_CONFIGS, heap=BROKER_HEAP, jvm_options=(), directory=directory) as kafka:
        yield kafka.bootstrap_servers


@lru_cache
def admin(bootstrap: str) -> AdminClient:
    """One admin client a broker."""
    return AdminClient({"bootstrap.servers": bootstrap})


@lru_cache
def _consumer(bootstrap: str) -> Consumer:
    return Consumer({"bootstrap.servers": bootstrap, "group.id": "benchmark-offsets", "enable.auto.commit": False})


def topic_names(bootstrap: str) -> set[str]:
    """All topics."""
    return set(admin(bootstrap).list_topics(timeout=30).topics)


def create_topic(bootstrap: str, name: str, partitions: int) -> None:
    """Create a topic and wait until it can be read."""
    admin(bootstrap).create_topics([NewTopic(name, partitions, 1)])[name].result()
    deadline = time.monotonic() + 30
    while len(admin(bootstrap).list_topics(name, timeout=30).topics[name].partitions) < partitions:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} was not created.")
        time.sleep(0.05)


def end_offsets(bootstrap: str, topic: str) -> list[int]:
    """The end of each partition; empty when the topic is not there."""
    found = admin(bootstrap).list_topics(topic, timeout=30).topics[topic]
    if found.error is not None:
        return []
    return [
        _consumer(bootstrap).get_watermark_offsets(TopicPartition(topic, p), timeout=30)[1] for p in found.partitions
    ]


def partition_ends(bootstrap: str, topic: str, partitions: int) -> int:
    """The sum of the ends of a topic's partitions, 0 as long as it is not there."""
    total = 0
    for number in range(partitions):
        try:
            total += _consumer(bootstrap).get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
        except Exception:
            return 0
    return total


def committed(bootstrap: str, topic: str, group_part: str) -> int:
    """The sum of the offsets that the group whose name holds `group_part` has committed for a topic."""
    client = admin(bootstrap)
    groups = [g.group_id for g in client.list_consumer_groups().result().valid if group_part in g.group_id]
    total = 0
    for group in groups:
        request = ConsumerGroupTopicPartitions(group)
        answer = client.list_consumer_group_offsets([request])[group].result()
        total += sum(p.offset for p in answer.topic_partitions if p.topic == topic and p.offset > 0)
    return total


def remove_outputs(bootstrap: str) -> None:
    """Delete every topic that is neither input nor Kafka's own, and wait until they are gone."""
    client = admin(bootstrap)

    def others() -> list[str]:
        return [name for name in topic_names(bootstrap) if not name.startswith((_INPUT, "__"))]

    names = others()
    if names:
        for future in client.delete_topics(names).values():
            future.result()
    deadline = time.monotonic() + 60
    while others():
        if time.monotonic() > deadline:
            raise RuntimeError(f"Topics were not deleted: {others()}")
        time.sleep(0.2)


def group_members(bootstrap: str, group_part: str) -> int:
    """How many members the groups whose names hold `group_part` have."""
    client = admin(bootstrap)
    names = [g.group_id for g in client.list_consumer_groups().result().valid if group_part in g.group_id]
    found = client.describe_consumer_groups(names) if names else {}
    return sum(len(group.result().members) for group in found.values())
