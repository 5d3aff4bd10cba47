"""Topics, configurations, offsets and groups of a real broker."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kappaflow.client.admin import EARLIEST, LATEST, MAX_TIMESTAMP, Admin, NewTopic
from kappaflow.client.connection import ClientConfig
from kappaflow.client.groups import delete_groups, describe_group, list_groups
from kappaflow.client.listed_offsets import ListedOffset
from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.offsets import SIMPLE, GroupGeneration, GroupOffsets
from kappaflow.client.records import RecordWriter
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError


def test_topics_are_created_grown_described_and_deleted(admin: Admin) -> None:
    admin.create_topics([NewTopic("admin-1", 2, 1, {"retention.ms": "-1"})])
    assert not admin.create_topic(NewTopic("admin-1"), exist_ok=True)
    with pytest.raises(BrokerError, match="admin-1") as caught:
        admin.create_topic(NewTopic("admin-1"))
    assert (caught.value.code, caught.value.name) == (36, "TOPIC_ALREADY_EXISTS")
    admin.create_partitions({"admin-1": 3})
    description = admin.describe_topics(["admin-1"])["admin-1"]
    assert [(p.partition, p.leader, p.replicas, p.in_sync) for p in description.partitions] == [
        (p, 1, (1,), (1,)) for p in range(3)
    ]
    assert len(description.topic_id) == 36
    assert admin.partitions_for("admin-1") == 3
    assert "admin-1" in admin.list_topics()
    admin.delete_topics(["admin-1"])
    assert "admin-1" not in admin.list_topics()
    with pytest.raises(BrokerError, match="UNKNOWN_TOPIC_OR_PARTITION"):
        admin.delete_topics(["admin-1"])


def test_configurations(admin: Admin, new_topic: Callable[..., str]) -> None:
    topic = new_topic(cleanup_policy="compact")
    assert admin.describe_configs("topic", topic)["cleanup.policy"][:2] == ("compact", False)
    admin.alter_configs("topic", topic, {"retention.ms": "1234"}, delete=["cleanup.policy"])
    configs = admin.describe_configs("topic", topic)
    assert configs["retention.ms"].value == "1234"
    assert configs["cleanup.policy"][:2] == ("delete", True)
    assert admin.describe_configs("broker", "1")["node.id"].value == "1"
    with pytest.raises(BrokerError, match="retention"):
        admin.alter_configs("topic", topic, {"retention.ms": "soon"})


def test_cluster(admin: Admin, config: ClientConfig) -> None:
    cluster = admin.describe_cluster()
    assert [f"{b.host}:{b.port}" for b in cluster.brokers] == [config.bootstrap_servers]
    assert cluster.cluster_id


def test_offsets_by_time(admin: Admin, config: ClientConfig, new_topic: Callable[..., str]) -> None:
    partition = TopicPartition(new_topic(), 0)
    with RecordWriter(config) as writer:
        for time_ms in (1_700_000_000_000, 1_700_000_005_000, 1_700_000_003_000):
            writer.send(partition.topic, b"k", b"v", timestamp=time_ms)
    listed = {
        spec: admin.list_offsets({partition: spec})[partition]
        for spec in (EARLIEST, LATEST, MAX_TIMESTAMP, 1_700_000_001_000, 1_800_000_000_000)
    }
    assert {spec: row.offset for spec, row in listed.items()} == {
        EARLIEST: 0,
        LATEST: 3,
        MAX_TIMESTAMP: 1,
        1_700_000_001_000: 1,
        1_800_000_000_000: -1,
    }
    assert listed[MAX_TIMESTAMP] == ListedOffset(1, 1_700_000_005_000, 0)
    with pytest.raises(BrokerError, match="does not exist"):
        admin.list_offsets({TopicPartition("no-such-topic", 0): LATEST})


def test_offsets_of_a_group_without_members(admin: Admin, config: ClientConfig, new_topic: Callable[..., str]) -> None:
    topic = new_topic(3)
    partitions = [TopicPartition(topic, p) for p in range(3)]
    with GroupOffsets(config, "group-simple") as offsets:
        assert offsets.fetch(partitions) == {}
        offsets.commit({partitions[0]: 5, partitions[1]: CommittedOffset(7, 0, "note")}, SIMPLE)
        assert offsets.fetch() == {
            partitions[0]: CommittedOffset(5),
            partitions[1]: CommittedOffset(7, 0, "note"),
        }
        assert offsets.fetch(partitions[1:], require_stable=True) == {partitions[1]: CommittedOffset(7, 0, "note")}
        with pytest.raises(BrokerError, match="group-simple"):
            offsets.commit({partitions[0]: 6}, GroupGeneration(3, "nobody"))
    assert "group-simple" in [group.group_id for group in list_groups(admin.connection)]
    assert describe_group(admin.connection, "group-simple").state == "Empty"
    delete_groups(admin.connection, ["group-simple"])
    with pytest.raises(BrokerError, match="GROUP_ID_NOT_FOUND"):
        delete_groups(admin.connection, ["group-simple"])
