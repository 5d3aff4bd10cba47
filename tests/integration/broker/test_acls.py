"""Access control lists, as clients meet them."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable
from pathlib import Path

import aiokafka
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from kappaflow.broker.security.user_files import add_user
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

LITERAL, PREFIXED = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Generator[EmbeddedBroker]:
    data_dir: Path = tmp_path_factory.mktemp("acls")
    for user in ("admin", "alice"):
        add_user(data_dir, user, f"{user}-secret", ["SCRAM-SHA-256"], 4096)
    arguments = (
        *("--listener", "SASL_PLAINTEXT://127.0.0.1:0"),
        *("--property", "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        *("--property", "super.users=User:root;User:admin"),
        *("--property", "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256"),
    )
    with EmbeddedBroker(data_dir, arguments=arguments) as running:
        yield running


def settings(broker: EmbeddedBroker, user: str, **more: object) -> dict[str, object]:
    return {
        "bootstrap.servers": broker.listeners["SASL_PLAINTEXT"],
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": user,
        "sasl.password": f"{user}-secret",
        **more,
    }


@pytest.fixture(scope="module")
def admin(guarded: EmbeddedBroker) -> AdminClient:
    return AdminClient(settings(guarded, "admin"))


@pytest.fixture(scope="module")
def alice(guarded: EmbeddedBroker) -> AdminClient:
    return AdminClient(settings(guarded, "alice"))


@pytest.fixture(autouse=True)
def no_entries(admin: AdminClient) -> None:
    everything = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    for future in admin.delete_acls([everything]).values():
        future.result(10)


def entry(
    kind: ResourceType,
    name: str,
    operation: AclOperation,
    permission: AclPermissionType = AclPermissionType.ALLOW,
    pattern: ResourcePatternType = LITERAL,
    principal: str = "User:alice",
    host: str = "*",
) -> AclBinding:
    return AclBinding(kind, name, pattern, principal, host, operation, permission)


def allow(admin: AdminClient, *entries: AclBinding) -> None:
    for future in admin.create_acls(list(entries)).values():
        future.result(10)


def create(admin: AdminClient, *names: str) -> None:
    for future in admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
        future.result(10)


def code_of(futures: Iterable[object]) -> str:
    (future,) = futures
    with pytest.raises(KafkaException) as failure:
        future.result(10)  # type: ignore[attr-defined]
    return failure.value.args[0].name()


def produce(broker: EmbeddedBroker, topic: str, **more: object) -> str:
    """The name of the delivery's error, or nothing."""
    errors: list[KafkaError | None] = []
    producer = Producer(settings(broker, "alice", **{"message.timeout.ms": 3000, **more}))
    producer.produce(topic, b"x", on_delivery=lambda error, _: errors.append(error))
    producer.flush(10)
    return errors[0].name() if errors[0] else ""


def test_without_an_authorizer_there_are_no_entries(broker: EmbeddedBroker) -> None:
    wanted = Message(
        resource_type_filter=1, resource_name_filter=None, pattern_type_filter=1,
        principal_filter=None, host_filter=None, operation=1, permission_type=1,
    )  # fmt: skip
    creation = Message(
        resource_type=2, resource_name="t", resource_pattern_type=3, principal="User:a", host="*", operation=3,
        permission_type=3,
    )  # fmt: skip
    with RawClient(broker.port) as client:
        assert client.ask(29, 3, wanted).error_code == ErrorCode.SECURITY_DISABLED
        assert client.ask(30, 3, Message(creations=[creation])).results[0].error_code == ErrorCode.SECURITY_DISABLED
        deleted = client.ask(31, 3, Message(filters=[wanted])).filter_results
        assert deleted[0].error_code == ErrorCode.SECURITY_DISABLED


def test_a_producer_needs_the_right_to_write(guarded: EmbeddedBroker, admin: AdminClient, topic: str) -> None:
    create(admin, topic)
    assert produce(guarded, topic) == "TOPIC_AUTHORIZATION_FAILED"
    allow(admin, entry(ResourceType.TOPIC, topic, AclOperation.DESCRIBE))
    assert produce(guarded, topic) == "TOPIC_AUTHORIZATION_FAILED"
    allow(admin, entry(ResourceType.TOPIC, topic[:-3], AclOperation.WRITE, pattern=PREFIXED))
    assert produce(guarded, topic) == ""
    assert produce(guarded, topic, **{"enable.idempotence": True}) == ""
    allow(admin, entry(ResourceType.TOPIC, topic, AclOperation.WRITE, AclPermissionType.DENY, host="127.0.0.1"))
    assert produce(guarded, topic) == "TOPIC_AUTHORIZATION_FAILED"


def test_an_entry_for_another_host_or_user_says_nothing(
    guarded: EmbeddedBroker, admin: AdminClient, topic: str
) -> None:
    create(admin, topic)
    allow(
        admin,
        entry(ResourceType.TOPIC, topic, AclOperation.ALL, host="10.9.8.7"),
        entry(ResourceType.TOPIC, topic, AclOperation.ALL, principal="User:bob"),
        entry(ResourceType.TOPIC, topic, AclOperation.ALL, principal="Group:alice"),
    )
    assert produce(guarded, topic) == "TOPIC_AUTHORIZATION_FAILED"
    allow(admin, entry(ResourceType.TOPIC, "*", AclOperation.ALL, principal="User:*"))
    assert produce(guarded, topic) == ""


def test_topics_that_may_not_be_described_are_not_shown(alice: AdminClient, admin: AdminClient, topic: str) -> None:
    create(admin, topic, f"{topic}-hidden")
    allow(admin, entry(ResourceType.TOPIC, topic, AclOperation.READ))
    assert set(alice.list_topics(timeout=5).topics) == {topic}
    assert {topic, f"{topic}-hidden"} <= set(admin.list_topics(timeout=5).topics)
    hidden = alice.list_topics(f"{topic}-hidden", timeout=5).topics[f"{topic}-hidden"]
    assert hidden.error is not None and hidden.error.name() == "TOPIC_AUTHORIZATION_FAILED"
    missing = alice.list_topics("no-such-topic", timeout=5).topics["no-such-topic"]
    assert missing.error is not None and missing.error.name() == "TOPIC_AUTHORIZATION_FAILED"


def consume(broker: EmbeddedBroker, topic: str, group: str) -> str:
    """The first error, or the first value."""
    consumer = Consumer(settings(broker, "alice", **{"group.id": group, "auto.offset.reset": "earliest"}))
    try:
        consumer.subscribe([topic])
        found = consumer.poll(10)
        assert found is not None
        error = found.error()
        return error.name() if error else (found.value() or b"").decode()
    finally:
        consumer.close()


def test_a_consumer_needs_topic_and_group(guarded: EmbeddedBroker, admin: AdminClient, topic: str, group: str) -> None:
    create(admin, topic)
    producer = Producer(settings(guarded, "admin"))
    producer.produce(topic, b"hello")
    producer.flush(10)
    allow(admin, entry(ResourceType.TOPIC, topic, AclOperation.READ))
    assert consume(guarded, topic, group) == "GROUP_AUTHORIZATION_FAILED"
    allow(admin, entry(ResourceType.GROUP, group, AclOperation.READ))
    assert consume(guarded, topic, group) == "hello"


def test_groups_are_seen_described_and_deleted_by_right(
    guarded: EmbeddedBroker, admin: AdminClient, alice: AdminClient, topic: str, group: str
) -> None:
    create(admin, topic)
    allow(
        admin,
        entry(ResourceType.TOPIC, topic, AclOperation.ALL),
        entry(ResourceType.GROUP, group, AclOperation.READ),
    )
    assert produce(guarded, topic) == ""
    consume(guarded, topic, group)
    other = Consumer(settings(guarded, "admin", **{"group.id": f"{group}-other"}))
    other.subscribe([topic])
    other.poll(2)
    other.close()
    assert {each.group_id for each in alice.list_consumer_groups().result(10).valid} == {group}
    assert code_of(alice.describe_consumer_groups([f"{group}-other"]).values()) == "GROUP_AUTHORIZATION_FAILED"
    assert code_of(alice.delete_consumer_groups([group]).values()) == "GROUP_AUTHORIZATION_FAILED"
    allow(admin, entry(ResourceType.GROUP, group, AclOperation.DELETE))
    alice.delete_consumer_groups([group])[group].result(10)


def test_topics_are_made_grown_configured_and_deleted_by_right(
    admin: AdminClient, alice: AdminClient, topic: str
) -> None:
    assert code_of(alice.create_topics([NewTopic(topic, 1, 1)]).values()) == "TOPIC_AUTHORIZATION_FAILED"
    allow(admin, entry(ResourceType.TOPIC, topic, AclOperation.CREATE))
    create(alice, topic)
    assert code_of(alice.delete_topics([topic]).values()) == "TOPIC_AUTHORIZATION_FAILED"
    assert code_of(alice.delete_topics(["no-such"]).values()) == "TOPIC_AUTHORIZATION_FAILED"
    allow(admin, entry(ResourceType.TOPIC, topic, AclOperation.DELETE))
    alice.delete_topics([topic])[topic].result(10)
    # The right to delete lets see, so that the topic is gone is told.
    assert code_of(alice.delete_topics([topic]).values()) == "UNKNOWN_TOPIC_OR_PART"


def test_the_right_to_create_any_topic_is_the_clusters(admin: AdminClient, alice: AdminClient, topic: str) -> None:
    allow(admin, entry(ResourceType.BROKER, "kafka-cluster", AclOperation.CREATE))
    create(alice, topic)


def test_what_is_allowed_is_told_where_it_is_asked(admin: AdminClient, alice: AdminClient, topic: str) -> None:
    create(admin, topic)
    allow(
        admin,
        entry(ResourceType.TOPIC, topic, AclOperation.ALTER_CONFIGS),
        entry(ResourceType.TOPIC, topic, AclOperation.WRITE),
    )
    futures = alice.describe_topics(TopicCollection([topic]), include_authorized_operations=True)
    found = futures[topic].result(10).authorized_operations
    assert set(found) == {
        AclOperation.WRITE, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS, AclOperation.ALTER_CONFIGS,
    }  # fmt: skip
    cluster = alice.describe_cluster(include_authorized_operations=True).result(10)
    assert not cluster.authorized_operations
    allow(admin, entry(ResourceType.BROKER, "kafka-cluster", AclOperation.ALTER))
    cluster = alice.describe_cluster(include_authorized_operations=True).result(10)
    assert set(cluster.authorized_operations) == {AclOperation.ALTER, AclOperation.DESCRIBE}


def test_a_transaction_needs_its_id(guarded: EmbeddedBroker, admin: AdminClient, topic: str) -> None:
    create(admin, topic)
    allow(admin, entry(ResourceType.TOPIC, topic, AclOperation.WRITE))
    producer = Producer(settings(guarded, "alice", **{"transactional.id": topic}))
    with pytest.raises(KafkaException) as failure:
        producer.init_transactions(10)
    assert failure.value.args[0].name() == "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"
    allow(admin, entry(ResourceType.TRANSACTIONAL_ID, topic, AclOperation.WRITE))
    producer = Producer(settings(guarded, "alice", **{"transactional.id": topic}))
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(topic, b"x")
    producer.commit_transaction(10)


def test_entries_need_the_clusters_rights_themselves(admin: AdminClient, alice: AdminClient, topic: str) -> None:
    mine = entry(ResourceType.TOPIC, topic, AclOperation.READ)
    assert code_of(alice.create_acls([mine]).values()) == "CLUSTER_AUTHORIZATION_FAILED"
    wanted = AclBindingFilter(
        ResourceType.TOPIC, topic, ResourcePatternType.MATCH, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    assert alice.describe_acls(wanted).result(10) == []  # librdkafka does not tell the error
    assert code_of(alice.delete_acls([wanted]).values()) == "CLUSTER_AUTHORIZATION_FAILED"
    allow(admin, entry(ResourceType.BROKER, "kafka-cluster", AclOperation.ALTER))
    prefixed = entry(ResourceType.TOPIC, topic[:5], AclOperation.READ, pattern=PREFIXED)
    other = entry(ResourceType.TOPIC, "zzz", AclOperation.READ, pattern=PREFIXED)
    allow(alice, mine, prefixed, other)
    assert set(alice.describe_acls(wanted).result(10)) == {mine, prefixed}
    (removed,) = alice.delete_acls([wanted]).values()
    assert set(removed.result(10)) == {mine, prefixed}
    assert alice.describe_acls(wanted).result(10) == []


def test_aiokafka_is_told_what_it_may_not(guarded: EmbeddedBroker, admin: AdminClient, topic: str, group: str) -> None:
    create(admin, topic)
    arguments = {
        "bootstrap_servers": guarded.listeners["SASL_PLAINTEXT"],
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "alice",
        "sasl_plain_password": "alice-secret",
    }

    async def produce_once() -> None:
        async with AIOKafkaProducer(**arguments) as producer:
            await producer.send_and_wait(topic, b"x")

    async def consume_once() -> bytes | None:
        consumer = AIOKafkaConsumer(topic, group_id=group, auto_offset_reset="earliest", **arguments)
        try:
            await consumer.start()
            return (await asyncio.wait_for(consumer.getone(), 10)).value
        finally:
            await consumer.stop()

    with pytest.raises(aiokafka.errors.TopicAuthorizationFailedError):
        asyncio.run(produce_once())
    allow(admin, entry(ResourceType.TOPIC, topic, AclOperation.ALL))
    asyncio.run(produce_once())
    with pytest.raises(aiokafka.errors.GroupAuthorizationFailedError):
        asyncio.run(consume_once())
    allow(admin, entry(ResourceType.GROUP, group, AclOperation.READ))
    assert asyncio.run(consume_once()) == b"x"


def test_refusals_of_whole_requests(guarded: EmbeddedBroker) -> None:
    wanted = Message(
        resource_type_filter=1, resource_name_filter=None, pattern_type_filter=1,
        principal_filter=None, host_filter=None, operation=1, permission_type=1,
    )  # fmt: skip
    with RawClient(guarded.port) as client:
        client.ask(17, 1, Message(mechanism="PLAIN"))
        assert client.ask(36, 2, Message(auth_bytes=b"\0alice\0alice-secret")).error_code == ErrorCode.NONE
        assert client.ask(29, 3, wanted).error_code == ErrorCode.CLUSTER_AUTHORIZATION_FAILED
        refused = client.ask(35, 4, Message(topics=None))
        assert (refused.error_code, list(refused.results)) == (ErrorCode.CLUSTER_AUTHORIZATION_FAILED, [])
        heartbeat = Message(group_id="g", generation_id=1, member_id="m", group_instance_id=None)
        assert client.ask(12, 4, heartbeat).error_code == ErrorCode.GROUP_AUTHORIZATION_FAILED
        assert client.ask(50, 0, Message(users=None)).error_code == ErrorCode.CLUSTER_AUTHORIZATION_FAILED
        described = client.ask(
            60, 2, Message(include_cluster_authorized_operations=True, endpoint_type=1, include_fenced_brokers=False)
        )
        assert described.cluster_authorized_operations == 0


def test_entries_outlive_the_broker(tmp_path: Path, topic: str) -> None:
    for user in ("admin", "alice"):
        add_user(tmp_path, user, f"{user}-secret", ["SCRAM-SHA-256"], 4096)
    arguments = (
        *("--listener", "SASL_PLAINTEXT://127.0.0.1:0", "--property", "super.users=User:admin"),
        *("--property", "authorizer.class.name=StandardAuthorizer"),
    )
    with EmbeddedBroker(tmp_path, arguments=arguments) as broker:
        admin = AdminClient(settings(broker, "admin"))
        create(admin, topic)
        allow(admin, entry(ResourceType.TOPIC, topic, AclOperation.WRITE))
        broker.kill()
        broker.start()
        assert produce(broker, topic) == ""
        assert produce(broker, f"{topic}-other") == "TOPIC_AUTHORIZATION_FAILED"
