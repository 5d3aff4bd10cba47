"""ConsumerGroupHeartbeat: a member of a consumer group joins, reports, learns its assignment, leaves.

Source: KIP-848.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import AclOperation, ResourceType
from kappaflow.broker.authorization.rules import REFUSAL_TEXTS
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.coordinators.consumer_groups.member import Owned
from kappaflow.broker.coordinators.consumer_groups.requests import HeartbeatRequest, HeartbeatResult
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Hand the request to the coordinator."""
    try:
        for name in request.subscribed_topic_names or ():
            context.require(ResourceType.TOPIC, name)
        result = context.broker.consumer_groups.heartbeat(_heartbeat(context, request))
    except BrokerError as error:
        return _failed(error.code, REFUSAL_TEXTS.get(ErrorCode(error.code), str(error)))
    except StorageError as error:
        return _failed(ErrorCode.COORDINATOR_NOT_AVAILABLE, str(error))
    return _response(result)


def _heartbeat(context: RequestContext, request: Message) -> HeartbeatRequest:
    owned, names = request.topic_partitions, request.subscribed_topic_names
    return HeartbeatRequest(
        group_id=request.group_id,
        member_id=request.member_id,
        member_epoch=request.member_epoch,
        instance_id=request.instance_id,
        rack_id=request.rack_id,
        rebalance_timeout_ms=request.rebalance_timeout_ms,
        topics=None if names is None else frozenset(names),
        regex=request.subscribed_topic_regex,
        assignor=request.server_assignor,
        owned=None if owned is None else {topic.topic_id: frozenset(topic.partitions) for topic in owned},
        client_id=context.client_id,
        client_host=context.client_host,
        api_version=context.api_version,
        can_describe=lambda name: not context.refusal(ResourceType.TOPIC, name, AclOperation.DESCRIBE),
    )


def _response(result: HeartbeatResult) -> Message:
    return Message(
        throttle_time_ms=0,
        error_code=ErrorCode.NONE,
        error_message=None,
        member_id=result.member_id,
        member_epoch=result.member_epoch,
        heartbeat_interval_ms=result.heartbeat_interval_ms,
        assignment=None if result.assigned is None else _assignment(result.assigned),
    )


def _assignment(assigned: Owned) -> Message:
    return Message(
        topic_partitions=[
            Message(topic_id=topic_id, partitions=sorted(epochs)) for topic_id, epochs in assigned.items()
        ]
    )


def _failed(error_code: int, text: str) -> Message:
    return Message(
        throttle_time_ms=0,
        error_code=error_code,
        error_message=text,
        member_id=None,
        member_epoch=0,
        heartbeat_interval_ms=0,
        assignment=None,
    )
