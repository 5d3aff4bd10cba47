"""Transactions of a real cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kappaflow.client.admin import LATEST, Admin
from kappaflow.client.broker_errors import raise_for_code
from kappaflow.client.coordinator import Coordinator
from kappaflow.client.kafka_python import admin_messages, producer_messages
from kappaflow.client.kio_request import request_by_schema
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin.transaction_faces import ProducerState, TransactionListing, TransactionState
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

WRITE_TXN_MARKERS = 27


class KafkaTransactions:
    """Transactions and the producers of partitions."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._connection = admin.connection

    def list(self) -> list[TransactionListing]:
        """All transactional ids, sorted.

        Raises:
            BrokerError: a broker refused, or is older than 3.0.
        """
        found: dict[str, TransactionListing] = {}
        for broker in self._admin.describe_cluster().brokers:
            request = admin_messages.ListTransactionsRequest(
                state_filters=[], producer_id_filters=[], min_version=0, max_version=0
            )

            def attempt(request: Any = request, node_id: int = broker.node_id) -> Any:
                response = self._connection.request(request, "list transactions", node_id)
                raise_for_code(response.error_code, "list transactions")
                return response

            for row in self._connection.retry(attempt).transaction_states:
                listing = TransactionListing(row.transactional_id, row.producer_id, row.transaction_state)
                found[row.transactional_id] = listing
        return [found[key] for key in sorted(found)]

    def describe(self, transactional_ids: Sequence[str]) -> dict[str, TransactionState]:
        """Transactional ids with their transactions; those that are not known are left out.

        Raises:
            BrokerError: an id may not be seen.
        """
        found: dict[str, TransactionState] = {}
        for transactional_id in transactional_ids:
            what = f"describe the transaction of {transactional_id}"
            request = admin_messages.DescribeTransactionsRequest(
                transactional_ids=[transactional_id], min_version=0, max_version=0
            )

            def check(response: Any, what: str = what) -> Any:
                row = response.transaction_states[0]
                if row.error_code != ErrorCode.TRANSACTIONAL_ID_NOT_FOUND:
                    raise_for_code(row.error_code, what)
                return row

            coordinator = Coordinator(self._connection, transactional_id, "transaction")
            row = coordinator.call(request, what, check)
            if not row.error_code:
                found[transactional_id] = _transaction(row, coordinator.known_node_id)
        return found

    def producers(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, list[ProducerState]]:
        """Who has written to partitions; those without a leader are left out.

        Raises:
            BrokerError: a partition does not exist, or the brokers are older than 2.8.
        """
        found: dict[TopicPartition, list[ProducerState]] = {}
        request_class = admin_messages.DescribeProducersRequest
        for node, topics in self._by_leader(partitions).items():
            request = request_class(
                topics=[request_class.TopicRequest(name=n, partition_indexes=p) for n, p in topics.items()],
                min_version=0,
                max_version=0,
            )
            for topic in self._connection.request(request, "describe producers", node).topics:
                for row in topic.partitions:
                    name = TopicPartition(topic.name, row.partition_index)
                    raise_for_code(row.error_code, f"describe the producers of {name}", row.error_message)
                    found[name] = [_producer(p) for p in row.active_producers]
        return found

    def _by_leader(self, partitions: Sequence[TopicPartition]) -> dict[int, dict[str, list[int]]]:
        grouped: dict[int, dict[str, list[int]]] = {}
        wanted = set(partitions)
        for topic in self._admin.describe_topics(sorted({p.topic for p in partitions})).values():
            for p in topic.partitions:
                if p.leader >= 0 and TopicPartition(topic.name, p.partition) in wanted:
                    grouped.setdefault(p.leader, {}).setdefault(topic.name, []).append(p.partition)
        return grouped

    def stable_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The last stable offsets: where readers of committed records stop.

        Raises:
            BrokerError: a partition does not exist or has no leader.
        """
        listed = self._admin.list_offsets(dict.fromkeys(partitions, LATEST), "read_committed")
        return {name: row.offset for name, row in listed.items()}

    def terminate(self, transaction: TransactionState) -> None:
        """End the open transaction of a transactional id at its coordinator; whoever wrote with the id is fenced.

        Source: ``kafka-transactions.sh forceTerminateTransaction`` (KIP-939): the id is begun anew.

        Raises:
            BrokerError: the id may not be used, or the coordinator is away for too long.
        """
        what = f"terminate the transaction of {transaction.transactional_id}"
        request = producer_messages.InitProducerIdRequest(
            transactional_id=transaction.transactional_id,
            transaction_timeout_ms=transaction.timeout_ms,
            producer_id=-1,
            producer_epoch=-1,
            max_version=5,
        )

        def check(response: Any) -> None:
            raise_for_code(response.error_code, what)

        Coordinator(self._connection, transaction.transactional_id, "transaction").call(request, what, check)

    def abort(self, partition: TopicPartition, producer: ProducerState) -> None:
        """End a producer's open transaction in one partition by a marker, past its coordinator.

        Source: ``kafka-transactions.sh abort`` (KIP-664).

        Raises:
            BrokerError: refused, such as ``INVALID_PRODUCER_EPOCH`` where the producer has begun another one.
        """
        leaders = self._by_leader([partition])
        topic = Message(name=partition.topic, partition_indexes=[partition.partition])
        marker = Message(
            producer_id=producer.producer_id,
            producer_epoch=producer.producer_epoch,
            transaction_result=False,
            topics=[topic],
            coordinator_epoch=max(producer.coordinator_epoch, 0),
            transaction_version=0,
        )
        what = f"abort the transaction of producer {producer.producer_id} in {partition}"
        for node in leaders:
            body = Message(markers=[marker])
            answer = request_by_schema(self._connection, WRITE_TXN_MARKERS, range(1, 2), body, what, node)
            for row in answer.markers:
                for found in row.topics:
                    for result in found.partitions:
                        raise_for_code(result.error_code, what)


def _transaction(row: Any, coordinator: int) -> TransactionState:
    partitions = tuple(sorted(TopicPartition(t.topic, p) for t in row.topics for p in t.partitions))
    start = row.transaction_start_time_ms
    return TransactionState(
        row.transactional_id,
        row.producer_id,
        row.producer_epoch,
        row.transaction_state,
        row.transaction_timeout_ms,
        start if start >= 0 else None,
        partitions,
        coordinator,
    )


def _producer(row: Any) -> ProducerState:
    start = row.current_txn_start_offset
    return ProducerState(
        row.producer_id,
        row.producer_epoch,
        row.last_timestamp,
        row.coordinator_epoch,
        start if start >= 0 else None,
    )
