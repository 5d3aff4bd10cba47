"""FindCoordinator: which broker looks after a group or a transactional id. There is one.

Source: KIP-699 (several keys in one request).
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.authorization.rules import REFUSAL_TEXTS
from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

GROUP, TRANSACTION = 0, 1
_RESOURCES = {GROUP: ResourceType.GROUP, TRANSACTION: ResourceType.TRANSACTIONAL_ID}


def handle(context: RequestContext, request: Message) -> Response:
    """Name this broker for groups and transactional ids."""
    keys = request.coordinator_keys if context.api_version >= 4 else [request.key]
    found = [_coordinator(context, request.key_type, key) for key in keys]
    if context.api_version >= 4:
        return Message(throttle_time_ms=0, coordinators=found)
    found[0].throttle_time_ms = 0
    return found[0]


def _coordinator(context: RequestContext, key_type: int, key: str) -> Message:
    broker = context.broker
    if key_type not in (GROUP, TRANSACTION):
        return Message(
            key=key,
            node_id=-1,
            host="",
            port=-1,
            error_code=ErrorCode.COORDINATOR_NOT_AVAILABLE,
            error_message="This broker has no coordinator of that kind.",
        )
    if error := context.refusal(_RESOURCES[key_type], key):
        return Message(key=key, node_id=-1, host="", port=-1, error_code=error, error_message=f"{REFUSAL_TEXTS[error]}")
    if not key and key_type == GROUP:
        return Message(
            key=key,
            node_id=-1,
            host="",
            port=-1,
            error_code=ErrorCode.INVALID_GROUP_ID,
            error_message="The group id is empty.",
        )
    return Message(
        key=key,
        node_id=broker.node_id,
        host=context.session.listener.advertised_host,
        port=context.session.listener.advertised_port,
        error_code=ErrorCode.NONE,
        error_message=None,
    )
