"""Topics of a simulated cluster."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from hashlib import md5

from kappaflow.client.admin import EARLIEST, LATEST, NewTopic
from kappaflow.client.broker_errors import broker_error
from kappaflow.client.listed_offsets import ListedOffset
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin import PartitionState, TopicState
from kappaflow.testing.simulated_cluster.state import Partition, State
from kappaflow.wire.error_codes import ErrorCode


class SimulatedTopics:
    """Topics and the offsets of their partitions."""

    def __init__(self, state: State) -> None:
        self._state = state

    def describe(self, names: Collection[str] | None = None) -> dict[str, TopicState]:
        """Topics by name."""
        wanted = sorted(self._state.topics if names is None else set(names) & set(self._state.topics))
        return {
            name: TopicState(
                name,
                _topic_id(name),
                name.startswith("__"),
                tuple(self._partition(name, number, p) for number, p in enumerate(self._state.topics[name])),
            )
            for name in wanted
        }

    def _partition(self, topic: str, number: int, partition: Partition) -> PartitionState:
        brokers = self._state.brokers
        replicas = tuple(partition.replicas)
        in_sync = tuple(r for r in replicas if r in partition.in_sync)
        offline = tuple(r for r in replicas if r not in brokers or not brokers[r].alive)
        return PartitionState(topic, number, partition.leader, replicas, in_sync, offline)

    def create(
        self, topics: Sequence[NewTopic], assignments: Mapping[str, Sequence[Sequence[int]]] | None = None
    ) -> None:
        """Create topics."""
        brokers = [b for b, row in sorted(self._state.brokers.items()) if row.alive]
        for topic in topics:
            if topic.name in self._state.topics:
                raise broker_error(ErrorCode.TOPIC_ALREADY_EXISTS, f"create topic {topic.name}")
            copies = max(1, topic.replication_factor)
            rows = (assignments or {}).get(topic.name) or [
                [brokers[(p + r) % len(brokers)] for r in range(copies)] for p in range(max(1, topic.partitions))
            ]
            self._state.topics[topic.name] = [Partition(list(row), set(row), row[0]) for row in rows]
            self._state.configs["topic", topic.name] = dict(topic.configs)

    def delete(self, names: Collection[str]) -> None:
        """Delete topics."""
        for name in names:
            if self._state.topics.pop(name, None) is None:
                raise broker_error(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"delete topic {name}")

    def grow(self, name: str, count: int, assignments: Sequence[Sequence[int]] | None = None) -> None:
        """Give a topic more partitions."""
        rows = self._state.topics[name]
        first = rows[0].replicas
        for number in range(len(rows), count):
            replicas = list(assignments[number - len(rows)]) if assignments else list(first)
            rows.append(Partition(replicas, set(replicas), replicas[0]))

    def list_offsets(self, timestamps: Mapping[TopicPartition, int]) -> dict[TopicPartition, ListedOffset]:
        """Where partitions begin and end; there are no times."""
        found: dict[TopicPartition, ListedOffset] = {}
        for name, at in timestamps.items():
            partition = self._state.partition(name)
            if partition is None:
                raise broker_error(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"list offsets of {name}")
            if partition.leader >= 0:
                offset = partition.begin if at == EARLIEST else partition.end if at == LATEST else -1
                found[name] = ListedOffset(offset, -1, 0)
        return found

    def delete_records(self, before: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Move the beginnings."""
        for name, offset in before.items():
            partition = self._state.partition(name)
            assert partition is not None
            partition.begin = partition.end if offset == -1 else max(partition.begin, offset)
        return {name: self._state.topics[name.topic][name.partition].begin for name in before}


def _topic_id(name: str) -> str:
    """An id of the form of Kafka's, the same for the same name."""
    return urlsafe_b64encode(md5(name.encode(), usedforsecurity=False).digest()).decode().rstrip("=")
