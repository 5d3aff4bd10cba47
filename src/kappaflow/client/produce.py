"""Prebuilt record batches to their partitions: idempotent, pipelined, in order, bounded in bytes.

    with BatchProducer(config) as producer:
        producer.send(TopicPartition("orders", 0), batch)
        producer.flush()

Batches of a partition are written in the order of ``send``, whatever is tried again.  What fails for good is
raised by the next ``send``, ``poll`` or ``flush``.

    queued ──stamp, send──▶ sent ──acknowledged──▶ done
      ▲                      │
      └──all of the ◀────────┤ a failure that may pass: wait until nothing of the partition is under way,
         partition           │ then send again from the first unacknowledged batch, with the same sequences
                             └── any other failure: the batch fails; the producer takes a new producer id
                                 once everything stamped with the old one is settled

Within transactions (`kappaflow.client.transactions`) the owner gives the identity, and the first failure fails all that
is queued: the transaction can only be aborted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from kappaflow.client.broker_errors import RETRIABLE_CODES, broker_error, translate
from kappaflow.client.connection import ClientConfig, Connection, open_connection
from kappaflow.client.kafka_python import producer_messages
from kappaflow.client.metadata import Metadata
from kappaflow.client.partition_queue import Batch, DeliveryCallback, DeliveryReport, PartitionQueue
from kappaflow.client.sequencing import ProducerIdentity
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError, KappaError, RetriableBrokerError
from kappaflow.wire.error_codes import ErrorCode

RETRY_BACKOFF_S = 0.1
CONCURRENT_TRANSACTIONS_BACKOFF_S = 0.005
REQUESTS_IN_FLIGHT_MAX = 5
REQUEST_BYTES_MAX = 8 << 20
TOGETHER_BYTES_MAX = 256 << 10
PRODUCE_MAX_VERSION = 9
PRODUCE_ADDS_PARTITIONS_VERSION = 12
AMBIGUOUS_CODES = frozenset(
    {
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        # Also the answer to what waited for its replicas when the leader was replaced, which may have it.
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.KAFKA_STORAGE_ERROR,
    }
)
"""What does not say whether the batch was written."""
FENCING_CODES = frozenset({ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.PRODUCER_FENCED})

_ProduceRequest = producer_messages.ProduceRequest
_InitProducerIdRequest = producer_messages.InitProducerIdRequest


class BatchProducer:
    """Writes record batches.  ``send``, ``poll`` and ``flush`` may be called from any thread."""

    def __init__(
        self,
        config: ClientConfig,
        *,
        idempotent: bool = True,
        acks: int = -1,
        buffer_bytes: int = 64 << 20,
        delivery_timeout_ms: int = 120_000,
        request_timeout_ms: int = 30_000,
        transactional: bool = False,
    ) -> None:
        """Connect.

        Args:
            config: how to reach the cluster.
            idempotent: whether retries can neither double nor reorder records; needs ``acks=-1``.
            transactional: nothing is sent until ``set_identity`` was called.
            acks: -1 all in-sync replicas, 1 the leader, 0 nobody.
            buffer_bytes: bound on what is not acknowledged; ``send`` waits beyond it.
            delivery_timeout_ms: from ``send`` until a batch fails.
            request_timeout_ms: how long a broker may wait for its replicas.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        self._idempotent = idempotent and acks == -1
        self._transactional = transactional
        self._doomed: KappaError | None = None
        self._produce_max_version = PRODUCE_MAX_VERSION
        self._acks = acks
        self._buffer_bytes = buffer_bytes
        self._delivery_timeout_s = delivery_timeout_ms / 1000
        self._request_timeout_ms = request_timeout_ms
        self._lock = threading.Condition()
        self._queues: dict[TopicPartition, PartitionQueue] = {}
        self._pending_bytes = 0
        self._pending_batches = 0
        self._pump_scheduled = False
        self._is_gathering = False
        self._gathered_bytes = 0
        self._error: KappaError | None = None
        self._fenced: KappaError | None = None
        self._identity = None if self._idempotent else ProducerIdentity()
        self._identity_requested = False
        self._renew_identity = False
        self._node_requests: dict[int, int] = {}
        self._connection = open_connection(config, "produce", in_transactions=transactional)
        self._metadata = Metadata(self._connection, self._on_metadata)

    def __enter__(self) -> BatchProducer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(flush=kind is None)

    # ---- the caller's side ----

    def send(
        self,
        partition: TopicPartition,
        batch: bytes | bytearray | memoryview,
        callback: DeliveryCallback | None = None,
    ) -> None:
        """Queue one whole record batch.

        Args:
            partition: where to write it.
            batch: a batch of format 2, compressed or not; a bytearray is taken over and changed.
            callback: called on the I/O thread with what became of it; must be quick.

        Raises:
            BrokerError: an earlier batch failed, or the buffer did not empty within the delivery time-out.
        """
        data = batch if isinstance(batch, bytearray) else bytearray(batch)
        now = time.monotonic()
        deadline = now + self._delivery_timeout_s
        with self._lock:
            self._raise_error()
            while self._pending_bytes and self._pending_bytes + len(data) > self._buffer_bytes:
                self._send_gathered()
                if not self._lock.wait(max(0.0, deadline - time.monotonic())):
                    raise broker_error(ErrorCode.REQUEST_TIMED_OUT, f"produce to {partition}", "the buffer is full")
                self._raise_error()
            queue = self._queues.get(partition)
            if queue is None:
                queue = self._queues[partition] = PartitionQueue(TopicPartition(*partition))
            queue.add(data, deadline, callback)
            self._pending_bytes += len(data)
            self._pending_batches += 1
            self._gathered_bytes += len(data)
        self._metadata.track((partition.topic,))
        if not self._is_gathering or self._gathered_bytes >= TOGETHER_BYTES_MAX:
            self._send_gathered()

    @contextmanager
    def together(self) -> Generator[None]:
        """Write what is queued meanwhile in as few requests as can be: at the end, or when much of it waits.

        A request costs as much as the processing of a few records, and every wake-up of the I/O thread takes the
        interpreter from the caller's.
        """
        self._is_gathering = True
        try:
            yield
        finally:
            self._is_gathering = False
            self._send_gathered()

    def _send_gathered(self) -> None:
        """Have the I/O thread send what it was not told of yet."""
        if self._gathered_bytes and not self._pump_scheduled:
            self._pump_scheduled = True
            self._connection.call_soon(self._pump)

    def set_identity(self, identity: ProducerIdentity, *, adds_partitions: bool) -> None:
        """Write as this producer from now on; for a transactional one, between two transactions.

        Args:
            identity: sequences begin at 0 where it differs from the one before.
            adds_partitions: writing adds partitions to the transaction (its second version).
        """
        with self._lock:
            self._doomed = self._error = None
            self._produce_max_version = PRODUCE_ADDS_PARTITIONS_VERSION if adds_partitions else PRODUCE_MAX_VERSION
            if identity != self._identity:
                self._identity = identity
                self._begin_sequences()
        self._connection.call_soon(self._pump)

    def next_offset(self, partition: TopicPartition) -> int | None:
        """The offset after the last batch that was written there; None where that is not known."""
        with self._lock:
            queue = self._queues.get(partition)
            return None if queue is None or queue.next_offset < 0 else queue.next_offset

    def settle(self, timeout_s: float) -> bool:
        """Give up what is queued, wait for what is under way, and tell whether all of it was answered."""
        with self._lock:
            self._doom(broker_error(ErrorCode.OPERATION_NOT_ATTEMPTED, "produce", "the transaction is aborted"))
            return self._lock.wait_for(lambda: not self._pending_batches, timeout_s)

    @property
    def connection(self) -> Connection:
        """The connections that batches are written by."""
        return self._connection

    def poll(self) -> None:
        """Raise what failed since the last call.

        Raises:
            BrokerError: a batch was not written.
        """
        with self._lock:
            self._raise_error()

    def discard_error(self, error: KappaError) -> None:
        """Do not raise this error again: it was handled where the batch was sent."""
        with self._lock:
            if self._error is error:
                self._error = None

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until every batch is written.

        Args:
            timeout_s: how long to wait; the delivery time-out ends the wait in any case.

        Raises:
            BrokerError: a batch was not written, or the time ran out.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self._send_gathered()
        with self._lock:
            while self._pending_batches:
                remaining = None if deadline is None else deadline - time.monotonic()
                if remaining is not None and remaining <= 0:
                    raise broker_error(
                        ErrorCode.REQUEST_TIMED_OUT, "flush", f"{self._pending_batches} batches are not written yet"
                    )
                self._lock.wait(remaining)
            self._raise_error()

    def _raise_error(self) -> None:
        if self._fenced is not None:
            raise self._fenced
        if self._doomed is not None:
            raise self._doomed
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def close(self, *, flush: bool = True) -> None:
        """Write what is queued, unless told otherwise, and close the connections."""
        try:
            if flush and not self._connection.closed:
                self.flush()
        finally:
            self._metadata.close()
            self._connection.close()

    # ---- the I/O thread's side ----

    def _pump(self) -> None:
        """Send every request that can be sent now."""
        if self._connection.closed:
            return
        with self._lock:
            self._pump_scheduled = False
            self._gathered_bytes = 0
            if self._renew_identity and not any(queue.has_stamped for queue in self._queues.values()):
                self._identity, self._renew_identity = None, False
            if self._identity is None and self._pending_batches:
                self._request_identity()
            now = time.monotonic()
            while self._send_round(now):
                pass

    def _on_metadata(self) -> None:
        with self._lock:
            for queue in self._queues.values():
                if queue.lacks_leader:
                    queue.retry_at = 0.0
        self._pump()

    def _send_round(self, now: float) -> bool:
        """One request to each broker that may get one; whether any was sent."""
        ready: dict[int, list[PartitionQueue]] = {}
        for queue in self._queues.values():
            if not self._is_sendable(queue, now):
                continue
            leader = self._metadata.leader(queue.partition)
            queue.lacks_leader = leader is None
            if leader is None:
                self._retry_later(queue, now)
            elif self._node_requests.get(leader.node_id, 0) < REQUESTS_IN_FLIGHT_MAX:
                ready.setdefault(leader.node_id, []).append(queue)
        for node_id, queues in ready.items():
            self._send_request(node_id, queues)
        return bool(ready)

    def _is_sendable(self, queue: PartitionQueue, now: float) -> bool:
        while queue.waiting and not queue.in_flight and queue.waiting[0].deadline < now:
            self._expire(queue)
        if not queue.waiting or queue.draining or queue.retry_at > now:
            return False
        if queue.in_flight and not (self._idempotent and queue.is_known_to_broker and queue.is_within_reach):
            return False
        if queue.waiting[0].identity is None:
            return self._identity is not None and not self._renew_identity
        return True

    def _expire(self, queue: PartitionQueue) -> None:
        """Fail the first batch, and all after it that may or may not have been written with it."""
        detail = "not written within the delivery time-out"
        if queue.waiting[0].setback is not None:
            detail = f"{detail}; the last attempt: {queue.waiting[0].setback}"
        late = broker_error(ErrorCode.REQUEST_TIMED_OUT, f"produce to {queue.partition}", detail)
        self._finish(queue, queue.waiting.popleft(), late)
        while queue.waiting and queue.waiting[0].identity is not None:
            self._finish(queue, queue.waiting.popleft(), late)

    def _send_request(self, node_id: int, queues: list[PartitionQueue]) -> None:
        topic_class = _ProduceRequest.TopicProduceData
        topics: dict[str, list[Any]] = {}
        sent: dict[TopicPartition, tuple[PartitionQueue, Batch]] = {}
        size = 0
        for queue in queues:
            batch = queue.waiting[0]
            if sent and size + len(batch.data) > REQUEST_BYTES_MAX:
                continue
            queue.take(self._identity, idempotent=self._idempotent)
            sent[queue.partition] = (queue, batch)
            size += len(batch.data)
            topics.setdefault(queue.partition.topic, []).append(
                topic_class.PartitionProduceData(index=queue.partition.partition, records=batch.data)
            )
        identity = self._identity or ProducerIdentity()
        request = _ProduceRequest(
            transactional_id=identity.transactional_id,
            acks=self._acks,
            timeout_ms=self._request_timeout_ms,
            topic_data=[topic_class(name=name, partition_data=rows) for name, rows in topics.items()],
            min_version=3,
            max_version=self._produce_max_version,
        )
        self._node_requests[node_id] = self._node_requests.get(node_id, 0) + 1

        def succeeded(response: Any) -> None:
            with self._lock:
                self._node_requests[node_id] -= 1
                self._on_response(response, sent)
            self._pump()

        def failed(error: BaseException) -> None:
            with self._lock:
                self._node_requests[node_id] -= 1
                if not self._connection.closed:
                    self._on_failure(translate(error, "produce"), sent)

        self._connection.send(request, node_id).add_callback(succeeded).add_errback(failed)

    def _on_response(self, response: Any, sent: dict[TopicPartition, tuple[PartitionQueue, Batch]]) -> None:
        if response is None:
            for queue, batch in sent.values():
                queue.in_flight.remove(batch)
                self._finish(queue, batch, None)
            return
        for topic in response.responses:
            for answer in topic.partition_responses:
                queue, batch = sent[TopicPartition(topic.name, answer.index)]
                queue.in_flight.remove(batch)
                self._on_answer(queue, batch, answer)

    def _on_answer(self, queue: PartitionQueue, batch: Batch, answer: Any) -> None:
        code: int = answer.error_code
        if code in {ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER}:
            self._finish(queue, batch, None, answer.base_offset)
        elif code in RETRIABLE_CODES or (
            code == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER and (self._renew_identity or queue.follows_unsettled(batch))
        ):
            # A gap before this batch says that no attempt has written it.
            if code == ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
                batch.doubt = None
            error = broker_error(code, f"produce to {queue.partition}", answer.error_message)
            self._try_again(queue, batch, error, is_ambiguous=code in AMBIGUOUS_CODES)
        else:
            detail = answer.error_message or next(
                (row.batch_index_error_message for row in answer.record_errors or ()), None
            )
            error = broker_error(code, f"produce to {queue.partition}", detail)
            if code in FENCING_CODES:
                self._fenced = error
            self._refuse(queue, batch, error)
        if not queue.in_flight:
            queue.draining = False

    def _on_failure(self, error: KappaError, sent: dict[TopicPartition, tuple[PartitionQueue, Batch]]) -> None:
        for queue, batch in sent.values():
            queue.in_flight.remove(batch)
            if isinstance(error, RetriableBrokerError):
                self._try_again(queue, batch, error, is_ambiguous=True)
            else:
                self._refuse(queue, batch, error)
            if not queue.in_flight:
                queue.draining = False

    def _refuse(self, queue: PartitionQueue, batch: Batch, error: KappaError) -> None:
        """Fail a batch that was not written; those after it need sequences without the gap."""
        queue.refused = batch
        self._finish(queue, batch, error)
        for later in [later for later in queue.waiting if later.identity is not None]:
            queue.waiting.remove(later)
            self._put_back(queue, later)

    def _try_again(self, queue: PartitionQueue, batch: Batch, error: BrokerError, *, is_ambiguous: bool) -> None:
        if self._doomed is not None:
            self._finish(queue, batch, error)
            return
        batch.setback = error
        if is_ambiguous:
            batch.doubt = error
        self._put_back(queue, batch)
        queue.draining = bool(queue.in_flight)
        if error.code == ErrorCode.CONCURRENT_TRANSACTIONS:
            # The markers of the transaction before are being written; the leader is the right one.
            queue.retry_at = time.monotonic() + CONCURRENT_TRANSACTIONS_BACKOFF_S
            self._connection.call_later(CONCURRENT_TRANSACTIONS_BACKOFF_S, self._pump)
        else:
            self._retry_later(queue, time.monotonic())

    def _put_back(self, queue: PartitionQueue, batch: Batch) -> None:
        error = queue.put_back(batch)
        if error is not None:
            self._finish(queue, batch, error)

    def _retry_later(self, queue: PartitionQueue, now: float) -> None:
        queue.retry_at = now + RETRY_BACKOFF_S
        self._metadata.refresh()
        self._connection.call_later(RETRY_BACKOFF_S, self._pump)

    def _finish(self, queue: PartitionQueue, batch: Batch, error: KappaError | None, offset: int = -1) -> None:
        self._pending_bytes -= len(batch.data)
        self._pending_batches -= 1
        if error is None:
            if batch.identity is not None:
                queue.written_by = batch.identity.producer_id
            if offset >= 0:
                queue.next_offset = offset + batch.count
        elif self._transactional:
            self._doom(error)
        else:
            self._error = self._error or error
            if self._idempotent and batch.identity is not None:
                self._renew_identity = True
        self._lock.notify_all()
        if batch.callback is not None:
            batch.callback(DeliveryReport(queue.partition, offset, batch.count, error))

    def _doom(self, error: KappaError) -> None:
        """Fail all that is queued: its transaction will be aborted."""
        if self._doomed is not None:
            return
        self._doomed = error
        for queue in self._queues.values():
            while queue.waiting:
                self._finish(queue, queue.waiting.popleft(), error)
        self._lock.notify_all()

    def _begin_sequences(self) -> None:
        for queue in self._queues.values():
            queue.begin_sequences()

    def _request_identity(self) -> None:
        if self._identity_requested or self._transactional:
            return
        self._identity_requested = True
        request = _InitProducerIdRequest(
            transactional_id=None, transaction_timeout_ms=0, producer_id=-1, producer_epoch=-1, max_version=4
        )

        def answered(response: Any) -> None:
            with self._lock:
                self._identity_requested = False
                if response.error_code:
                    self._identity_failed(broker_error(response.error_code, "get a producer id"))
                    return
                self._identity = ProducerIdentity(response.producer_id, response.producer_epoch)
                self._begin_sequences()
            self._pump()

        def failed(error: BaseException) -> None:
            with self._lock:
                self._identity_requested = False
                if not self._connection.closed:
                    self._identity_failed(translate(error, "get a producer id"))

        self._connection.send(request).add_callback(answered).add_errback(failed)

    def _identity_failed(self, error: KappaError) -> None:
        if isinstance(error, RetriableBrokerError):
            self._connection.call_later(RETRY_BACKOFF_S, self._pump)
            return
        self._fenced = error
        self._lock.notify_all()
