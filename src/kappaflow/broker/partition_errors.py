"""Finding the partition that a request names, with Kafka's error codes where it is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker
    from kappaflow.broker.topics import Partition, Topic


def requested_topic(broker: Broker, name: str | None, named: Message, by_id: bool) -> Topic | None:
    """The topic of a request, looked up by id or by name; None where there is none."""
    return broker.topics.by_id(named.topic_id) if by_id else broker.topics.by_name(name or "")


def find_partition(topic: Topic | None, index: int, by_id: bool) -> Partition:
    """The partition of a topic.

    Raises:
        BrokerError: UNKNOWN_TOPIC_ID or UNKNOWN_TOPIC_OR_PARTITION.
    """
    if topic is None and by_id:
        raise BrokerError(ErrorCode.UNKNOWN_TOPIC_ID, "UNKNOWN_TOPIC_ID", "This server has no topic with that id.")
    if topic is None or not 0 <= index < len(topic.partitions):
        raise BrokerError(
            ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
            "UNKNOWN_TOPIC_OR_PARTITION",
            "This server does not host this topic-partition.",
        )
    return topic.partitions[index]


def check_leader_epoch(broker: Broker, current_leader_epoch: int) -> None:
    """Refuse a client that knows an older or a newer leader (KIP-320).

    Raises:
        BrokerError: FENCED_LEADER_EPOCH or UNKNOWN_LEADER_EPOCH.
    """
    if current_leader_epoch < 0 or current_leader_epoch == broker.leader_epoch:
        return
    if current_leader_epoch < broker.leader_epoch:
        raise BrokerError(ErrorCode.FENCED_LEADER_EPOCH, "FENCED_LEADER_EPOCH", "The leader epoch is older than mine.")
    raise BrokerError(ErrorCode.UNKNOWN_LEADER_EPOCH, "UNKNOWN_LEADER_EPOCH", "The leader epoch is newer than mine.")
