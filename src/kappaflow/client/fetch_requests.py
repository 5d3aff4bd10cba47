"""The requests of fetching: records from offsets on, and the offsets of the ends of logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kappaflow.client.kafka_python import consumer_messages
from kappaflow.client.topic_partition import TopicPartition

FETCH_MAX_VERSION = 12
NO_SESSION, WITHOUT_SESSION = 0, -1

_FetchRequest = consumer_messages.FetchRequest
_ListOffsetsRequest = consumer_messages.ListOffsetsRequest


def fetch_request(
    offsets: Iterable[tuple[TopicPartition, int, int]],
    *,
    isolation: int,
    max_wait_ms: int,
    partition_bytes: int,
    max_bytes: int,
    min_bytes: int = 1,
    session_id: int = NO_SESSION,
    session_epoch: int = WITHOUT_SESSION,
    forgotten: Iterable[TopicPartition] = (),
) -> Any:
    """A request for records.

    Args:
        offsets: partition, offset and leader epoch (-1 where unknown), in the order in which they are served.
        isolation: the code of the isolation level.
        max_wait_ms: how long the broker may wait.
        partition_bytes: of a partition at most, but for a first batch that is larger.
        max_bytes: of all at most, likewise.
        min_bytes: how much the broker waits for.
        session_id: a session that the broker keeps, see KIP-227.
        session_epoch: 0 begins a session, -1 is without one, others number the requests of one.
        forgotten: partitions that the session is to leave out from now on.
    """
    topic_class = _FetchRequest.FetchTopic
    topics: dict[str, list[Any]] = {}
    for (topic, number), offset, epoch in offsets:
        topics.setdefault(topic, []).append(
            topic_class.FetchPartition(
                partition=number,
                current_leader_epoch=epoch,
                fetch_offset=offset,
                last_fetched_epoch=-1,
                log_start_offset=-1,
                partition_max_bytes=partition_bytes,
            )
        )
    left_out: dict[str, list[int]] = {}
    for topic, number in forgotten:
        left_out.setdefault(topic, []).append(number)
    return _FetchRequest(
        replica_id=-1,
        max_wait_ms=max_wait_ms,
        min_bytes=min_bytes,
        max_bytes=max_bytes,
        isolation_level=isolation,
        session_id=session_id,
        session_epoch=session_epoch,
        topics=[topic_class(topic=name, partitions=rows) for name, rows in topics.items()],
        forgotten_topics_data=[
            _FetchRequest.ForgottenTopic(topic=name, partitions=numbers) for name, numbers in left_out.items()
        ],
        rack_id="",
        min_version=4,
        max_version=FETCH_MAX_VERSION,
    )


def list_offsets_request(timestamps: Mapping[TopicPartition, tuple[int, int]], isolation: int) -> Any:
    """A request for offsets.

    Args:
        timestamps: of each partition the timestamp, -1 for the end or -2 for the beginning, and the leader epoch.
        isolation: the code of the isolation level.
    """
    topic_class = _ListOffsetsRequest.ListOffsetsTopic
    topics: dict[str, list[Any]] = {}
    for (topic, number), (timestamp, epoch) in timestamps.items():
        topics.setdefault(topic, []).append(
            topic_class.ListOffsetsPartition(partition_index=number, current_leader_epoch=epoch, timestamp=timestamp)
        )
    return _ListOffsetsRequest(
        replica_id=-1,
        isolation_level=isolation,
        topics=[topic_class(name=name, partitions=rows) for name, rows in topics.items()],
        min_version=2,
        max_version=7,
    )
