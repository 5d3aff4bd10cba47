"""Every API's answer to a client with few rights, beside the answer of a real Apache Kafka to the same bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from kappaflow.broker.security.user_files import add_user
from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.ports import free_port
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.codec import MalformedMessage
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message
from kappaflow.wire.record_batch import build_batch

pytestmark = [pytest.mark.java, pytest.mark.real]

AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID = 2, 3, 4, 5
READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE = 3, 4, 5, 6, 7, 8
CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE = 9, 10, 11, 12
Grant = tuple[int, str, int]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[int, int]]:
    """The ports of SASL listeners: ours and Kafka's."""
    data_dir: Path = tmp_path_factory.mktemp("pair")
    for user in ("admin", "alice"):
        add_user(data_dir, user, user, ["SCRAM-SHA-256"], 4096)
    arguments = (
        *("--listener", "SASL_PLAINTEXT://127.0.0.1:0", "--property", "super.users=User:admin"),
        *("--property", f"authorizer.class.name={AUTHORIZER}", "--property", "sasl.enabled.mechanisms=PLAIN"),
    )
    port = free_port()
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    configs = {
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": f'{plain} user_admin="admin" user_alice="alice";',
        "authorizer.class.name": AUTHORIZER,
        "super.users": "User:ANONYMOUS;User:admin",
        "auto.create.topics.enable": "true",
    }
    with ExitStack() as stack:
        ours = stack.enter_context(EmbeddedBroker(data_dir, arguments=arguments))
        stack.enter_context(ApacheKafka(configs=configs, more_listeners=(f"SASL_PLAINTEXT://127.0.0.1:{port}",)))
        yield ours.port, port


def log_on(port: int, user: str) -> RawClient:
    client = RawClient(port)
    client.ask(17, 1, Message(mechanism="PLAIN"))
    assert client.ask(36, 2, Message(auth_bytes=f"\0{user}\0{user}".encode())).error_code == 0
    return client


def topic_to_create(name: str) -> Message:
    return Message(name=name, num_partitions=1, replication_factor=1, assignments=[], configs=[])


def requests(topic_id: object) -> Iterator[tuple[str, int, int, Message]]:
    """(what, API key, version, request); nothing here changes what a later one may do."""
    records = build_batch([(b"k", b"v")], timestamp_ms=1)
    for version in (9, 12):
        data = [Message(name=name, partition_data=[Message(index=0, records=records)]) for name in ("t", "absent")]
        yield "produce", 0, version, Message(transactional_id=None, acks=1, timeout_ms=1000, topic_data=data)
    fetched = [
        Message(
            topic=name,
            partitions=[
                Message(
                    partition=0, current_leader_epoch=-1, fetch_offset=0, last_fetched_epoch=-1, log_start_offset=-1,
                    partition_max_bytes=1000,
                )
            ],
        )
        for name in ("t", "absent")
    ]  # fmt: skip
    yield "fetch", 1, 12, Message(
        replica_id=-1, max_wait_ms=0, min_bytes=1, max_bytes=1000, isolation_level=0, session_id=0, session_epoch=-1,
        topics=fetched, forgotten_topics_data=[], rack_id="", cluster_id=None,
    )  # fmt: skip
    listed = [
        Message(name=name, partitions=[Message(partition_index=0, current_leader_epoch=-1, timestamp=-2)])
        for name in ("t", "absent")
    ]
    yield "list offsets", 2, 7, Message(replica_id=-1, isolation_level=0, topics=listed)
    named = [Message(name=name, topic_id=ZERO_UUID) for name in ("t", "absent")]
    for version in (9, 12):
        operations: dict[str, Any] = {"include_topic_authorized_operations": True}
        if version < 11:
            operations["include_cluster_authorized_operations"] = True
        yield f"metadata {version}", 3, version, Message(topics=named, allow_auto_topic_creation=False, **operations)
    by_id = [Message(name=None, topic_id=topic_id)]
    yield (
        "metadata by id",
        3,
        12,
        Message(topics=by_id, allow_auto_topic_creation=False, include_topic_authorized_operations=True),
    )
    yield (
        "metadata of all",
        3,
        12,
        Message(topics=None, allow_auto_topic_creation=False, include_topic_authorized_operations=True),
    )
    yield "create by metadata", 3, 12, Message(
        topics=[Message(name="not allowed", topic_id=ZERO_UUID)], allow_auto_topic_creation=True,
        include_topic_authorized_operations=False,
    )  # fmt: skip
    committed = [
        Message(
            name=name,
            partitions=[
                Message(partition_index=0, committed_offset=1, committed_leader_epoch=-1, committed_metadata="")
            ],
        )
        for name in ("t", "absent")
    ]
    yield (
        "commit",
        8,
        8,
        Message(group_id="g", generation_id_or_member_epoch=-1, member_id="", group_instance_id=None, topics=committed),
    )
    wanted = [Message(name=name, partition_indexes=[0]) for name in ("t", "absent")]
    for asked in (wanted, None):
        group = Message(group_id="g", topics=asked, member_id=None, member_epoch=-1)
        yield f"fetch offsets {asked is None}", 9, 9, Message(groups=[group], require_stable=True)
    for kind, keys in ((0, ["g", "h"]), (1, ["x"])):
        yield f"coordinator {kind}", 10, 4, Message(key_type=kind, coordinator_keys=keys)
    yield "join", 11, 9, Message(
        group_id="joined", session_timeout_ms=10_000, rebalance_timeout_ms=10_000, member_id="", group_instance_id=None,
        protocol_type="consumer", protocols=[Message(name="range", metadata=b"")], reason=None,
    )  # fmt: skip
    member: dict[str, Any] = {"group_id": "joined", "member_id": "m", "group_instance_id": None}
    yield "heartbeat", 12, 4, Message(generation_id=1, **member)
    leaving = Message(member_id="m", group_instance_id=None, reason=None)
    yield "leave", 13, 5, Message(group_id="joined", members=[leaving])
    yield (
        "sync",
        14,
        5,
        Message(generation_id=1, protocol_type="consumer", protocol_name="range", assignments=[], **member),
    )
    for version in (5, 6):
        yield f"describe groups {version}", 15, version, Message(groups=["g"], include_authorized_operations=True)
    yield "list groups", 16, 5, Message(states_filter=[], types_filter=[])
    created = [topic_to_create("made"), topic_to_create("other")]
    yield "create", 19, 7, Message(topics=created, timeout_ms=1000, validate_only=True)
    deleted = [Message(name="absent", topic_id=ZERO_UUID), Message(name="absent-2", topic_id=ZERO_UUID)]
    yield "delete", 20, 6, Message(topics=deleted, timeout_ms=1000)
    yield (
        "delete records",
        21,
        2,
        Message(
            topics=[Message(name=name, partitions=[Message(partition_index=0, offset=0)]) for name in ("t", "absent")],
            timeout_ms=1000,
        ),
    )
    for name in (None, "x"):
        yield (
            f"producer id {name}",
            22,
            4,
            Message(transactional_id=name, transaction_timeout_ms=1000, producer_id=-1, producer_epoch=-1),
        )
    yield (
        "leader epoch",
        23,
        4,
        Message(
            replica_id=-2,
            topics=[
                Message(topic=name, partitions=[Message(partition=0, current_leader_epoch=-1, leader_epoch=0)])
                for name in ("t", "absent")
            ],
        ),
    )
    producer: dict[str, Any] = {"transactional_id": "other-id", "producer_id": 999, "producer_epoch": 0}
    yield "add partitions", 24, 3, Message(
        v3_and_below_transactional_id="other-id", v3_and_below_producer_id=999, v3_and_below_producer_epoch=0,
        v3_and_below_topics=[Message(name=name, partitions=[0]) for name in ("t", "absent")],
    )  # fmt: skip
    yield "add offsets", 25, 3, Message(group_id="g", **producer)
    yield "end", 26, 3, Message(committed=True, **producer)
    yield (
        "commit in transaction",
        28,
        3,
        Message(group_id="g", generation_id=-1, member_id="", group_instance_id=None, topics=committed, **producer),
    )
    keys = ["retention.ms"]
    described: list[tuple[int, str]] = [(2, "t"), (2, "absent"), (4, "1")]
    yield "describe configs", 32, 4, Message(
        resources=[Message(resource_type=k, resource_name=n, configuration_keys=keys) for k, n in described],
        include_synonyms=False, include_documentation=False,
    )  # fmt: skip
    change = Message(name="retention.ms", config_operation=0, value="1000")
    yield (
        "alter configs",
        44,
        1,
        Message(
            resources=[Message(resource_type=2, resource_name=name, configs=[change]) for name in ("t", "absent")],
            validate_only=True,
        ),
    )
    yield "log dirs", 35, 4, Message(topics=[])
    yield "partitions", 37, 3, Message(
        topics=[Message(name=name, count=3, assignments=None) for name in ("t", "absent")],
        timeout_ms=1000, validate_only=True,
    )  # fmt: skip
    yield "delete groups", 42, 2, Message(groups_names=["absent"])
    yield (
        "elect",
        43,
        2,
        Message(election_type=0, topic_partitions=[Message(topic="t", partitions=[0])], timeout_ms=500),
    )
    yield "reassignments", 46, 0, Message(timeout_ms=500, topics=None)
    yield "describe quotas", 48, 1, Message(components=[], strict=False)
    op = Message(key="producer_byte_rate", value=1e9, remove=False)
    quota = Message(entity=[Message(entity_type="user", entity_name="nobody")], ops=[op])
    yield "alter quotas", 49, 1, Message(entries=[quota], validate_only=True)
    yield "describe users", 50, 0, Message(users=[Message(name="absent")])
    yield "alter users", 51, 0, Message(deletions=[Message(name="absent", mechanism=1)], upsertions=[])
    yield "features", 57, 1, Message(timeout_ms=500, feature_updates=[], validate_only=True)
    yield (
        "cluster",
        60,
        2,
        Message(include_cluster_authorized_operations=True, endpoint_type=1, include_fenced_brokers=False),
    )
    yield "producers", 61, 0, Message(topics=[Message(name=name, partition_indexes=[0]) for name in ("t", "absent")])
    yield "describe transactions", 65, 0, Message(transactional_ids=["absent"])
    yield "list transactions", 66, 1, Message(state_filters=[], producer_id_filters=[], duration_filter=-1)
    yield (
        "topic partitions",
        75,
        0,
        Message(topics=[Message(name=name) for name in ("t", "absent")], response_partition_limit=100, cursor=None),
    )
    everything = Message(
        resource_type_filter=1, resource_name_filter="none", pattern_type_filter=1, principal_filter=None,
        host_filter=None, operation=1, permission_type=1,
    )  # fmt: skip
    yield "describe entries", 29, 3, everything
    yield "delete entries", 31, 3, Message(filters=[everything])
    yield "create entries", 30, 3, Message(creations=[])


def requests_by_id(topic_id: object) -> Iterator[tuple[str, int, int, Message]]:
    """The same for versions that name topics by their ids."""
    records = build_batch([(b"k", b"v")], timestamp_ms=1)
    for known, each in (("known", topic_id), ("unknown", UUID(int=77))):
        data = [Message(topic_id=each, partition_data=[Message(index=0, records=records)])]
        yield f"produce {known}", 0, 13, Message(transactional_id=None, acks=1, timeout_ms=1000, topic_data=data)
        partition = Message(
            partition=0, current_leader_epoch=-1, fetch_offset=0, last_fetched_epoch=-1, log_start_offset=-1,
            partition_max_bytes=1000,
        )  # fmt: skip
        yield f"fetch {known}", 1, 13, Message(
            replica_id=-1, max_wait_ms=0, min_bytes=1, max_bytes=1000, isolation_level=0, session_id=0,
            session_epoch=-1, topics=[Message(topic_id=each, partitions=[partition])], forgotten_topics_data=[],
            rack_id="", cluster_id=None,
        )  # fmt: skip
        committed = Message(
            partition_index=0, committed_offset=1, committed_leader_epoch=-1, committed_metadata="x" * 5000
        )
        yield f"commit {known}", 8, 10, Message(
            group_id="g", generation_id_or_member_epoch=-1, member_id="", group_instance_id=None,
            topics=[Message(topic_id=each, partitions=[committed])],
        )  # fmt: skip
        group = Message(
            group_id="g", topics=[Message(topic_id=each, partition_indexes=[0])], member_id=None, member_epoch=-1
        )
        yield f"offsets {known}", 9, 10, Message(groups=[group], require_stable=False)
        yield f"delete {known}", 20, 6, Message(topics=[Message(name=None, topic_id=UUID(int=77))], timeout_ms=1000)


def codes(value: object, name: str = "") -> object:
    """The errors and operations of an answer by their places, and which names are shown."""
    if isinstance(value, Message):
        found = {each: codes(inner, each) for each, inner in sorted(vars(value).items())}
        return {each: inner for each, inner in found.items() if inner not in (None, {}, [])}
    if isinstance(value, list | tuple) and value and isinstance(value[0], Message):
        # Kafka keeps its own state in topics that everyone who may can see; ours is in journals.
        value = [each for each in value if not str(getattr(each, "name", "")).startswith("__")]
        return sorted((codes(each) for each in value), key=str)
    if name.endswith(("error_code", "authorized_operations")) or name in ("group_id", "name", "topic", "key"):
        return value
    return None


GRANTS: list[tuple[Grant, ...]] = [
    (),
    *(((TOPIC, "t", operation),) for operation in range(READ, ALTER_CONFIGS + 1) if operation != CLUSTER_ACTION),
    *(((GROUP, "g", operation),) for operation in (READ, DESCRIBE, DELETE)),
    *(((CLUSTER, "kafka-cluster", operation),) for operation in range(CREATE, IDEMPOTENT_WRITE + 1)),
    ((TRANSACTIONAL_ID, "other-id", WRITE),),
    ((TRANSACTIONAL_ID, "other-id", WRITE), (TOPIC, "t", WRITE), (GROUP, "g", READ)),
    ((TRANSACTIONAL_ID, "x", DESCRIBE),),
    ((GROUP, "g", READ), (TOPIC, "t", READ), (TOPIC, "absent", READ)),
    ((GROUP, "joined", READ),),
    ((TOPIC, "made", CREATE), (TOPIC, "made", DESCRIBE_CONFIGS), (TOPIC, "absent", DELETE)),
    ((TOPIC, "*", DESCRIBE), (GROUP, "*", DESCRIBE)),
]


def prepare(admin: RawClient) -> None:
    answer = admin.ask(19, 5, Message(topics=[topic_to_create("t")], timeout_ms=5000, validate_only=False))
    assert answer.topics[0].error_code in (0, ErrorCode.TOPIC_ALREADY_EXISTS)


def warm_up(admin: RawClient) -> None:
    """Have the coordinators loaded, which takes Kafka a moment after its start."""
    loading = {ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.NOT_COORDINATOR}
    deadline = time.monotonic() + 30
    asked = [
        (10, 4, Message(key_type=0, coordinator_keys=["g", "joined", "h"])),
        (10, 4, Message(key_type=1, coordinator_keys=["x", "other-id"])),
        (15, 5, Message(groups=["g", "joined", "h", "absent"], include_authorized_operations=False)),
        (26, 3, Message(transactional_id="other-id", producer_id=999, producer_epoch=0, committed=True)),
        (22, 4, Message(transactional_id=None, transaction_timeout_ms=1000, producer_id=-1, producer_epoch=-1)),
        (42, 2, Message(groups_names=["absent"])),
    ]
    for key, version, body in asked:
        while any(f"'error_code': {code.value}" in str(codes(admin.ask(key, version, body))) for code in loading):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def grant(admin: RawClient, grants: tuple[Grant, ...]) -> None:
    every = Message(
        resource_type_filter=1, resource_name_filter=None, pattern_type_filter=1, principal_filter=None,
        host_filter=None, operation=1, permission_type=1,
    )  # fmt: skip
    admin.ask(31, 3, Message(filters=[every]))
    creations = [
        Message(
            resource_type=kind, resource_name=name, resource_pattern_type=3, principal="User:alice", host="*",
            operation=operation, permission_type=3,
        )
        for kind, name, operation in grants
    ]  # fmt: skip
    assert all(result.error_code == 0 for result in admin.ask(30, 3, Message(creations=creations)).results)


def answers(port: int, grants: tuple[Grant, ...]) -> dict[str, object]:
    with log_on(port, "admin") as admin, log_on(port, "alice") as alice:
        prepare(admin)
        warm_up(admin)
        grant(admin, grants)
        (shown,) = admin.ask(
            3, 12, Message(
                topics=[Message(name="t", topic_id=ZERO_UUID)], allow_auto_topic_creation=False,
                include_topic_authorized_operations=False,
            ),
        ).topics  # fmt: skip
        asked = (*requests(shown.topic_id), *requests_by_id(shown.topic_id))
        return {what: codes(alice.ask(key, version, body)) for what, key, version, body in asked}


def label(grants: tuple[Grant, ...]) -> str:
    return "+".join(f"{kind}.{name}.{operation}" for kind, name, operation in grants) or "nothing"


@pytest.mark.parametrize("grants", GRANTS, ids=label)
def test_answers_are_those_of_kafka(pair: tuple[int, int], grants: tuple[Grant, ...]) -> None:
    ours, theirs = (answers(port, grants) for port in pair)
    differing = [f"{what}: {ours[what]} is {theirs[what]}" for what in ours if ours[what] != theirs[what]]
    assert not differing, "\n".join(differing)


def quota_requests() -> Iterator[tuple[str, int, int, Message]]:
    """Quotas right and wrong, and questions about them."""
    entities: list[dict[str, str | None]] = [
        {"user": "u"}, {"user": None}, {"client-id": "c", "user": "u"}, {"ip": "1.2.3.4"}, {"ip": None},
        {"ip": "no:ip"}, {"ip": "1.2.3.4", "user": "u"}, {"user": ""}, {"group": "g"}, {},
    ]  # fmt: skip
    values: list[tuple[str, float, bool]] = [
        ("producer_byte_rate", 1000.0, False), ("producer_byte_rate", 1000.5, False),
        ("producer_byte_rate", 0.0, False), ("producer_byte_rate", -1.0, False), ("request_percentage", 0.5, False),
        ("connection_creation_rate", 5.0, False), ("controller_mutation_rate", 1.5, False), ("unknown", 1.0, False),
        ("producer_byte_rate", 0.0, True), ("unknown", 0.0, True), ("consumer_byte_rate", 1e19, False),
    ]  # fmt: skip
    for entity in entities:
        parts = [Message(entity_type=kind, entity_name=name) for kind, name in entity.items()]
        for key, value, remove in values:
            op = Message(key=key, value=value, remove=remove)
            wanted = Message(entries=[Message(entity=parts, ops=[op])], validate_only=False)
            yield f"alter {entity} {key} {value} {remove}", 49, 1, wanted
    asked: list[list[tuple[str, int, str | None]]] = [
        [], [("user", 0, "u")], [("user", 1, None)], [("user", 2, None)], [("client-id", 2, None)], [("ip", 2, None)],
        [("user", 0, "u"), ("client-id", 1, None)], [("user", 0, "u"), ("user", 0, "u")],
        [("ip", 2, None), ("user", 2, None)], [("group", 2, None)], [("user", 0, None)], [("user", 7, None)],
    ]  # fmt: skip
    for components in asked:
        for strict in (False, True):
            wanted = [Message(entity_type=kind, match_type=how, match=name) for kind, how, name in components]
            yield f"describe {components} {strict}", 48, 1, Message(components=wanted, strict=strict)

    none_left = Message(entity=[Message(entity_type="ip", entity_name=None)], ops=[
        Message(key="connection_creation_rate", value=0.0, remove=True)
    ])  # fmt: skip
    yield "let all connect again", 49, 1, Message(entries=[none_left], validate_only=False)


def user_requests() -> Iterator[tuple[str, int, int, Message]]:
    """Credentials right and wrong."""

    def put(name: str, mechanism: int, iterations: int = 4096) -> Message:
        return Message(name=name, mechanism=mechanism, iterations=iterations, salt=b"salt", salted_password=b"p" * 32)

    for what, upsertions, deletions in (
        ("one", [put("n", 1)], []),
        ("two mechanisms", [put("n", 1), put("n", 2)], []),
        ("twice", [put("n", 1), put("n", 1)], []),
        ("no name", [put("", 1)], []),
        ("mechanism", [put("n", 0), put("m", 9)], []),
        ("few", [put("n", 1, 4095)], []),
        ("many", [put("n", 1, 16385)], []),
        ("remove absent", [], [("absent", 1)]),
        ("remove and put", [put("n", 1)], [("n", 1)]),
        ("remove one, put other", [put("n", 1)], [("n", 2)]),
        ("remove twice", [], [("n", 1), ("n", 1)]),
        ("remove unknown", [], [("n", 9)]),
        ("remove last", [], [("n", 1)]),
    ):
        removed = [Message(name=name, mechanism=mechanism) for name, mechanism in deletions]
        yield what, 51, 0, Message(deletions=removed, upsertions=upsertions)
        yield f"{what}: described", 50, 0, Message(users=[Message(name="n")])
    yield "described twice", 50, 0, Message(users=[Message(name="n"), Message(name="n"), Message(name="m")])


def entry_requests() -> Iterator[tuple[str, int, int, Message]]:
    """Access control entries right and wrong, and filters."""
    right: dict[str, Any] = {
        "resource_type": 2, "resource_name": "e", "resource_pattern_type": 3, "principal": "User:e", "host": "*",
        "operation": 3, "permission_type": 3,
    }  # fmt: skip
    for name, values in {
        "resource_type": (1, 0, 99, 3, 4, 5), "resource_name": ("", "*", "e/+"), "resource_pattern_type": (1, 2, 4, 0),
        "principal": ("User", "User:", "user:e", ":"), "host": ("", "1.2.3.4", "example"),
        "operation": (0, 1, 2, 9, 14, 99), "permission_type": (0, 1, 2, 99),
    }.items():  # fmt: skip
        for value in values:
            yield f"create {name}={value!r}", 30, 3, Message(creations=[Message(**{**right, name: value})])
    anything: dict[str, Any] = {
        "resource_type_filter": 1, "resource_name_filter": None, "pattern_type_filter": 1, "principal_filter": None,
        "host_filter": None, "operation": 1, "permission_type": 1,
    }  # fmt: skip
    for name, values in {
        "resource_type_filter": (1, 2, 0), "resource_name_filter": ("e", "*", "e/"),
        "pattern_type_filter": (2, 3, 4, 0), "principal_filter": ("User:e", ""), "host_filter": ("*",),
        "operation": (2, 3, 0), "permission_type": (2, 0),
    }.items():  # fmt: skip
        for value in values:
            yield f"describe {name}={value!r}", 29, 3, Message(**{**anything, name: value})
    matched = {**anything, "resource_type_filter": 2, "resource_name_filter": "e/x", "pattern_type_filter": 2}
    yield "describe matching", 29, 3, Message(**matched)
    yield "delete matching", 31, 3, Message(filters=[Message(**matched)])
    yield "describe what is left", 29, 3, Message(**anything)


def whole(value: object) -> object:
    """An answer without its texts and times, its lists in one order."""
    if isinstance(value, Message):
        return {k: whole(v) for k, v in sorted(vars(value).items()) if k not in ("error_message", "throttle_time_ms")}
    if isinstance(value, list | tuple):
        return sorted((whole(each) for each in value), key=str)
    return value


ENDED = "the connection ended"


def all_answers(port: int, asked: Iterator[tuple[str, int, int, Message]]) -> Iterator[tuple[str, object]]:
    client = log_on(port, "admin")
    grant(client, ())
    for what, key, version, body in asked:
        sent = client.send(key, version, body)
        try:
            received, answer = client.receive(key, version)
            assert received == sent
            yield what, whole(answer)
        except (MalformedMessage, ConnectionResetError):
            yield what, ENDED
            client.close()
            client = log_on(port, "admin")
    client.close()


@pytest.mark.parametrize("asked", [quota_requests, user_requests, entry_requests])
def test_administrators_get_the_answers_of_kafka(
    pair: tuple[int, int], asked: Callable[[], Iterator[tuple[str, int, int, Message]]]
) -> None:
    ours, theirs = (list(all_answers(port, asked())) for port in pair)
    differing = [
        f"{what}: {our} is {their}"
        for (what, our), (_, their) in zip(ours, theirs, strict=True)
        # Where Kafka closes the connection or has no error of its own for a wrong number, ours says what it is.
        if our != their
        and not ("'error_code': 42" in str(our) and (their == ENDED or "'error_code': -1" in str(their)))
    ]
    assert not differing, "\n".join(differing)
