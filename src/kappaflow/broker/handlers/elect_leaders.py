"""ElectLeaders: every partition is led by the only broker, so no election is needed.

Source: KIP-183, KIP-460.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.authorization.rules import REFUSAL_TEXTS
from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Say so for each partition named; asked for all, Kafka names only those whose leader changed."""
    return Message(
        throttle_time_ms=0,
        error_code=context.refusal(ResourceType.CLUSTER),
        replica_election_results=[
            Message(
                topic=named.topic, partition_result=[_judge(context, named.topic, each) for each in named.partitions]
            )
            for named in request.topic_partitions or ()
        ],
    )


def _judge(context: RequestContext, name: str, index: int) -> Message:
    topic = context.broker.topics.by_name(name)
    if error := context.refusal(ResourceType.CLUSTER):
        code, text = error, REFUSAL_TEXTS[error]
    elif topic is None or not 0 <= index < len(topic.partitions):
        code, text = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"No such topic or partition: {name}-{index}"
    else:
        code, text = ErrorCode.ELECTION_NOT_NEEDED, "Leader election not needed for topic partition."
    return Message(partition_id=index, error_code=code, error_message=text)
