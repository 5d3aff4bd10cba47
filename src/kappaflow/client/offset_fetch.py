"""OffsetFetch for many groups at once: one request a coordinator, and an answer or an error for each group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kappaflow.client.broker_errors import broker_error
from kappaflow.client.connection import Connection
from kappaflow.client.gathering import without_repetition
from kappaflow.client.kafka_python import consumer_messages
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError

_OffsetFetchRequest = consumer_messages.OffsetFetchRequest
_Group = _OffsetFetchRequest.OffsetFetchRequestGroup
CommittedQuestion = tuple[str, frozenset[TopicPartition] | None]
"""A group, and the partitions that are asked for; None asks for all that it has."""


class CommittedOffset(NamedTuple):
    """A committed position: the next offset to read, its leader epoch and a free text."""

    offset: int
    leader_epoch: int = -1
    metadata: str = ""


CommittedAnswer = dict[TopicPartition, CommittedOffset] | BrokerError


def ask_committed(
    connection: Connection, require_stable: bool, wanted: Mapping[CommittedQuestion, int]
) -> dict[CommittedQuestion, CommittedAnswer]:
    """Ask once for each.

    Args:
        connection: to the cluster.
        require_stable: whether an open transaction that commits offsets is an error.
        wanted: the coordinator of each.
    """
    answers: dict[CommittedQuestion, CommittedAnswer] = {}
    for questions in without_repetition(wanted):
        by_node: dict[int, list[CommittedQuestion]] = {}
        for question in questions:
            by_node.setdefault(wanted[question], []).append(question)
        for node, group in by_node.items():
            try:
                answers |= _ask(connection, require_stable, node, group)
            except BrokerError as error:  # others coordinate what the others ask for
                answers |= dict.fromkeys(group, error)
    return answers


def _ask(
    connection: Connection, require_stable: bool, node: int, questions: Sequence[CommittedQuestion]
) -> dict[CommittedQuestion, CommittedAnswer]:
    (group_id, _), *others = questions
    request = _OffsetFetchRequest(
        group_id=group_id,
        topics=_rows(questions[0], _OffsetFetchRequest.OffsetFetchRequestTopic),
        groups=[_group(each) for each in questions],
        require_stable=require_stable,
        min_version=2,
        max_version=8,
    )
    response = connection.request(request, f"read the offsets of group {group_id}", node)
    if response.groups:
        by_id = {row.group_id: row for row in response.groups}
        return {question: _answer(question[0], by_id[question[0]]) for question in questions}
    answers = {questions[0]: _answer(group_id, response)}  # brokers before Kafka 3.0 take one group at a time
    for question in others:
        answers |= _ask(connection, require_stable, node, [question])
    return answers


def _group(question: CommittedQuestion) -> Any:
    rows = _rows(question, _Group.OffsetFetchRequestTopics)
    return _Group(group_id=question[0], member_id=None, member_epoch=-1, topics=rows)


def _rows(question: CommittedQuestion, topic_class: Any) -> list[Any] | None:
    if question[1] is None:
        return None
    topics: dict[str, list[int]] = {}
    for topic, partition in sorted(question[1]):
        topics.setdefault(topic, []).append(partition)
    return [topic_class(name=name, partition_indexes=partitions) for name, partitions in topics.items()]


def _answer(group_id: str, response: Any) -> CommittedAnswer:
    what = f"read the offsets of group {group_id}"
    if response.error_code:
        return broker_error(response.error_code, what)
    found: dict[TopicPartition, CommittedOffset] = {}
    for topic in response.topics:
        for row in topic.partitions:
            if row.error_code:
                return broker_error(row.error_code, f"{what}, {topic.name}-{row.partition_index}")
            if row.committed_offset >= 0:
                epoch = -1 if row.committed_leader_epoch is None else row.committed_leader_epoch
                position = CommittedOffset(row.committed_offset, epoch, row.metadata or "")
                found[TopicPartition(topic.name, row.partition_index)] = position
    return found
