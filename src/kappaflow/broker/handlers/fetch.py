"""Fetch: record batches from an offset on, waiting for them where there are too few.

Source: KIP-74 (size limits), KIP-227 (sessions), KIP-320 (leader epochs), KIP-516 (topic ids).
"""

from __future__ import annotations

from kappaflow.broker.context import HandlerResult, RequestContext
from kappaflow.broker.delayed_fetch import DelayedFetch
from kappaflow.broker.partition_errors import check_leader_epoch, find_partition, requested_topic
from kappaflow.broker.topics import Partition
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message


def handle(context: RequestContext, request: Message) -> HandlerResult:
    """Read now if there is enough or something failed; otherwise when there is, or when the wait is over."""
    if request.session_id != 0:
        # No sessions are kept: the client falls back to full requests.
        return _response([], ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
    reader = _FetchReader(context, request)
    response = reader.read()
    if reader.is_satisfied() or request.max_wait_ms <= 0:
        return response
    return DelayedFetch(reader.partitions, request.max_wait_ms / 1000, reader).result()


def _response(topics: list[Message], error_code: int = ErrorCode.NONE) -> Message:
    return Message(throttle_time_ms=0, error_code=error_code, session_id=0, responses=topics, node_endpoints=[])


class _FetchReader:
    """Reads what one request asks for, as often as needed."""

    def __init__(self, context: RequestContext, request: Message) -> None:
        self._context = context
        self._request = request
        self._by_id = context.api_version >= 13
        self._failed = False
        self._size = 0
        self.partitions: list[Partition] = []
        self._topics = [
            (topic, requested_topic(context.broker, None if self._by_id else topic.topic, topic, self._by_id))
            for topic in request.topics
        ]

    def is_satisfied(self) -> bool:
        """Whether the last read is worth answering before the wait is over."""
        return self._failed or not self.partitions or self._size >= self._request.min_bytes

    def read(self) -> Message:
        """Read every partition, within the limits of the request."""
        self._failed = False
        self._size = 0
        self.partitions = []
        topics: list[Message] = []
        for wanted, topic in self._topics:
            results: list[Message] = []
            for item in wanted.partitions:
                try:
                    partition = find_partition(topic, item.partition, self._by_id)
                    results.append(self._read_partition(partition, item))
                except BrokerError as error:
                    results.append(self._failure(item.partition, error.code))
                except (StorageError, OSError):
                    results.append(self._failure(item.partition, ErrorCode.KAFKA_STORAGE_ERROR))
            topics.append(
                Message(
                    topic=None if self._by_id else wanted.topic,
                    topic_id=wanted.topic_id if self._by_id else ZERO_UUID,
                    partitions=results,
                )
            )
        return _response(topics)

    def _failure(self, index: int, error_code: int) -> Message:
        self._failed = True
        return self._partition_data(index, error_code, -1, -1, b"")

    def _read_partition(self, partition: Partition, item: Message) -> Message:
        if partition.is_deleted:
            raise BrokerError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "UNKNOWN_TOPIC_OR_PARTITION")
        check_leader_epoch(self._context.broker, item.current_leader_epoch)
        log = partition.log
        if not log.log_start_offset <= item.fetch_offset <= log.log_end_offset:
            self._failed = True
            return self._partition_data(
                item.partition,
                ErrorCode.OFFSET_OUT_OF_RANGE,
                log.log_end_offset,
                log.log_start_offset,
                b"",
            )
        self.partitions.append(partition)
        room = min(item.partition_max_bytes, self._request.max_bytes - self._size)
        records = b""
        # The first partition with records answers one whole batch, however large, so that readers never get stuck.
        if item.fetch_offset < log.log_end_offset and (room > 0 or self._size == 0):
            records = log.read(item.fetch_offset, max(room, 0), min_one_batch=self._size == 0)
            self._size += len(records)
        return self._partition_data(item.partition, ErrorCode.NONE, log.log_end_offset, log.log_start_offset, records)

    def _partition_data(
        self, index: int, error_code: int, high_watermark: int, log_start_offset: int, records: bytes
    ) -> Message:
        return Message(
            partition_index=index,
            error_code=error_code,
            high_watermark=high_watermark,
            last_stable_offset=high_watermark,
            log_start_offset=log_start_offset,
            aborted_transactions=[] if self._request.isolation_level == 1 else None,
            preferred_read_replica=-1,
            records=records,
        )
