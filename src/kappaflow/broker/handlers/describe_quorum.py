"""DescribeQuorum: the quorum of the metadata has one voter, this node, which leads it.

Source: KIP-595, KIP-836, KIP-853.
"""

from __future__ import annotations

from uuid import NAMESPACE_OID, uuid5

from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

METADATA_TOPIC = "__cluster_metadata"


def handle(context: RequestContext, request: Message) -> Response:
    """Describe the one partition of the metadata; there is no other with a quorum."""
    broker = context.broker
    return Message(
        error_code=ErrorCode.NONE,
        error_message=None,
        topics=[
            Message(
                topic_name=topic.topic_name,
                partitions=[_describe(context, topic.topic_name, each.partition_index) for each in topic.partitions],
            )
            for topic in request.topics
        ],
        nodes=[
            Message(
                node_id=broker.node_id,
                listeners=[Message(name="CONTROLLER", host=broker.advertised_host, port=broker.port)],
            )
        ],
    )


def _describe(context: RequestContext, topic: str, index: int) -> Message:
    broker = context.broker
    if topic != METADATA_TOPIC or index != 0:
        return Message(
            partition_index=index,
            error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
            error_message=None,
            leader_id=-1,
            leader_epoch=-1,
            high_watermark=-1,
            current_voters=[],
            observers=[],
        )
    now_ms = broker.clock.time_ms()
    end_offset = broker.metadata_end_offset
    return Message(
        partition_index=0,
        error_code=ErrorCode.NONE,
        error_message=None,
        leader_id=broker.node_id,
        leader_epoch=broker.leader_epoch,
        high_watermark=end_offset,
        current_voters=[
            Message(
                replica_id=broker.node_id,
                replica_directory_id=uuid5(NAMESPACE_OID, broker.cluster_id),
                log_end_offset=end_offset,
                last_fetch_timestamp=now_ms,
                last_caught_up_timestamp=now_ms,
            )
        ],
        observers=[],
    )
