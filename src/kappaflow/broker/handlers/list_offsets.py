"""ListOffsets: the offset of a time, or of the log's start or end.

Source: KIP-79, KIP-734 (offset of the largest timestamp), KIP-405, KIP-1005 and KIP-1023 (tiers).
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.partition_errors import check_leader_epoch, find_partition
from kappaflow.broker.topics import Partition
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

READ_COMMITTED = 1
LATEST = -1
EARLIEST = -2
MAX_TIMESTAMP = -3
EARLIEST_LOCAL = -4
LATEST_TIERED = -5
EARLIEST_PENDING_UPLOAD = -6
_SINCE_VERSION = {
    LATEST: 1,
    EARLIEST: 1,
    MAX_TIMESTAMP: 7,
    EARLIEST_LOCAL: 8,
    LATEST_TIERED: 9,
    EARLIEST_PENDING_UPLOAD: 11,
}
"""The special timestamps, by the version that brought them."""


def handle(context: RequestContext, request: Message) -> Response:
    """Answer every partition independently."""
    return Message(
        throttle_time_ms=0,
        topics=[
            Message(
                name=wanted.name,
                partitions=[
                    _list_offset(context, wanted.name, item, request.isolation_level) for item in wanted.partitions
                ],
            )
            for wanted in request.topics
        ],
    )


def _list_offset(context: RequestContext, topic: str, item: Message, request_isolation: int) -> Message:
    broker = context.broker
    error_code, timestamp, offset, epoch = ErrorCode.NONE, -1, -1, -1
    try:
        if item.timestamp < 0 and context.api_version < _SINCE_VERSION.get(item.timestamp, 99):
            raise BrokerError(ErrorCode.UNSUPPORTED_VERSION, "UNSUPPORTED_VERSION")
        context.require(ResourceType.TOPIC, topic)
        partition = find_partition(broker.topics.by_name(topic), item.partition_index, by_id=False)
        check_leader_epoch(broker, item.current_leader_epoch)
        timestamp, offset, epoch = _find(
            partition, item.timestamp, broker.leader_epoch, committed_only=request_isolation == READ_COMMITTED
        )
    except BrokerError as error:
        error_code = error.code
    except (StorageError, OSError):
        error_code = ErrorCode.KAFKA_STORAGE_ERROR
    return Message(
        partition_index=item.partition_index,
        error_code=error_code,
        timestamp=timestamp,
        offset=offset,
        leader_epoch=epoch,
    )


def _find(partition: Partition, timestamp: int, epoch: int, *, committed_only: bool) -> tuple[int, int, int]:
    """(timestamp, offset, leader epoch in which it was written), -1 where there is none.

    Args:
        partition: where to look.
        timestamp: wanted.
        epoch: the one of now.
        committed_only: nothing behind the last stable offset.
    """
    log = partition.log
    if timestamp == LATEST:
        return -1, log.last_stable_offset if committed_only else log.log_end_offset, epoch
    if timestamp in (EARLIEST, EARLIEST_LOCAL):
        first = next(iter(log.leader_epochs.entries), (epoch, log.log_start_offset))
        return -1, log.log_start_offset, first[0] if first[1] <= log.log_start_offset else -1
    if timestamp in (LATEST_TIERED, EARLIEST_PENDING_UPLOAD):
        return -1, -1, -1
    found = log.offset_for_timestamp(timestamp)
    if found is None or (committed_only and found.offset >= log.last_stable_offset):
        return -1, -1, -1
    return found.timestamp, found.offset, found.leader_epoch
