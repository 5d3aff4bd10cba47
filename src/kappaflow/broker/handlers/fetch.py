"""Fetch: record batches from an offset on, waiting for them where there are too few.

Source: KIP-74 (size limits), KIP-227 (sessions), KIP-320 (leader epochs), KIP-516 (topic ids).
"""

from __future__ import annotations

from collections.abc import Awaitable
from uuid import UUID

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import HandlerResult, RequestContext, Response
from kappaflow.broker.delayed_fetch import DelayedFetch
from kappaflow.broker.fetch_sessions import (
    FINAL_EPOCH,
    INITIAL_EPOCH,
    NO_SESSION,
    FetchSession,
    TopicKey,
    topic_key,
)
from kappaflow.broker.partition_errors import check_leader_epoch, find_partition
from kappaflow.broker.topics import Partition
from kappaflow.errors import BrokerError, StorageError
from kappaflow.storage.log import PartitionLog
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message
from kappaflow.wire.record_batch import iterate_headers

READ_COMMITTED = 1

_Results = list[tuple[TopicKey, Message]]


def handle(context: RequestContext, request: Message) -> HandlerResult:
    """Read now if there is enough or something failed; otherwise when there is, or when the wait is over."""
    by_id = context.api_version >= 13
    sessions = context.broker.fetch_sessions
    session: FetchSession | None = None
    is_full = request.session_epoch in (INITIAL_EPOCH, FINAL_EPOCH)
    if is_full:
        sessions.remove(request.session_id)
        if request.session_epoch == INITIAL_EPOCH:
            session = sessions.create(request.topics, by_id=by_id)
        wanted = [(topic_key(topic, by_id), item) for topic in request.topics for item in topic.partitions]
    else:
        try:
            session = sessions.go_on(request, by_id=by_id)
        except BrokerError as error:
            return _response([], error_code=error.code)
        wanted = session.wanted()
    reader = _FetchReader(context, request, wanted)
    results = reader.read()
    if reader.is_satisfied() or request.max_wait_ms <= 0:
        return _answer(results, session, by_id, is_full=is_full)
    return _answer_later(
        DelayedFetch(reader.partitions, request.max_wait_ms / 1000, reader).result(), session, by_id, is_full=is_full
    )


async def _answer_later(
    results: Awaitable[_Results], session: FetchSession | None, by_id: bool, *, is_full: bool
) -> Response:
    return _answer(await results, session, by_id, is_full=is_full)


def _answer(results: _Results, session: FetchSession | None, by_id: bool, *, is_full: bool) -> Message:
    """Group what was read by topic; of an incremental fetch only what the client does not know yet."""
    if session is not None:
        results = [
            (topic, result)
            for topic, result in results
            if session.note((topic, result.partition_index), result, rotate=not is_full) or is_full
        ]
    topics: list[Message] = []
    last: TopicKey | None = None
    for topic, result in results:
        if topic != last:
            last = topic
            topics.append(
                Message(topic=None if by_id else topic, topic_id=topic if by_id else ZERO_UUID, partitions=[])
            )
        topics[-1].partitions.append(result)
    return _response(topics, session_id=session.session_id if session is not None else NO_SESSION)


def _response(topics: list[Message], *, error_code: int = ErrorCode.NONE, session_id: int = NO_SESSION) -> Message:
    return Message(
        throttle_time_ms=0, error_code=error_code, session_id=session_id, responses=topics, node_endpoints=[]
    )


class _FetchReader:
    """Reads what one request asks for, as often as needed."""

    def __init__(self, context: RequestContext, request: Message, wanted: list[tuple[TopicKey, Message]]) -> None:
        self._context = context
        self._request = request
        self._by_id = context.api_version >= 13
        self._wanted = wanted
        self._max_bytes = min(request.max_bytes, context.broker.config.fetch_max_bytes)
        self._committed_only = request.isolation_level == READ_COMMITTED
        self._failed = False
        self._is_full = False
        self._size = 0
        self.partitions: list[Partition] = []

    def is_satisfied(self) -> bool:
        """Whether the last read is worth answering before the wait is over."""
        return (
            self._failed
            or self._is_full
            or not self.partitions
            or self._size >= min(self._request.min_bytes, self._max_bytes)
        )

    def read(self) -> _Results:
        """Read every partition, within the limits of the request and the broker."""
        self._failed = self._is_full = False
        self._size = 0
        self.partitions = []
        results: _Results = []
        topics = self._context.broker.topics
        for key, item in self._wanted:
            topic = topics.by_id(key) if isinstance(key, UUID) else topics.by_name(key)
            try:
                name = topic.name if topic is not None else key
                if isinstance(name, str):
                    self._context.require(ResourceType.TOPIC, name)
                partition = find_partition(topic, item.partition, self._by_id)
                results.append((key, self._read_partition(partition, item)))
            except BrokerError as error:
                results.append((key, self._failure(item.partition, error.code)))
            except (StorageError, OSError):
                results.append((key, self._failure(item.partition, ErrorCode.KAFKA_STORAGE_ERROR)))
        return results

    def _failure(self, index: int, error_code: int) -> Message:
        self._failed = True
        return self._partition_data(index, error_code, -1, -1, b"")

    def _read_partition(self, partition: Partition, item: Message) -> Message:
        if partition.is_deleted:
            raise BrokerError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "UNKNOWN_TOPIC_OR_PARTITION")
        check_leader_epoch(self._context.broker, item.current_leader_epoch)
        log = partition.log
        if not log.log_start_offset <= item.fetch_offset <= log.log_end_offset:
            return self._failure(item.partition, ErrorCode.OFFSET_OUT_OF_RANGE)
        self.partitions.append(partition)
        room = min(item.partition_max_bytes, self._max_bytes - self._size)
        records = b""
        # The first partition with records answers one whole batch, however large, so that readers never get stuck.
        stable_offset = log.last_stable_offset
        aborted: list[Message] | None = None
        end_offset = stable_offset if self._committed_only else log.log_end_offset
        if item.fetch_offset < end_offset:
            if room > 0 or self._size == 0:
                records = log.read(item.fetch_offset, max(room, 0), min_one_batch=self._size == 0)
                if self._committed_only:
                    records, aborted = _committed(log, records, item.fetch_offset, end_offset)
            # What is there does not fit behind the others: waiting brings no more.
            self._is_full = self._is_full or (self._size > 0 and not records and room < item.partition_max_bytes)
            self._size += len(records)
        return self._partition_data(
            item.partition, ErrorCode.NONE, log.log_end_offset, log.log_start_offset, records, stable_offset, aborted
        )

    def _partition_data(
        self,
        index: int,
        error_code: int,
        high_watermark: int,
        log_start_offset: int,
        records: bytes,
        last_stable_offset: int = -1,
        aborted: list[Message] | None = None,
    ) -> Message:
        return Message(
            partition_index=index,
            error_code=error_code,
            high_watermark=high_watermark,
            last_stable_offset=last_stable_offset,
            log_start_offset=log_start_offset,
            aborted_transactions=(aborted or []) if self._committed_only and not error_code else None,
            preferred_read_replica=-1,
            records=records,
        )


def _committed(log: PartitionLog, records: bytes, offset: int, end_offset: int) -> tuple[bytes, list[Message]]:
    """The batches before the last stable offset, and the aborted transactions among them."""
    if end_offset < log.log_end_offset:
        for position, header in iterate_headers(records):
            if header.base_offset >= end_offset:
                records = records[:position]
                break
    if not len(log.aborted_transactions) or not records:
        return records, []
    last = max(header.last_offset for _, header in iterate_headers(records))
    return records, [
        Message(producer_id=each.producer_id, first_offset=each.first_offset)
        for each in log.aborted_transactions.overlapping(offset, last + 1)
    ]
