"""DescribeLogDirs: the one directory, its partitions and their sizes.

Source: KIP-113, KIP-827 (space of the device), KIP-1066 (cordoned directories: never).
"""

from __future__ import annotations

import shutil

from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.topics import Partition, Topic
from kappaflow.errors import StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Describe the partitions asked for, all of them where no topic is named; unknown ones are left out."""
    broker = context.broker
    if request.topics is None:
        wanted = [(topic, None) for topic in broker.topics.all()]
    else:
        named = [(broker.topics.by_name(item.topic), set(item.partitions)) for item in request.topics]
        wanted = [(topic, indexes) for topic, indexes in named if topic is not None]
    try:
        usage = shutil.disk_usage(broker.config.data_dir)
    except OSError:
        failed = Message(
            error_code=ErrorCode.KAFKA_STORAGE_ERROR,
            log_dir=str(broker.config.data_dir.absolute()),
            topics=[],
            total_bytes=-1,
            usable_bytes=-1,
            is_cordoned=False,
        )
        return Message(throttle_time_ms=0, error_code=ErrorCode.NONE, results=[failed])
    result = Message(
        error_code=ErrorCode.NONE,
        log_dir=str(broker.config.data_dir.absolute()),
        topics=[_describe(topic, indexes) for topic, indexes in wanted],
        total_bytes=usage.total,
        usable_bytes=usage.free,
        is_cordoned=False,
    )
    return Message(throttle_time_ms=0, error_code=ErrorCode.NONE, results=[result])


def _describe(topic: Topic, indexes: set[int] | None) -> Message:
    return Message(
        name=topic.name,
        partitions=[
            Message(
                partition_index=partition.index,
                partition_size=_size_bytes(partition),
                offset_lag=0,
                is_future_key=False,
            )
            for partition in topic.partitions
            if indexes is None or partition.index in indexes
        ],
    )


def _size_bytes(partition: Partition) -> int:
    """Of a partition that was never written to, and cannot be on a full disk, there is nothing."""
    try:
        return partition.log.size_bytes
    except StorageError:
        return 0
