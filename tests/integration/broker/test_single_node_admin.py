"""What a cluster of one node answers to those who move, elect, describe and configure."""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest

from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message
from kappaflow.wire.record_batch import build_batch


@pytest.fixture
def client(broker: EmbeddedBroker, topic: str) -> Generator[RawClient]:
    with RawClient(broker.port) as connected:
        wanted = Message(name=topic, num_partitions=2, replication_factor=1, assignments=[], configs=[])
        connected.ask(19, 7, Message(topics=[wanted], timeout_ms=5000, validate_only=False))
        yield connected


def produce(client: RawClient, topic: str, *times: int) -> None:
    records = build_batch([(b"k", b"v")] * len(times), timestamp_ms=times)
    data = [Message(name=topic, partition_data=[Message(index=0, records=records)])]
    client.ask(0, 9, Message(transactional_id=None, acks=-1, timeout_ms=5000, topic_data=data))


def test_log_dirs_hold_sizes(broker: EmbeddedBroker, client: RawClient, topic: str) -> None:
    produce(client, topic, int(time.time() * 1000))
    for version in (1, 2, 3, 4):
        answer = client.ask(35, version, Message(topics=[Message(topic=topic, partitions=[0, 7])]))
        (directory,) = answer.results
        assert directory.log_dir == str(broker.data_dir)
        assert [(each.partition_index, each.partition_size > 60) for each in directory.topics[0].partitions] == [
            (0, True)
        ]
    assert directory.total_bytes > directory.usable_bytes > 0
    everything = client.ask(35, 4, Message(topics=None)).results[0].topics
    assert topic in [each.name for each in everything]


def test_replicas_stay_in_the_only_directory(broker: EmbeddedBroker, client: RawClient, topic: str) -> None:
    def move(path: str, index: int) -> int:
        dirs = [Message(path=path, topics=[Message(name=topic, partitions=[index])])]
        return client.ask(34, 2, Message(dirs=dirs)).results[0].partitions[0].error_code

    assert move(str(broker.data_dir), 0) == ErrorCode.NONE
    assert move(str(broker.data_dir), 9) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert move("/elsewhere", 0) == ErrorCode.LOG_DIR_NOT_FOUND


def test_elections_are_not_needed(client: RawClient, topic: str) -> None:
    named = [Message(topic=topic, partitions=[0, 5])]
    answer = client.ask(43, 2, Message(election_type=0, topic_partitions=named, timeout_ms=1000))
    codes = [each.error_code for each in answer.replica_election_results[0].partition_result]
    assert codes == [ErrorCode.ELECTION_NOT_NEEDED, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]
    for_all = client.ask(43, 2, Message(election_type=0, topic_partitions=None, timeout_ms=1000))
    assert for_all.replica_election_results == []


@pytest.mark.parametrize(
    ("index", "replicas", "code"),
    [
        (0, [1], ErrorCode.NONE),
        (0, [2], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (0, [1, 1], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (0, [], ErrorCode.INVALID_REPLICA_ASSIGNMENT),
        (0, None, ErrorCode.NO_REASSIGNMENT_IN_PROGRESS),
        (7, [1], ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
    ],
)
def test_reassignments(client: RawClient, topic: str, index: int, replicas: list[int] | None, code: int) -> None:
    wanted = [Message(name=topic, partitions=[Message(partition_index=index, replicas=replicas)])]
    answer = client.ask(45, 0, Message(timeout_ms=1000, topics=wanted))
    assert answer.responses[0].partitions[0].error_code == code
    assert client.ask(46, 0, Message(timeout_ms=1000, topics=None)).topics == []


def test_alter_configs_replaces_all(client: RawClient, topic: str) -> None:
    def alter(validate_only: bool = False, **configs: str) -> int:
        values = [Message(name=name.replace("_", "."), value=value) for name, value in configs.items()]
        resource = Message(resource_type=2, resource_name=topic, configs=values)
        return client.ask(33, 2, Message(resources=[resource], validate_only=validate_only)).responses[0].error_code

    def configs() -> dict[str, str]:
        resource = Message(resource_type=2, resource_name=topic, configuration_keys=None)
        body = Message(resources=[resource], include_synonyms=False, include_documentation=False)
        entries = client.ask(32, 4, body).results[0].configs
        return {each.name: each.value for each in entries if each.config_source == 1}

    assert alter(retention_ms="1000", segment_bytes="2097152") == ErrorCode.NONE
    assert alter(retention_ms="3000") == ErrorCode.NONE
    assert configs() == {"retention.ms": "3000"}
    assert alter(validate_only=True, retention_ms="5") == ErrorCode.NONE
    assert alter(retention_ms="no number") == ErrorCode.INVALID_CONFIG
    assert configs() == {"retention.ms": "3000"}


def test_config_resources_are_listed_by_type(client: RawClient, topic: str) -> None:
    def names(*types: int) -> list[tuple[int, str]]:
        answer = client.ask(74, 1, Message(resource_types=list(types)))
        assert answer.error_code == ErrorCode.NONE
        return [(each.resource_type, each.resource_name) for each in answer.config_resources]

    assert (2, topic) in names()
    assert names(4) == [(4, "1")]
    assert client.ask(74, 1, Message(resource_types=[99])).error_code == ErrorCode.UNSUPPORTED_VERSION
    assert client.ask(74, 0, Message()).config_resources == []


def test_the_quorum_has_one_voter(client: RawClient) -> None:
    asked = [Message(topic_name="__cluster_metadata", partitions=[Message(partition_index=0)])]
    answer = client.ask(55, 2, Message(topics=asked))
    partition = answer.topics[0].partitions[0]
    assert (partition.error_code, partition.leader_id) == (ErrorCode.NONE, 1)
    assert [voter.replica_id for voter in partition.current_voters] == [1]
    assert partition.high_watermark == partition.current_voters[0].log_end_offset > 0
    assert [node.node_id for node in answer.nodes] == [1]


def test_unknown_features_are_refused(client: RawClient) -> None:
    update = Message(feature="no.such.feature", max_version_level=1, upgrade_type=1)
    body = Message(timeout_ms=1000, feature_updates=[update], validate_only=True)
    assert client.ask(57, 2, body).error_code == ErrorCode.INVALID_UPDATE_VERSION
    assert client.ask(57, 1, body).results[0].error_code == ErrorCode.INVALID_UPDATE_VERSION


def test_special_timestamps(client: RawClient, topic: str) -> None:
    now_ms = int(time.time() * 1000)
    produce(client, topic, now_ms - 50, now_ms, now_ms - 20)
    produce(client, topic, now_ms - 30)

    def offset(timestamp: int, version: int = 10) -> tuple[int, int, int]:
        wanted = Message(partition_index=0, current_leader_epoch=-1, timestamp=timestamp)
        body = Message(
            replica_id=-1, isolation_level=0, topics=[Message(name=topic, partitions=[wanted])], timeout_ms=9
        )
        found = client.ask(2, version, body).topics[0].partitions[0]
        return found.error_code, found.offset, found.timestamp

    assert offset(-1) == (0, 4, -1)
    assert offset(-2) == (0, 0, -1)
    assert offset(-3) == (0, 1, now_ms)
    assert offset(-4) == (0, 0, -1)
    assert offset(-5) == (0, -1, -1)
    assert offset(now_ms - 25) == (0, 1, now_ms)
    assert offset(now_ms + 1) == (0, -1, -1)
    assert offset(-3, version=6)[0] == ErrorCode.UNSUPPORTED_VERSION


def test_deleting_records(client: RawClient, topic: str) -> None:
    now_ms = int(time.time() * 1000)
    for _ in range(4):
        produce(client, topic, now_ms)

    def delete(offset: int) -> tuple[int, int]:
        wanted = [Message(name=topic, partitions=[Message(partition_index=0, offset=offset)])]
        answer = client.ask(21, 2, Message(topics=wanted, timeout_ms=1000)).topics[0].partitions[0]
        return answer.error_code, answer.low_watermark

    assert delete(2) == (ErrorCode.NONE, 2)
    assert delete(1) == (ErrorCode.NONE, 2)
    assert delete(5) == (ErrorCode.OFFSET_OUT_OF_RANGE, -1)
    assert delete(-2) == (ErrorCode.OFFSET_OUT_OF_RANGE, -1)
    assert delete(-1) == (ErrorCode.NONE, 4)
