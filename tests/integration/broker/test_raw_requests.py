"""Requests that real clients send rarely or never: wrong versions, sizes, epochs, sessions, limits."""

from __future__ import annotations

import struct
import threading
import time
import uuid

import pytest

from kappaflow.broker.api_table import API_TABLE
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.codec import decode
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message
from kappaflow.wire.record_batch import build_batch, iterate_headers

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS, CREATE_TOPICS = 0, 1, 2, 3, 18, 19


@pytest.fixture
def client(broker: EmbeddedBroker):
    with RawClient(broker.port) as connected:
        yield connected


def create(client: RawClient, topic: str, **configs: str) -> uuid.UUID:
    wanted = Message(
        name=topic,
        num_partitions=1,
        replication_factor=1,
        assignments=[],
        configs=[Message(name=name.replace("_", "."), value=value) for name, value in configs.items()],
    )
    answer = client.ask(CREATE_TOPICS, 7, Message(topics=[wanted], timeout_ms=5000, validate_only=False))
    assert answer.topics[0].error_code == ErrorCode.NONE, answer.topics[0].error_message
    return answer.topics[0].topic_id


def batch(size: int, count: int = 1) -> bytes:
    now_ms = int(time.time() * 1000)
    return build_batch([(b"k", b"v" * size)] * count, timestamp_ms=now_ms)


def produce(client: RawClient, topic: str, records: bytes, version: int = 9, acks: int = -1) -> Message:
    data = [Message(name=topic, partition_data=[Message(index=0, records=records)])]
    body = Message(transactional_id=None, acks=acks, timeout_ms=5000, topic_data=data)
    return client.ask(PRODUCE, version, body).responses[0].partition_responses[0]


def fetch_body(topic: str, offset: int, **settings: object) -> Message:
    partition = Message(
        partition=0,
        current_leader_epoch=settings.pop("leader_epoch", -1),
        fetch_offset=offset,
        last_fetched_epoch=-1,
        log_start_offset=-1,
        partition_max_bytes=settings.pop("partition_max_bytes", 1 << 20),
    )
    values = {
        "replica_id": -1,
        "max_wait_ms": 0,
        "min_bytes": 1,
        "max_bytes": 1 << 20,
        "isolation_level": 0,
        "session_id": 0,
        "session_epoch": 0,
        "forgotten_topics_data": [],
        "rack_id": "",
        "topics": [Message(topic=topic, topic_id=settings.pop("topic_id", ZERO_UUID), partitions=[partition])],
    }
    return Message(**(values | settings))


def fetch(client: RawClient, topic: str, offset: int, **settings: object) -> Message:
    return client.ask(FETCH, 12, fetch_body(topic, offset, **settings)).responses[0].partitions[0]


def test_an_unknown_version_of_api_versions_is_answered_in_version_0(client: RawClient) -> None:
    frame = struct.pack(">hhih", API_VERSIONS, 99, 7, -1) + b"\x00\x00\x00"
    client.send_bytes(len(frame).to_bytes(4, "big") + frame)
    answer = client.receive_frame()
    body = decode(API_VERSIONS, 0, "response", memoryview(answer), 4)
    assert body.error_code == ErrorCode.UNSUPPORTED_VERSION
    versions = {key.api_key: (key.min_version, key.max_version) for key in body.api_keys}
    # With its own range the client asks again, and then learns the others.
    assert versions == {API_VERSIONS: (API_TABLE[API_VERSIONS].min_version, API_TABLE[API_VERSIONS].max_version)}


@pytest.mark.parametrize("version", range(5))
def test_api_versions_in_every_version(client: RawClient, version: int) -> None:
    body = client.ask(API_VERSIONS, version, Message(client_software_name="raw-client", client_software_version="1.0"))
    assert body.error_code == ErrorCode.NONE
    assert {key.api_key for key in body.api_keys} == set(API_TABLE)


def test_a_nameless_client_software_is_refused(client: RawClient) -> None:
    body = client.ask(API_VERSIONS, 3, Message(client_software_name="-", client_software_version="1.0"))
    assert body.error_code == ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">ihhi", 8, 999, 0, 1),
        struct.pack(">ihhi", 8, METADATA, 99, 1),
        struct.pack(">ihhih", 10, PRODUCE, 2, 1, -1),
        struct.pack(">ihhih", 10, METADATA, 12, 1, -1),
        struct.pack(">i", -5),
        struct.pack(">i", 101 * 1024 * 1024),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_ends_the_connection_and_nothing_else(broker: EmbeddedBroker, data: bytes) -> None:
    with RawClient(broker.port) as bad, RawClient(broker.port) as good:
        bad.send_bytes(data)
        assert bad.receive_frame() == b""
        assert good.ask(API_VERSIONS, 0, Message()).error_code == ErrorCode.NONE


def test_pipelined_requests_are_answered_in_order(client: RawClient, topic: str) -> None:
    create(client, topic)
    waiting = client.send(FETCH, 12, fetch_body(topic, 0, max_wait_ms=300))
    later = [client.send(API_VERSIONS, 0, Message()) for _ in range(50)]
    assert client.receive(FETCH, 12)[0] == waiting
    assert [client.receive(API_VERSIONS, 0)[0] for _ in later] == later


def test_a_request_larger_than_the_buffer_arrives_whole(client: RawClient, topic: str) -> None:
    create(client, topic, max_message_bytes="20000000")
    assert produce(client, topic, batch(9_000_000)).error_code == ErrorCode.NONE
    assert len(fetch(client, topic, 0, max_bytes=1000, partition_max_bytes=1000).records) > 9_000_000


@pytest.mark.parametrize("version", range(3, 13))
def test_every_version_of_produce_appends(client: RawClient, topic: str, version: int) -> None:
    create(client, topic)
    assert produce(client, topic, batch(10), version).base_offset == 0
    assert produce(client, topic, batch(10, 3), version).base_offset == 1
    assert produce(client, topic, batch(10), version).base_offset == 4


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), ErrorCode.CORRUPT_MESSAGE),
        (lambda data: data[:-3], ErrorCode.INVALID_RECORD),
        (lambda data: data + data, ErrorCode.INVALID_RECORD),
        (lambda data: b"", ErrorCode.INVALID_RECORD),
        (lambda data: data[:16] + b"\x01" + data[17:], ErrorCode.INVALID_RECORD),
    ],
)
def test_damaged_batches_are_refused_and_nothing_is_appended(client: RawClient, topic: str, spoil, error) -> None:
    create(client, topic)
    assert produce(client, topic, spoil(batch(10))).error_code == error
    assert produce(client, topic, batch(10)).base_offset == 0


def test_produce_errors_name_the_partition(client: RawClient, topic: str) -> None:
    assert produce(client, topic, batch(10)).error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    create(client, topic, max_message_bytes="1000")
    assert produce(client, topic, batch(2000)).error_code == ErrorCode.MESSAGE_TOO_LARGE
    assert produce(client, topic, batch(10), acks=5).error_code == ErrorCode.INVALID_REQUIRED_ACKS


def test_acks_0_gets_no_answer_but_is_appended(client: RawClient, topic: str) -> None:
    create(client, topic)
    data = [Message(name=topic, partition_data=[Message(index=0, records=batch(10))])]
    client.send(PRODUCE, 9, Message(transactional_id=None, acks=0, timeout_ms=1, topic_data=data))
    assert fetch(client, topic, 0).high_watermark == 1


def test_size_limits_give_whole_batches_and_at_least_one(client: RawClient, topic: str) -> None:
    create(client, topic)
    for _ in range(4):
        produce(client, topic, batch(1000))

    def count(**limits: int) -> int:
        return sum(1 for _ in iterate_headers(fetch(client, topic, 0, **limits).records))

    assert count() == 4
    assert count(max_bytes=10) == 1
    assert count(partition_max_bytes=10) == 1
    assert count(partition_max_bytes=2500) == 2
    assert count(max_bytes=3500) == 3


def test_a_fetch_inside_a_batch_gives_the_whole_batch(client: RawClient, topic: str) -> None:
    create(client, topic)
    produce(client, topic, batch(10, 5))
    ((_, header),) = iterate_headers(fetch(client, topic, 3).records)
    assert (header.base_offset, header.last_offset_delta) == (0, 4)


def test_offsets_outside_the_log_and_wrong_epochs(client: RawClient, topic: str) -> None:
    create(client, topic)
    produce(client, topic, batch(10))
    outside = fetch(client, topic, 5, max_wait_ms=5000)
    assert (outside.error_code, outside.high_watermark) == (ErrorCode.OFFSET_OUT_OF_RANGE, -1)
    assert fetch(client, topic, 0, leader_epoch=99).error_code == ErrorCode.UNKNOWN_LEADER_EPOCH
    assert fetch(client, topic, 0, leader_epoch=0).error_code == ErrorCode.NONE


def test_an_unknown_session_is_refused(client: RawClient, topic: str) -> None:
    create(client, topic)
    unknown = client.ask(FETCH, 12, fetch_body(topic, 0, session_id=77, session_epoch=3))
    assert unknown.error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND


def test_topic_ids_stand_for_names_and_wrong_ones_are_told(client: RawClient, topic: str) -> None:
    topic_id = create(client, topic)
    produce(client, topic, batch(10))
    found = client.ask(FETCH, 13, fetch_body(topic, 0, topic_id=topic_id)).responses[0]
    assert (found.topic_id, found.partitions[0].high_watermark) == (topic_id, 1)
    missing = client.ask(FETCH, 17, fetch_body(topic, 0, topic_id=uuid.uuid4())).responses[0]
    assert missing.partitions[0].error_code == ErrorCode.UNKNOWN_TOPIC_ID
    data = [Message(topic_id=topic_id, partition_data=[Message(index=0, records=batch(10))])]
    answer = client.ask(PRODUCE, 13, Message(transactional_id=None, acks=1, timeout_ms=1, topic_data=data))
    assert answer.responses[0].partition_responses[0].base_offset == 1


def test_a_waiting_fetch_is_woken_by_enough_bytes_only(broker: EmbeddedBroker, client: RawClient, topic: str) -> None:
    create(client, topic)
    with RawClient(broker.port) as reader:
        reader.send(FETCH, 12, fetch_body(topic, 0, max_wait_ms=20_000, min_bytes=2000))
        start = time.monotonic()
        produce(client, topic, batch(500))
        arrived = threading.Event()
        answers: list[Message] = []

        def receive() -> None:
            answers.append(reader.receive(FETCH, 12)[1])
            arrived.set()

        thread = threading.Thread(target=receive)
        thread.start()
        assert not arrived.wait(0.3)
        produce(client, topic, batch(2000))
        assert arrived.wait(5)
        thread.join()
        assert time.monotonic() - start < 10
        assert answers[0].responses[0].partitions[0].high_watermark == 2


def test_a_wait_that_is_over_answers_what_there_is(client: RawClient, topic: str) -> None:
    create(client, topic)
    produce(client, topic, batch(10))
    start = time.monotonic()
    answer = fetch(client, topic, 0, max_wait_ms=200, min_bytes=100_000)
    assert time.monotonic() - start >= 0.19
    assert len(answer.records) > 0


def test_a_deleted_topic_ends_the_wait_for_it(broker: EmbeddedBroker, client: RawClient, topic: str) -> None:
    create(client, topic)
    with RawClient(broker.port) as reader:
        reader.send(FETCH, 12, fetch_body(topic, 0, max_wait_ms=20_000))
        # Only a request that is being handled can wait; this answer shows that the broker has gone past it.
        client.ask(API_VERSIONS, 0, Message())
        client.ask(20, 5, Message(topic_names=[topic], timeout_ms=1000))
        answer = reader.receive(FETCH, 12)[1].responses[0].partitions[0]
        assert answer.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize("version", range(14))
def test_metadata_creates_topics_only_where_asked_to(client: RawClient, topic: str, version: int) -> None:
    def ask(allow: bool) -> Message:
        wanted = Message(name=topic, topic_id=ZERO_UUID)
        return client.ask(
            METADATA,
            version,
            Message(
                topics=[wanted],
                allow_auto_topic_creation=allow,
                include_topic_authorized_operations=False,
                include_cluster_authorized_operations=False,
            ),
        )

    if version >= 4:
        assert ask(False).topics[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    created = ask(True)
    assert created.topics[0].error_code == ErrorCode.NONE
    assert len(created.topics[0].partitions) == 1
    assert created.brokers[0].host == "127.0.0.1"


@pytest.mark.parametrize("version", range(2, 11))
def test_offsets_are_committed_and_fetched_in_every_version(
    client: RawClient, topic: str, group: str, version: int
) -> None:
    topic_id = create(client, topic)
    partition = Message(partition_index=0, committed_offset=42, committed_leader_epoch=0, committed_metadata="note")
    commit = Message(
        group_id=group,
        generation_id_or_member_epoch=-1,
        member_id="",
        group_instance_id=None,
        retention_time_ms=-1,
        topics=[Message(name=topic, topic_id=topic_id, partitions=[partition])],
    )
    assert client.ask(8, version, commit).topics[0].partitions[0].error_code == ErrorCode.NONE
    topics = [Message(name=topic, topic_id=topic_id, partition_indexes=[0, 1])]
    for wanted in (topics, None):
        fetched = client.ask(
            9,
            version,
            Message(
                group_id=group, topics=wanted, groups=[Message(group_id=group, topics=wanted)], require_stable=True
            ),
        )
        (answer,) = (fetched.groups if version >= 8 else [fetched])[0].topics
        assert (answer.topic_id == topic_id) if version >= 10 else (answer.name == topic)
        assert (answer.partitions[0].committed_offset, answer.partitions[0].metadata) == (42, "note")
        assert [each.committed_offset for each in answer.partitions[1:]] == ([-1] if wanted else [])


def test_unknown_topic_ids_in_commits_and_fetches(client: RawClient, group: str) -> None:
    unknown = uuid.uuid4()
    partition = Message(partition_index=0, committed_offset=1, committed_leader_epoch=0, committed_metadata="")
    commit = Message(
        group_id=group,
        generation_id_or_member_epoch=-1,
        member_id="",
        group_instance_id=None,
        topics=[Message(topic_id=unknown, partitions=[partition])],
    )
    answer = client.ask(8, 10, commit).topics[0]
    assert (answer.topic_id, answer.partitions[0].error_code) == (unknown, ErrorCode.UNKNOWN_TOPIC_ID)
    topics = [Message(topic_id=unknown, partition_indexes=[0])]
    fetch_offsets = Message(groups=[Message(group_id=group, topics=topics)], require_stable=False)
    (found,) = client.ask(9, 10, fetch_offsets).groups[0].topics
    assert (found.topic_id, found.partitions[0].error_code) == (unknown, ErrorCode.UNKNOWN_TOPIC_ID)


@pytest.mark.parametrize("version", range(10))
def test_a_member_joins_syncs_beats_and_leaves_in_every_version(client: RawClient, group: str, version: int) -> None:
    def join(member_id: str) -> Message:
        return client.ask(
            11,
            version,
            Message(
                group_id=group,
                session_timeout_ms=10_000,
                rebalance_timeout_ms=10_000,
                member_id=member_id,
                group_instance_id=None,
                protocol_type="consumer",
                protocols=[Message(name="range", metadata=b"meta")],
                reason=None,
            ),
        )

    joined = join("")
    if version >= 4:
        assert joined.error_code == ErrorCode.MEMBER_ID_REQUIRED
        joined = join(joined.member_id)
    assert (joined.error_code, joined.leader) == (ErrorCode.NONE, joined.member_id)
    assert [member.metadata for member in joined.members] == [b"meta"]
    synced = client.ask(
        14,
        min(version, 5),
        Message(
            group_id=group,
            generation_id=joined.generation_id,
            member_id=joined.member_id,
            group_instance_id=None,
            protocol_type="consumer",
            protocol_name="range",
            assignments=[Message(member_id=joined.member_id, assignment=b"mine")],
        ),
    )
    assert (synced.error_code, synced.assignment) == (ErrorCode.NONE, b"mine")
    described = client.ask(15, min(version, 6), Message(groups=[group], include_authorized_operations=False))
    assert described.groups[0].group_state == "Stable"
    assert described.groups[0].members[0].member_assignment == b"mine"
    alive = Message(
        group_id=group, generation_id=joined.generation_id, member_id=joined.member_id, group_instance_id=None
    )
    assert client.ask(12, min(version, 4), alive).error_code == ErrorCode.NONE
    leaving = Message(
        group_id=group,
        member_id=joined.member_id,
        members=[Message(member_id=joined.member_id, group_instance_id=None)],
    )
    assert client.ask(13, min(version, 5), leaving).error_code == ErrorCode.NONE
    assert client.ask(12, min(version, 4), alive).error_code == ErrorCode.UNKNOWN_MEMBER_ID
    listed = client.ask(16, min(version, 5), Message(states_filter=["empty"] if version >= 4 else [], types_filter=[]))
    assert group in [each.group_id for each in listed.groups]


def test_a_group_that_does_not_exist(client: RawClient, group: str) -> None:
    for version, error in ((5, ErrorCode.NONE), (6, ErrorCode.GROUP_ID_NOT_FOUND)):
        body = Message(groups=[group], include_authorized_operations=False)
        answer = client.ask(15, version, body).groups[0]
        assert (answer.error_code, answer.group_state) == (error, "Dead")
    assert client.ask(42, 2, Message(groups_names=[group])).results[0].error_code == ErrorCode.GROUP_ID_NOT_FOUND


def test_partitions_are_described_a_page_at_a_time(client: RawClient, topic: str) -> None:
    names = [f"{topic}-{letter}" for letter in "ab"]
    for name in names:
        wanted = Message(name=name, num_partitions=5, replication_factor=1, assignments=[], configs=[])
        client.ask(CREATE_TOPICS, 7, Message(topics=[wanted], timeout_ms=5000, validate_only=False))
    seen: list[tuple[str, int]] = []
    cursor = None
    pages = 0
    while pages == 0 or cursor is not None:
        body = Message(topics=[Message(name=name) for name in names], response_partition_limit=3, cursor=cursor)
        answer = client.ask(75, 0, body)
        page = [(each.name, part.partition_index) for each in answer.topics for part in each.partitions]
        assert len(page) <= 3
        for each in answer.topics:
            assert all(part.eligible_leader_replicas == () for part in each.partitions)
        seen += page
        cursor = answer.next_cursor
        pages += 1
    assert seen == [(name, index) for name in names for index in range(5)]


def test_where_epochs_end(client: RawClient, topic: str) -> None:
    create(client, topic)
    produce(client, topic, batch(10, 7))

    def ask(epoch: int) -> Message:
        partition = Message(partition=0, current_leader_epoch=-1, leader_epoch=epoch)
        body = Message(replica_id=-1, topics=[Message(topic=topic, partitions=[partition])])
        return client.ask(23, 4, body).topics[0].partitions[0]

    assert (ask(0).leader_epoch, ask(0).end_offset) == (0, 7)
    assert (ask(5).leader_epoch, ask(5).end_offset) == (-1, -1)


@pytest.mark.parametrize("version", range(1, 12))
def test_list_offsets_in_every_version(client: RawClient, topic: str, version: int) -> None:
    create(client, topic)
    produce(client, topic, batch(10, 4))

    def ask(timestamp: int) -> int:
        partition = Message(partition_index=0, current_leader_epoch=-1, timestamp=timestamp)
        body = Message(
            replica_id=-1, isolation_level=0, topics=[Message(name=topic, partitions=[partition])], timeout_ms=1000
        )
        answer = client.ask(LIST_OFFSETS, version, body).topics[0].partitions[0]
        since = {-4: 8, -5: 9}.get(timestamp, 1)
        assert answer.error_code == (ErrorCode.NONE if version >= since else ErrorCode.UNSUPPORTED_VERSION)
        return answer.offset

    assert [ask(-1), ask(-2), ask(-4), ask(-5), ask(1)] == [4, 0, 0 if version >= 8 else -1, -1, 0]


def test_repeated_topics_in_one_request_and_validate_only(client: RawClient, topic: str) -> None:
    wanted = Message(name=topic, num_partitions=1, replication_factor=1, assignments=[], configs=[])
    twice = client.ask(CREATE_TOPICS, 7, Message(topics=[wanted, wanted], timeout_ms=1, validate_only=False))
    assert {each.error_code for each in twice.topics} == {ErrorCode.INVALID_REQUEST}
    tried = client.ask(CREATE_TOPICS, 7, Message(topics=[wanted], timeout_ms=1, validate_only=True))
    assert tried.topics[0].error_code == ErrorCode.NONE
    assert tried.topics[0].configs
    create(client, topic)
    again = client.ask(CREATE_TOPICS, 7, Message(topics=[wanted], timeout_ms=1, validate_only=False))
    assert again.topics[0].error_code == ErrorCode.TOPIC_ALREADY_EXISTS
    many = Message(name=topic + "3", num_partitions=1, replication_factor=3, assignments=[], configs=[])
    refused = client.ask(CREATE_TOPICS, 7, Message(topics=[many], timeout_ms=1, validate_only=False))
    assert refused.topics[0].error_code == ErrorCode.INVALID_REPLICATION_FACTOR
