"""Transactions: batches and consumed positions that become visible together, or not at all.

    with TransactionalProducer(config, "query-1-worker-0") as producer:
        producer.init()                                 # ends what an earlier producer of this id left open
        producer.send(TopicPartition("out", 0), batch)
        producer.commit({TopicPartition("in", 0): 42}, "query-1", member.generation())

    uninitialized ──init──▶ ready ──send, commit──▶ in transaction ──commit, abort──▶ ready
                              └─────────────── any error: init again, or abort ─────────┘

Both versions of the protocol are spoken.  In the second (``transaction.version`` 2, KIP-890) writing adds partitions by
itself, and each end of a transaction brings a new epoch, so that nothing late can reach the next one.

Source: KIP-98, KIP-447 (positions fenced by the group's generation), KIP-890.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from kappaflow.client.broker_errors import broker_error, raise_for_code
from kappaflow.client.connection import ClientConfig
from kappaflow.client.coordinator import Coordinator
from kappaflow.client.kafka_python import metadata_messages, producer_messages
from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.offsets import GroupGeneration
from kappaflow.client.partition_queue import DeliveryCallback
from kappaflow.client.produce import BatchProducer
from kappaflow.client.sequencing import ProducerIdentity
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError
from kappaflow.runtime.closing import Closing
from kappaflow.runtime.crash_points import crash_point
from kappaflow.wire.error_codes import ErrorCode

SETTLE_SECONDS = 5.0
TRANSACTION_FEATURE = "transaction.version"

_InitProducerIdRequest = producer_messages.InitProducerIdRequest
_AddPartitionsToTxnRequest = producer_messages.AddPartitionsToTxnRequest
_AddOffsetsToTxnRequest = producer_messages.AddOffsetsToTxnRequest
_TxnOffsetCommitRequest = producer_messages.TxnOffsetCommitRequest
_EndTxnRequest = producer_messages.EndTxnRequest
_ApiVersionsRequest = metadata_messages.ApiVersionsRequest


class TransactionalProducer(Closing):
    """Writes record batches in transactions.  For one thread."""

    def __init__(
        self,
        config: ClientConfig,
        transactional_id: str,
        *,
        transaction_timeout_ms: int = 10_000,
        buffer_bytes: int = 64 << 20,
    ) -> None:
        """Connect.

        Args:
            config: how to reach the cluster.
            transactional_id: one live producer at a time has it; a later one fences an earlier one.
            transaction_timeout_ms: the coordinator aborts a transaction that stays open for longer.
            buffer_bytes: bound on what is not acknowledged; ``send`` waits beyond it.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        self.transactional_id = transactional_id
        self._timeout_ms = transaction_timeout_ms
        self._producer = BatchProducer(
            config, buffer_bytes=buffer_bytes, delivery_timeout_ms=transaction_timeout_ms, transactional=True
        )
        self._connection = self._producer.connection
        self._coordinator = Coordinator(self._connection, transactional_id, "transaction")
        self._groups: dict[str, Coordinator] = {}
        self._identity = ProducerIdentity(transactional_id=transactional_id)
        self._bumps_epoch = False
        self._is_open = False
        self._added: set[TopicPartition] = set()
        self._held: list[tuple[TopicPartition, bytes | bytearray | memoryview, DeliveryCallback | None]] = []

    @property
    def is_open(self) -> bool:
        """Whether a transaction is open, or about to be."""
        return self._is_open or bool(self._held)

    # ---- the life of a producer id ----

    def init(self) -> None:
        """Get the producer id: fence earlier producers of the same transactional id and end what they left open.

        Raises:
            BrokerError: the id may not be used, or the coordinator is away for too long.
        """
        what = f"begin to write as {self.transactional_id}"
        self._bumps_epoch = self._transaction_version() >= 2
        request = _InitProducerIdRequest(
            transactional_id=self.transactional_id,
            transaction_timeout_ms=self._timeout_ms,
            producer_id=-1,
            producer_epoch=-1,
            max_version=5,
        )

        def check(response: Any) -> Any:
            raise_for_code(response.error_code, what)
            return response

        answer = self._coordinator.call(request, what, check)
        self._begin_as(answer.producer_id, answer.producer_epoch)

    def _transaction_version(self) -> int:
        """The finalized level of the feature, 0 where brokers know none."""
        response = self._connection.request(
            _ApiVersionsRequest(
                client_software_name="kappaflow", client_software_version="1", min_version=3, max_version=3
            ),
            "ask for the version of transactions",
        )
        for feature in response.finalized_features or ():
            if feature.name == TRANSACTION_FEATURE:
                return int(feature.max_version_level)
        return 0

    def _begin_as(self, producer_id: int, epoch: int) -> None:
        self._identity = ProducerIdentity(producer_id, epoch, self.transactional_id)
        self._is_open = False
        self._added.clear()
        self._held.clear()
        self._producer.set_identity(self._identity, adds_partitions=self._bumps_epoch)

    # ---- a transaction ----

    def send(
        self,
        partition: TopicPartition,
        batch: bytes | bytearray | memoryview,
        callback: DeliveryCallback | None = None,
    ) -> None:
        """Queue one whole record batch in the open transaction, or in a new one; as ``BatchProducer.send``.

        Raises:
            BrokerError: the transaction failed and is to be aborted.
        """
        if self._bumps_epoch or partition in self._added:
            self._is_open = True
            self._producer.send(partition, batch, callback)
        else:
            self._held.append((partition, batch, callback))

    def together(self) -> AbstractContextManager[None]:
        """See `BatchProducer.together`."""
        return self._producer.together()

    def poll(self) -> None:
        """Raise what failed.

        Raises:
            BrokerError: the transaction failed and is to be aborted.
        """
        self._add_held()
        self._producer.poll()

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until every batch is written.

        Raises:
            BrokerError: a batch was not written; the transaction is to be aborted.
        """
        self._add_held()
        self._producer.flush(timeout_s)

    def commit(
        self,
        offsets: Mapping[TopicPartition, CommittedOffset | int],
        group_id: str,
        generation: GroupGeneration,
    ) -> None:
        """Write what is queued, add consumed positions, and commit the transaction.

        Args:
            offsets: the next offset to read of each partition.
            group_id: whose positions they are.
            generation: who commits; a member of an older generation is refused.

        Raises:
            BrokerError: it was not committed, or, after a failure of the connection, it is not known whether it was.
                Only ``init`` settles that.
        """
        self.flush()
        crash_point("after-flush")
        if offsets:
            crash_point("before-offset-commit")
            self._is_open = True
            self._send_offsets(offsets, group_id, generation)
            crash_point("after-offset-commit")
        if self._is_open:
            self._end(committed=True)

    def abort(self) -> None:
        """Give up the open transaction.

        Raises:
            BrokerError: it could not be ended here; ``init`` or the coordinator's time-out ends it.
        """
        self._held.clear()
        settled = self._producer.settle(SETTLE_SECONDS)
        if self._is_open and settled:
            self._end(committed=False)
        if not settled or not self._bumps_epoch:
            self.init()  # what is still under way must not reach the next transaction

    def next_offset(self, partition: TopicPartition) -> int | None:
        """The offset after the last batch that was written to a partition; None where that is not known."""
        return self._producer.next_offset(partition)

    def close(self) -> None:
        """Close the connections; an open transaction is left to the coordinator."""
        self._producer.close(flush=False)

    # ---- requests ----

    def _add_held(self) -> None:
        """Add partitions to the transaction, and send what waited for that; first version of the protocol only."""
        if not self._held:
            return
        held, self._held = self._held, []
        fresh = list(dict.fromkeys(partition for partition, _, _ in held if partition not in self._added))
        topic_class = _AddPartitionsToTxnRequest.AddPartitionsToTxnTopic
        topics: dict[str, list[int]] = {}
        for topic, partition in fresh:
            topics.setdefault(topic, []).append(partition)
        request = _AddPartitionsToTxnRequest(
            v3_and_below_transactional_id=self.transactional_id,
            v3_and_below_producer_id=self._identity.producer_id,
            v3_and_below_producer_epoch=self._identity.epoch,
            v3_and_below_topics=[topic_class(name=name, partitions=rows) for name, rows in topics.items()],
            max_version=3,
        )
        what = f"add partitions to the transaction of {self.transactional_id}"

        def check(response: Any) -> None:
            codes = [
                row.partition_error_code
                for topic in response.results_by_topic_v3_and_below
                for row in topic.results_by_partition
            ]
            # Where one partition is refused, the others were not attempted.
            raise_for_code(
                next((c for c in codes if c not in {0, ErrorCode.OPERATION_NOT_ATTEMPTED}), max(codes)), what
            )

        self._coordinator.call(request, what, check)
        self._is_open = True
        self._added.update(fresh)
        for partition, batch, callback in held:
            self._producer.send(partition, batch, callback)

    def _send_offsets(
        self,
        offsets: Mapping[TopicPartition, CommittedOffset | int],
        group_id: str,
        generation: GroupGeneration,
    ) -> None:
        identity = self._identity
        if not self._bumps_epoch:
            what = f"add the group {group_id} to the transaction of {self.transactional_id}"
            request = _AddOffsetsToTxnRequest(
                transactional_id=self.transactional_id,
                producer_id=identity.producer_id,
                producer_epoch=identity.epoch,
                group_id=group_id,
                max_version=3,
            )
            self._coordinator.call(request, what, lambda response: raise_for_code(response.error_code, what))
        topic_class = _TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic
        topics: dict[str, list[Any]] = {}
        for (topic, partition), position in offsets.items():
            at = position if isinstance(position, CommittedOffset) else CommittedOffset(position)
            topics.setdefault(topic, []).append(
                topic_class.TxnOffsetCommitRequestPartition(
                    partition_index=partition,
                    committed_offset=at.offset,
                    committed_leader_epoch=at.leader_epoch,
                    committed_metadata=at.metadata,
                )
            )
        request = _TxnOffsetCommitRequest(
            transactional_id=self.transactional_id,
            group_id=group_id,
            producer_id=identity.producer_id,
            producer_epoch=identity.epoch,
            generation_id=generation.generation_id,
            member_id=generation.member_id,
            group_instance_id=generation.group_instance_id,
            topics=[topic_class(name=name, partitions=rows) for name, rows in topics.items()],
            min_version=3,
            max_version=5 if self._bumps_epoch else 4,
        )

        def check(response: Any) -> None:
            for topic in response.topics:
                for row in topic.partitions:
                    raise_for_code(
                        row.error_code,
                        f"commit {topic.name}-{row.partition_index} of group {group_id} in a transaction",
                    )

        group = self._groups.setdefault(group_id, Coordinator(self._connection, group_id))
        group.call(request, f"commit offsets of group {group_id} in a transaction", check)

    def _end(self, *, committed: bool) -> None:
        what = f"{'commit' if committed else 'abort'} the transaction of {self.transactional_id}"
        crash_point("before-end-txn")
        request = _EndTxnRequest(
            transactional_id=self.transactional_id,
            producer_id=self._identity.producer_id,
            producer_epoch=self._identity.epoch,
            committed=committed,
            max_version=5 if self._bumps_epoch else 4,
        )

        def check(response: Any) -> Any:
            raise_for_code(response.error_code, what)
            return response

        answer = self._coordinator.call(request, what, check)
        crash_point("after-end-txn")
        if self._bumps_epoch:
            if answer.producer_id < 0:
                raise broker_error(ErrorCode.INVALID_PRODUCER_EPOCH, what, "the coordinator gave no new epoch")
            self._begin_as(answer.producer_id, answer.producer_epoch)
        else:
            self._begin_as(self._identity.producer_id, self._identity.epoch)


def is_fenced(error: KappaError) -> bool:
    """Whether a later producer of the same transactional id, or the coordinator's time-out, took over."""
    return getattr(error, "code", None) in {ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.PRODUCER_FENCED}
