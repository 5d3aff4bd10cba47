"""Disks of a real cluster."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kappaflow.client.admin import Admin
from kappaflow.client.broker_errors import error_name, raise_for_code
from kappaflow.client.kafka_python import admin_messages
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin.faces import LogDirState, ReplicaSize


class KafkaLogDirs:
    """What lies on the brokers' disks."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def describe(
        self, brokers: Collection[int] | None = None, topics: Collection[str] | None = None
    ) -> list[LogDirState]:
        """The log directories of brokers, all by default, sorted by broker and path.

        Raises:
            BrokerError: a broker refused or is away.
        """
        cluster = self._admin.describe_cluster()
        asked = sorted(brokers) if brokers is not None else [b.node_id for b in cluster.brokers]
        rows: list[Any] | None = None
        if topics is not None:
            row_class = admin_messages.DescribeLogDirsRequest.DescribableLogDirTopic
            described = self._admin.describe_topics(sorted(topics))
            rows = [
                row_class(topic=name, partitions=[p.partition for p in topic.partitions])
                for name, topic in described.items()
            ]
        return [state for broker in asked for state in self._of_broker(broker, rows)]

    def _of_broker(self, broker: int, topics: list[Any] | None) -> list[LogDirState]:
        request = admin_messages.DescribeLogDirsRequest(topics=topics, min_version=1, max_version=4)
        what = f"describe the log directories of broker {broker}"
        connection = self._admin.connection
        response = connection.retry(lambda: connection.request(request, what, broker))
        raise_for_code(getattr(response, "error_code", 0) or 0, what)
        return sorted(_state(broker, row) for row in response.results)

    def move(self, moves: Mapping[tuple[TopicPartition, int], str]) -> None:
        """Copy replicas, each named by partition and broker, to another directory of their broker.

        Raises:
            BrokerError: of the first that was refused, such as ``LOG_DIR_NOT_FOUND``.
        """
        request_class = admin_messages.AlterReplicaLogDirsRequest
        dir_class = request_class.AlterReplicaLogDir
        by_broker: dict[int, dict[str, dict[str, list[int]]]] = {}
        for (partition, broker), path in moves.items():
            topics = by_broker.setdefault(broker, {}).setdefault(path, {})
            topics.setdefault(partition.topic, []).append(partition.partition)
        for broker, paths in by_broker.items():
            rows = [
                dir_class(
                    path=path,
                    topics=[dir_class.AlterReplicaLogDirTopic(name=n, partitions=p) for n, p in topics.items()],
                )
                for path, topics in paths.items()
            ]
            request = request_class(dirs=rows, min_version=1, max_version=2)
            what = f"move replicas between directories of broker {broker}"
            for topic in self._admin.connection.request(request, what, broker).results:
                for row in topic.partitions:
                    raise_for_code(row.error_code, f"{what}: {topic.topic_name}-{row.partition_index}")


def _state(broker: int, row: Any) -> LogDirState:
    replicas = tuple(
        ReplicaSize(
            TopicPartition(topic.name, p.partition_index), p.partition_size, p.offset_lag, bool(p.is_future_key)
        )
        for topic in row.topics
        for p in topic.partitions
    )
    error = error_name(row.error_code) if row.error_code else ""
    total = -1 if row.total_bytes is None else row.total_bytes
    usable = -1 if row.usable_bytes is None else row.usable_bytes
    return LogDirState(broker, row.log_dir, error, total, usable, tuple(sorted(replicas)))
