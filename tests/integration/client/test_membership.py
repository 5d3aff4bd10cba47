"""Groups of our members on a real broker: sharing, taking over, coming back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from kappaflow.client.admin import Admin
from kappaflow.client.assignors import StickyAssignor
from kappaflow.client.connection import ClientConfig
from kappaflow.client.consumer_protocol import decode_assignment
from kappaflow.client.groups import describe_group, remove_members
from kappaflow.client.membership import GroupMembership
from kappaflow.client.offsets import GroupGeneration, GroupOffsets
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.client.transactions import TransactionalProducer
from kappaflow.errors import BrokerError
from kappaflow.testing.apache_kafka import java_tool

WAIT_S = 30.0


class Worker:
    """A member that keeps what it was told."""

    def __init__(
        self,
        config: ClientConfig,
        group_id: str,
        topic: str,
        instance: str | None = None,
        session_timeout_ms: int = 6_000,
    ) -> None:
        self.partitions: set[int] = set()
        self.generation = GroupGeneration()
        self.history: list[str] = []
        self.membership = GroupMembership(
            config,
            group_id,
            [topic],
            StickyAssignor(),
            self.assigned,
            self.revoked,
            group_instance_id=instance,
            session_timeout_ms=session_timeout_ms,
            heartbeat_interval_ms=200,
        )

    def assigned(self, assignment: bytes, generation: GroupGeneration) -> None:
        self.partitions = {p.partition for p in decode_assignment(assignment).partitions}
        self.generation = generation
        self.history.append(f"assigned {sorted(self.partitions)}")

    def revoked(self, lost: bool) -> None:
        self.partitions = set()
        self.history.append("lost" if lost else "revoked")

    def vanish(self) -> None:
        """End as a killed process does: without a word to the group."""
        self.membership.close(leave=False)


def until(workers: list[Worker], condition: Callable[[], bool]) -> None:
    """Poll all members in turn, as their processes would, until something holds."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, [worker.history for worker in workers]
        for worker in workers:
            worker.membership.poll(0.02)


def spread(workers: list[Worker]) -> list[int]:
    return sorted(partition for worker in workers for partition in worker.partitions)


def test_two_members_share_and_one_takes_over_when_the_other_is_killed(
    config: ClientConfig, new_topic: Callable[..., str]
) -> None:
    topic = new_topic(4)
    first = Worker(config, "group-kill", topic)
    until([first], lambda: first.partitions == {0, 1, 2, 3})
    second = Worker(config, "group-kill", topic)
    both = [first, second]
    until(both, lambda: spread(both) == [0, 1, 2, 3] and len(first.partitions) == len(second.partitions) == 2)
    assert first.history == ["assigned [0, 1, 2, 3]", "revoked", "assigned [0, 1]"]
    kept = set(first.partitions)
    second.vanish()
    until([first], lambda: first.partitions == {0, 1, 2, 3})
    third = Worker(config, "group-kill", topic)
    until([first, third], lambda: spread([first, third]) == [0, 1, 2, 3] and len(third.partitions) == 2)
    assert first.partitions == kept
    for worker in (first, third):
        worker.membership.close()


def test_a_member_that_leaves_is_replaced_at_once(config: ClientConfig, new_topic: Callable[..., str]) -> None:
    topic = new_topic(2)
    workers = [Worker(config, "group-leave", topic, session_timeout_ms=30_000) for _ in range(2)]
    until(workers, lambda: spread(workers) == [0, 1] and all(worker.partitions for worker in workers))
    started = time.monotonic()
    workers[1].membership.close()
    until(workers[:1], lambda: workers[0].partitions == {0, 1})
    assert time.monotonic() - started < 15, "it waited for the session time-out"
    workers[0].membership.close()


def test_a_static_member_comes_back_without_a_rebalance(config: ClientConfig, new_topic: Callable[..., str]) -> None:
    topic = new_topic(4)
    workers = [Worker(config, "group-static", topic, f"worker-{i}", 30_000) for i in range(2)]
    until(workers, lambda: spread(workers) == [0, 1, 2, 3] and all(len(w.partitions) == 2 for w in workers))
    for gone, stays in ((0, 1), (1, 0)):
        before, generation = set(workers[gone].partitions), workers[stays].generation
        steps = len(workers[stays].history)
        workers[gone].membership.close()
        workers[gone] = Worker(config, "group-static", topic, f"worker-{gone}", 30_000)
        until(workers, lambda gone=gone, before=before: workers[gone].partitions == before)
        assert workers[gone].generation.generation_id == generation.generation_id
        assert len(workers[stays].history) == steps, workers[stays].history
    for worker in workers:
        worker.membership.close(leave=True)
    deadline = time.monotonic() + WAIT_S
    with Admin(config) as admin:
        while describe_group(admin.connection, "group-static").state != "Empty":
            assert time.monotonic() < deadline, "the static members did not leave"
            time.sleep(0.05)


def test_a_static_member_comes_back_to_a_topic_that_has_grown(
    config: ClientConfig, new_topic: Callable[..., str]
) -> None:
    topic = new_topic(1)
    workers = [Worker(config, "group-grown", topic, f"worker-{i}", 30_000) for i in range(2)]
    until(workers, lambda: spread(workers) == [0])
    for worker in workers:
        worker.membership.close()
    with Admin(config) as admin:
        admin.create_partitions({topic: 4})
    workers = [Worker(config, "group-grown", topic, f"worker-{i}", 30_000) for i in range(2)]
    until(workers, lambda: spread(workers) == [0, 1, 2, 3] and all(len(w.partitions) == 2 for w in workers))
    for worker in workers:
        worker.membership.close(leave=True)


def test_a_second_process_with_the_same_instance_id_fences_the_first(
    config: ClientConfig, new_topic: Callable[..., str]
) -> None:
    topic = new_topic(1)
    first = Worker(config, "group-fenced", topic, "worker-0", 30_000)
    until([first], lambda: first.partitions == {0})
    second = Worker(config, "group-fenced", topic, "worker-0", 30_000)
    until([second], lambda: second.partitions == {0})
    with pytest.raises(BrokerError, match="group-fenced") as caught:
        until([first], lambda: False)
    assert caught.value.name == "FENCED_INSTANCE_ID"
    first.membership.close()
    second.membership.close(leave=True)


def test_the_group_waits_for_the_callback_of_a_revoked_member(
    config: ClientConfig, new_topic: Callable[..., str]
) -> None:
    topic = new_topic(2)
    first = Worker(config, "group-wait", topic)
    until([first], lambda: first.partitions == {0, 1})
    old = first.generation
    second = Worker(config, "group-wait", topic)
    committed = threading.Event()
    with GroupOffsets(config, "group-wait") as offsets:

        def commit(lost: bool) -> None:
            assert not lost
            assert not second.history, "the other member was served before this one gave its place back"
            offsets.commit({TopicPartition(topic, 0): 3, TopicPartition(topic, 1): 4}, old)
            committed.set()

        first.membership._on_revoked = commit
        until([first, second], committed.is_set)
        until([first, second], lambda: len(first.partitions) == len(second.partitions) == 1)
        with pytest.raises(BrokerError) as caught:
            offsets.commit({TopicPartition(topic, 0): 9}, old)
        assert caught.value.name in {"ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID"}
        found = offsets.fetch()
        offsets.commit({TopicPartition(topic, 0): 5}, first.membership.generation())
    assert [found[TopicPartition(topic, p)].offset for p in range(2)] == [3, 4]
    for worker in (first, second):
        worker.membership.close()


def test_who_fell_out_of_the_group_cannot_commit_in_a_transaction(
    config: ClientConfig, new_topic: Callable[..., str]
) -> None:
    topic = new_topic(1)
    first = Worker(config, "group-fell-out", topic)
    until([first], lambda: first.partitions == {0})
    with Admin(config) as admin:
        remove_members(admin.connection, "group-fell-out", describe_group(admin.connection, "group-fell-out").members)
    # It learns that from a heartbeat, before its owner polls again and gives its partitions back.
    deadline = time.monotonic() + WAIT_S
    while first.membership._coordinator.group_metadata().generation_id >= 0:
        assert time.monotonic() < deadline, "no heartbeat told it"
        time.sleep(0.02)
    with TransactionalProducer(config, "group-fell-out") as producer:
        producer.init()
        with pytest.raises(BrokerError) as caught:
            producer.commit({TopicPartition(topic, 0): 7}, "group-fell-out", first.membership.generation())
        producer.abort()
    assert caught.value.name == "UNKNOWN_MEMBER_ID"
    with GroupOffsets(config, "group-fell-out") as offsets:
        assert offsets.fetch() == {}
    first.membership.close()


def test_new_partitions_are_assigned(config: ClientConfig, admin: Admin, new_topic: Callable[..., str]) -> None:
    topic = new_topic(1)
    worker = Worker(config, "group-grow", topic)
    until([worker], lambda: worker.partitions == {0})
    admin.create_partitions({topic: 3})
    worker.membership.refresh_metadata()
    until([worker], lambda: worker.partitions == {0, 1, 2})
    worker.membership.close()


@pytest.mark.java
def test_kafkas_own_tool_reads_the_group(config: ClientConfig, new_topic: Callable[..., str]) -> None:
    topic = new_topic(2)
    worker = Worker(config, "group-tool", topic)
    until([worker], lambda: worker.partitions == {0, 1})
    with GroupOffsets(config, "group-tool") as offsets:
        offsets.commit({TopicPartition(topic, 0): 0}, worker.generation)
    command = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
    address = ("--bootstrap-server", config.bootstrap_servers)
    shown = java_tool(command, *address, "--describe", "--group", "group-tool", "--members", "--verbose")
    assert f"{topic}(0,1)" in shown or f"{topic}:0,1" in shown, shown
    worker.membership.close()
