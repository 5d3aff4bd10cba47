"""Every topic configuration with values right and wrong: what our broker accepts beside what Apache Kafka accepts."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest

from kappaflow.broker.topic_configs import TOPIC_CONFIGS
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.message import Message

pytestmark = [pytest.mark.java]

VALUES: tuple[str | None, ...] = (
    None, "", "abc", "-9223372036854775809", "-131073", "-131072", "-3", "-2", "-1", "0", "1", "3", "4", "9", "10",
    "13", "14", "17", "18", "22", "23", "1048575", "1048576", "2147483647", "2147483648", "9223372036854775807",
    "9223372036854775808", "1.5", "0.5", "1e0", " 1", "1 ", "+1", "1_0", "true", "TRUE", "yes", "false", "compact",
    "delete", "compact,delete", "compact, delete", "delete,,", ",", "COMPACT", "none", "gzip", "GZIP", "zstd",
    "producer", "uncompressed", "CreateTime", "LogAppendTime", "createtime", "*", "*,*", "1:2", "1:2,3:4", "1-2",
    "1:",
)  # fmt: skip
# Kafka takes any number for its own tests' setting, also those that no segment can have.
NAMES = (*sorted(name for name, config in TOPIC_CONFIGS.items() if not config.is_internal), "no.such.config")
SET, DELETE, APPEND, SUBTRACT = range(4)
TOGETHER: tuple[dict[str, str], ...] = (
    {"min.compaction.lag.ms": "6", "max.compaction.lag.ms": "5"},
    {"min.compaction.lag.ms": "5", "max.compaction.lag.ms": "5"},
    {"min.compaction.lag.ms": "-1", "max.compaction.lag.ms": "5"},
    {"retention.ms": "10", "local.retention.ms": "20"},
    {"retention.bytes": "10", "local.retention.bytes": "20"},
    {"cleanup.policy": "compact", "remote.storage.enable": "false"},
    {"segment.bytes": "1048576", "internal.segment.bytes": "1000"},
    {"segment.ms": "1", "segment.jitter.ms": "5"},
    {"message.timestamp.type": "LogAppendTime", "message.timestamp.before.max.ms": "1"},
)


@pytest.fixture(scope="module")
def clients(pair: object) -> Iterator[tuple[RawClient, RawClient]]:
    ours, theirs = (int(address.split(":")[1]) for address in (pair.ours, pair.theirs))  # type: ignore[attr-defined]
    with RawClient(ours) as our_client, RawClient(theirs) as their_client:
        yield our_client, their_client


def topic(configs: dict[str, str | None]) -> Message:
    settings = [Message(name=name, value=value) for name, value in configs.items()]
    name = f"t-{uuid.uuid4().hex[:12]}"
    return Message(name=name, num_partitions=1, replication_factor=1, assignments=[], configs=settings)


def create(client: RawClient, topics: list[Message], *, validate_only: bool = True) -> list[Message]:
    answer = client.ask(19, 7, Message(topics=topics, timeout_ms=10_000, validate_only=validate_only))
    by_name = {each.name: each for each in answer.topics}
    return [by_name[each.name] for each in topics]


def test_values_of_new_topics(clients: tuple[RawClient, RawClient]) -> None:
    asked = [{name: value} for name in NAMES for value in VALUES] + [dict(each) for each in TOGETHER]
    topics = [topic(configs) for configs in asked]
    ours, theirs = (create(client, topics) for client in clients)

    def seen(configs: dict[str, str | None], answer: Message) -> object:
        return answer.error_code or [each.value for each in answer.configs if each.name in configs]

    differing = [
        f"{configs}: ours {our}, Kafka's {their}"
        for configs, our, their in zip(asked, map(seen, asked, ours), map(seen, asked, theirs), strict=True)
        if our != their
    ]
    assert not differing, "\n".join(differing)


def alter(client: RawClient, name: str, changes: list[tuple[str, int, str | None]], *, validate_only: bool) -> int:
    configs = [Message(name=key, config_operation=operation, value=value) for key, operation, value in changes]
    resource = Message(resource_type=2, resource_name=name, configs=configs)
    return client.ask(44, 1, Message(resources=[resource], validate_only=validate_only)).responses[0].error_code


def test_values_of_topics_that_there_are(clients: tuple[RawClient, RawClient]) -> None:
    wanted = topic({"cleanup.policy": "compact,delete", "leader.replication.throttled.replicas": "1:2"})
    for client in clients:
        assert create(client, [wanted], validate_only=False)[0].error_code == 0
    differing: list[str] = []
    for name in NAMES:
        for operation in (SET, DELETE, APPEND, SUBTRACT):
            for value in VALUES:
                change = [(name, operation, value)]
                ours, theirs = (alter(client, wanted.name, change, validate_only=True) for client in clients)
                if ours != theirs:
                    differing.append(f"{name} {operation} {value!r}: ours {ours}, Kafka's {theirs}")
    assert not differing, "\n".join(differing)


CHANGES: tuple[list[tuple[str, int, str | None]], ...] = (
    [("cleanup.policy", SUBTRACT, "delete")],
    [("cleanup.policy", SUBTRACT, "compact")],
    [("cleanup.policy", APPEND, "delete")],
    [("cleanup.policy", APPEND, "delete,compact,compact")],
    [("cleanup.policy", SUBTRACT, "compact, delete")],
    [("cleanup.policy", SUBTRACT, "delete,shred")],
    [("cleanup.policy", DELETE, None)],
    [("cleanup.policy", APPEND, "compact")],
    [("leader.replication.throttled.replicas", APPEND, "0:1")],
    [("leader.replication.throttled.replicas", APPEND, "0:1,1:1")],
    [("leader.replication.throttled.replicas", SUBTRACT, "0:1")],
    [("leader.replication.throttled.replicas", SUBTRACT, "1:1")],
    [("min.compaction.lag.ms", SET, "100")],
    [("max.compaction.lag.ms", SET, "99")],
    [("max.compaction.lag.ms", SET, "99"), ("min.compaction.lag.ms", DELETE, None)],
    [("retention.ms", SET, "1"), ("retention.ms", SET, "2")],
    [("retention.ms", SET, "5"), ("no.such.config", SET, "2")],
    [("no.such.config", DELETE, None), ("retention.ms", SET, " 6 ")],
    [("preallocate", SET, "TRUE"), ("cleanup.policy", SET, " compact, delete"), ("compression.type", SET, "gzip")],
    [],
)


def test_changes_lead_to_the_same_settings(clients: tuple[RawClient, RawClient]) -> None:
    wanted = topic({"cleanup.policy": "compact,delete"})
    for client in clients:
        create(client, [wanted], validate_only=False)
    differing: list[str] = []
    for change in CHANGES:
        codes = [alter(client, wanted.name, change, validate_only=False) for client in clients]
        ours, theirs = (settings(client, wanted.name) for client in clients)
        deadline = time.monotonic() + 5
        while ours != theirs and time.monotonic() < deadline:  # Kafka's is on its way from the controller to the broker
            theirs = settings(clients[1], wanted.name)
        if codes[0] != codes[1] or ours != theirs:
            differing.append(f"{change}: ours {codes[0]} {ours}, Kafka's {codes[1]} {theirs}")
    assert not differing, "\n".join(differing)


def settings(client: RawClient, name: str) -> list[tuple[str, str | None]]:
    """What is set for a topic itself."""
    resource = Message(resource_type=2, resource_name=name, configuration_keys=None)
    body = Message(resources=[resource], include_synonyms=False, include_documentation=False)
    configs = client.ask(32, 4, body).results[0].configs
    return sorted((each.name, each.value) for each in configs if each.config_source == 1)
