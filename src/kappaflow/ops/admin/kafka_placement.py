"""Reassignments and elections of a real cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kappaflow.client.admin import Admin
from kappaflow.client.broker_errors import broker_error, raise_for_code
from kappaflow.client.kafka_python import admin_messages
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError
from kappaflow.ops.admin.faces import ElectionKind, Reassignment
from kappaflow.wire.error_codes import ErrorCode

PARTITIONS_A_REQUEST = 2_000
_ELECTIONS = {"preferred": 0, "unclean": 1}


class KafkaPlacement:
    """Where replicas are and who leads."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def reassign(self, replicas: Mapping[TopicPartition, Sequence[int] | None]) -> dict[TopicPartition, BrokerError]:
        """Start to move partitions to these replicas; None cancels what is under way. Returns what was refused.

        Raises:
            BrokerError: the request as a whole was refused.
        """
        refused: dict[TopicPartition, BrokerError] = {}
        partitions = sorted(replicas)
        for start in range(0, len(partitions), PARTITIONS_A_REQUEST):
            part = partitions[start : start + PARTITIONS_A_REQUEST]
            refused |= self._reassign({p: replicas[p] for p in part})
        return refused

    def _reassign(self, replicas: Mapping[TopicPartition, Sequence[int] | None]) -> dict[TopicPartition, BrokerError]:
        request_class = admin_messages.AlterPartitionReassignmentsRequest
        topic_class = request_class.ReassignableTopic
        topics: dict[str, list[Any]] = {}
        for partition, brokers in replicas.items():
            row = topic_class.ReassignablePartition(
                partition_index=partition.partition, replicas=None if brokers is None else list(brokers)
            )
            topics.setdefault(partition.topic, []).append(row)
        request = request_class(
            timeout_ms=self._admin.connection.config.request_timeout_ms,
            topics=[topic_class(name=name, partitions=rows) for name, rows in topics.items()],
            min_version=0,
            max_version=0,
        )
        what = "reassign partitions"
        connection = self._admin.connection

        def attempt() -> Any:
            response = self._admin.on_controller(request, what)
            raise_for_code(response.error_code, what, response.error_message)
            return response

        refused: dict[TopicPartition, BrokerError] = {}
        for topic in connection.retry(attempt).responses:
            for row in topic.partitions:
                if row.error_code:
                    partition = TopicPartition(topic.name, row.partition_index)
                    refused[partition] = broker_error(row.error_code, f"reassign {partition}", row.error_message)
        return refused

    def reassignments(self) -> list[Reassignment]:
        """What is under way, by whomever it was started.

        Raises:
            BrokerError: the request was refused.
        """
        request = admin_messages.ListPartitionReassignmentsRequest(
            timeout_ms=self._admin.connection.config.request_timeout_ms, topics=None, min_version=0, max_version=0
        )
        what = "list reassignments"

        def attempt() -> Any:
            response = self._admin.on_controller(request, what)
            raise_for_code(response.error_code, what, response.error_message)
            return response

        return sorted(
            Reassignment(
                TopicPartition(topic.name, row.partition_index),
                tuple(row.replicas),
                tuple(row.adding_replicas),
                tuple(row.removing_replicas),
            )
            for topic in self._admin.connection.retry(attempt).topics
            for row in topic.partitions
        )

    def elect(self, kind: ElectionKind, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, BrokerError]:
        """Elect leaders. Returns what was refused; a leader that is already the right one is none of these.

        Raises:
            BrokerError: the request as a whole was refused.
        """
        request_class = admin_messages.ElectLeadersRequest
        topics: dict[str, list[int]] = {}
        for partition in partitions:
            topics.setdefault(partition.topic, []).append(partition.partition)
        if not topics:
            return {}
        request = request_class(
            election_type=_ELECTIONS[kind],
            topic_partitions=[
                request_class.TopicPartitions(topic=name, partitions=numbers) for name, numbers in topics.items()
            ],
            timeout_ms=self._admin.connection.config.request_timeout_ms,
            min_version=1,
            max_version=2,
        )
        what = f"elect {kind} leaders"
        response = self._admin.on_controller(request, what)
        raise_for_code(response.error_code, what)
        refused: dict[TopicPartition, BrokerError] = {}
        for topic in response.replica_election_results:
            for row in topic.partition_result:
                if row.error_code not in (0, ErrorCode.ELECTION_NOT_NEEDED):
                    partition = TopicPartition(topic.topic, row.partition_id)
                    refused[partition] = broker_error(
                        row.error_code, f"elect a leader of {partition}", row.error_message
                    )
        return refused
