"""AlterPartitionReassignments: the only replica stays where it is.

Source: KIP-455, KIP-860 (version 1: may the number of replicas change).
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Agree to the assignment that is, refuse others, and find none to cancel."""
    return Message(
        throttle_time_ms=0,
        allow_replication_factor_change=getattr(request, "allow_replication_factor_change", True),
        error_code=ErrorCode.NONE,
        error_message=None,
        responses=[
            Message(name=topic.name, partitions=[_judge(context, topic.name, each) for each in topic.partitions])
            for topic in request.topics
        ],
    )


def _judge(context: RequestContext, name: str, wanted: Message) -> Message:
    topic = context.broker.topics.by_name(name)
    node_id = context.broker.node_id
    code, text = ErrorCode.NONE, None
    if topic is None or not 0 <= wanted.partition_index < len(topic.partitions):
        code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        text = f"Unable to find a topic named {name}." if topic is None else "Unable to find the partition."
    elif wanted.replicas is None:
        code, text = ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, "No partition reassignment is in progress."
    elif not wanted.replicas or len(set(wanted.replicas)) != len(wanted.replicas):
        code = ErrorCode.INVALID_REPLICA_ASSIGNMENT
        text = "The replica list must name every broker once, and at least one."
    elif strangers := [each for each in wanted.replicas if each != node_id]:
        code = ErrorCode.INVALID_REPLICA_ASSIGNMENT
        text = f"Replica assignment includes broker {strangers[0]}, but no such broker is registered."
    return Message(partition_index=wanted.partition_index, error_code=code, error_message=text)
