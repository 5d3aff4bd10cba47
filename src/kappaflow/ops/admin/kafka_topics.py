"""Topics of a real cluster."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from kappaflow.client.admin import Admin, NewTopic
from kappaflow.client.broker_errors import raise_for_code
from kappaflow.client.kafka_python import admin_messages
from kappaflow.client.listed_offsets import ListedOffset
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin.faces import PartitionState, TopicState


class KafkaTopics:
    """Topics and the offsets of their partitions."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def describe(self, names: Collection[str] | None = None) -> dict[str, TopicState]:
        """Topics by name, all by default; those that do not exist are left out.

        Raises:
            BrokerError: a topic may not be seen.
        """
        wanted = None if names is None else sorted(names)
        if wanted == []:
            return {}
        return {
            name: TopicState(
                name,
                _as_kafka_writes(topic.topic_id),
                topic.is_internal,
                tuple(
                    PartitionState(name, p.partition, p.leader, p.replicas, p.in_sync, p.offline)
                    for p in topic.partitions
                ),
            )
            for name, topic in sorted(self._admin.describe_topics(wanted).items())
        }

    def create(
        self, topics: Sequence[NewTopic], assignments: Mapping[str, Sequence[Sequence[int]]] | None = None
    ) -> None:
        """Create topics, with these replicas of each partition where given.

        Raises:
            BrokerError: of the first topic that was refused.
        """
        self._admin.create_topics(topics, assignments=assignments)

    def delete(self, names: Collection[str]) -> None:
        """Delete topics with their records.

        Raises:
            BrokerError: of the first that was refused, such as ``TOPIC_DELETION_DISABLED``.
        """
        self._admin.delete_topics(sorted(names))

    def grow(self, name: str, count: int, assignments: Sequence[Sequence[int]] | None = None) -> None:
        """Give a topic more partitions.

        Raises:
            BrokerError: refused, such as ``INVALID_PARTITIONS`` where it has as many already.
        """
        if assignments is None:
            self._admin.create_partitions({name: count})
            return
        request_class = admin_messages.CreatePartitionsRequest
        topic_class = request_class.CreatePartitionsTopic
        rows = [topic_class.CreatePartitionsAssignment(broker_ids=list(brokers)) for brokers in assignments]
        request = request_class(
            topics=[topic_class(name=name, count=count, assignments=rows)],
            timeout_ms=self._admin.connection.config.request_timeout_ms,
            validate_only=False,
            min_version=0,
            max_version=3,
        )
        for row in self._admin.on_controller(request, "create partitions").results:
            raise_for_code(row.error_code, f"add partitions to topic {row.name}", row.error_message)

    def list_offsets(self, timestamps: Mapping[TopicPartition, int]) -> dict[TopicPartition, ListedOffset]:
        """The first offset at or after a time; partitions without a leader are left out.

        Raises:
            BrokerError: a partition does not exist.
        """
        led = {
            TopicPartition(p.topic, p.partition)
            for topic in self.describe({tp.topic for tp in timestamps}).values()
            for p in topic.partitions
            if p.leader >= 0
        }
        return self._admin.list_offsets({tp: at for tp, at in timestamps.items() if tp in led})

    def delete_records(self, before: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Delete the records before an offset, -1 for all; returns where each partition begins then.

        Raises:
            BrokerError: of the first partition that was refused.
        """
        return self._admin.delete_records(before)


def _as_kafka_writes(topic_id: str) -> str:
    """An id as Kafka's tools and logs have it; empty for none.

    >>> _as_kafka_writes("71b5b3ac-2f1f-4e0a-8a55-93c4a2f5a001"), _as_kafka_writes("")
    ('cbWzrC8fTgqKVZPEovWgAQ', '')
    """
    return urlsafe_b64encode(UUID(topic_id).bytes).decode().rstrip("=") if topic_id else ""
