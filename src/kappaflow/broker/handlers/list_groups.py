"""ListGroups: every group, or those in some states or of some types.

Source: KIP-518 (states), KIP-848 (types).
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

CLASSIC = "classic"


def handle(context: RequestContext, request: Message) -> Response:
    """List groups by name; filters ignore case."""
    states = {state.lower() for state in request.states_filter}
    types = {kind.lower() for kind in request.types_filter}
    listed: list[Message] = []
    sees_all = not context.refusal(ResourceType.CLUSTER)
    if not types or CLASSIC in types:
        listed = [
            Message(
                group_id=group.group_id,
                protocol_type=group.protocol_type or "",
                group_state=group.state.value,
                group_type=CLASSIC,
            )
            for _, group in sorted(context.broker.groups.groups.items())
            if (not states or group.state.value.lower() in states)
            and (sees_all or not context.refusal(ResourceType.GROUP, group.group_id))
        ]
    return Message(throttle_time_ms=0, error_code=ErrorCode.NONE, groups=listed)
