"""ListOffsets for many partitions at once: one request a leader, and an answer or an error for each partition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from kappaflow.client.broker_errors import broker_error
from kappaflow.client.connection import Connection
from kappaflow.client.gathering import without_repetition
from kappaflow.client.kafka_python import consumer_messages
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode

_ListOffsetsRequest = consumer_messages.ListOffsetsRequest
OffsetQuestion = tuple[TopicPartition, int]
"""A partition, and the time that is looked for."""


class ListedOffset(NamedTuple):
    """The answer to an offset by time; -1 where no record is that late."""

    offset: int
    timestamp: int
    leader_epoch: int


def ask_offsets(
    connection: Connection,
    leaders_of: Callable[[Sequence[str]], Mapping[TopicPartition, int]],
    isolation: int,
    wanted: Mapping[OffsetQuestion, int | None],
) -> dict[OffsetQuestion, ListedOffset | BrokerError]:
    """Ask once for each.

    Args:
        connection: to the cluster.
        leaders_of: looks up the leaders of all partitions of topics.
        isolation: the code of the isolation level.
        wanted: the leader of each, None where it is not known.
    """
    unknown = sorted({partition.topic for (partition, _), node in wanted.items() if node is None})
    looked_up = leaders_of(unknown) if unknown else {}
    answers: dict[OffsetQuestion, ListedOffset | BrokerError] = {}
    for questions in without_repetition(wanted):
        by_node: dict[int, list[OffsetQuestion]] = {}
        for question in questions:
            partition, known = question[0], wanted[question]
            node = looked_up.get(partition) if known is None else known
            if node is None or node < 0:
                answers[question] = no_leader(partition, exists=node is not None)
            else:
                by_node.setdefault(node, []).append(question)
        for node, group in by_node.items():
            try:
                answers |= _ask(connection, isolation, node, group)
            except BrokerError as error:  # others may lead what the others ask for
                answers |= dict.fromkeys(group, error)
    return answers


def no_leader(partition: TopicPartition, *, exists: bool) -> BrokerError:
    """The error for a partition that nobody leads, or that does not exist."""
    if exists:
        return broker_error(ErrorCode.LEADER_NOT_AVAILABLE, f"{partition}", "the partition has no leader")
    code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return BrokerError(code, code.name, f"{partition}: the topic or partition does not exist")


def _ask(
    connection: Connection, isolation: int, node: int, questions: Sequence[OffsetQuestion]
) -> dict[OffsetQuestion, ListedOffset | BrokerError]:
    topic_class = _ListOffsetsRequest.ListOffsetsTopic
    topics: dict[str, list[Any]] = {}
    for partition, timestamp in questions:
        topics.setdefault(partition.topic, []).append(
            topic_class.ListOffsetsPartition(
                partition_index=partition.partition, current_leader_epoch=-1, timestamp=timestamp
            )
        )
    request = _ListOffsetsRequest(
        replica_id=-1,
        isolation_level=isolation,
        topics=[topic_class(name=topic, partitions=rows) for topic, rows in topics.items()],
        min_version=2,
        max_version=7,
    )
    times = dict(questions)
    answers: dict[OffsetQuestion, ListedOffset | BrokerError] = {}
    for topic in connection.request(request, "list offsets", node).topics:
        for row in topic.partitions:
            partition = TopicPartition(topic.name, row.partition_index)
            answers[partition, times[partition]] = (
                broker_error(row.error_code, f"list offsets of {partition}")
                if row.error_code
                else ListedOffset(row.offset, row.timestamp, row.leader_epoch)
            )
    return answers
