"""ListGroups: every group, or those in some states or of some types.

Source: KIP-518 (states), KIP-848 (types).
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.coordinators.consumer_protocol import PROTOCOL_TYPE
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

CLASSIC, CONSUMER = "classic", "consumer"


def handle(context: RequestContext, request: Message) -> Response:
    """List groups by name; filters ignore case."""
    states = {state.lower() for state in request.states_filter}
    types = {kind.lower() for kind in request.types_filter}
    sees_all = not context.refusal(ResourceType.CLUSTER)
    listed = [
        group
        for group in _groups(context)
        if (not types or group.group_type in types)
        and (not states or group.group_state.lower() in states)
        and (sees_all or not context.refusal(ResourceType.GROUP, group.group_id))
    ]
    return Message(throttle_time_ms=0, error_code=ErrorCode.NONE, groups=listed)


def _groups(context: RequestContext) -> list[Message]:
    broker = context.broker
    classic = [
        Message(
            group_id=group.group_id,
            protocol_type=group.protocol_type or "",
            group_state=group.state.value,
            group_type=CLASSIC,
        )
        for group in broker.groups.groups.values()
    ]
    consumer = [
        Message(
            group_id=group.group_id,
            protocol_type=PROTOCOL_TYPE,
            group_state=group.state.value,
            group_type=CONSUMER,
        )
        for group in broker.consumer_groups.groups.values()
    ]
    return sorted(classic + consumer, key=lambda group: group.group_id)
