"""LeaveGroup: members go.

Source: KIP-345 (several members in one request).
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Remove one member, or since version 3 several."""
    groups = context.broker.all_groups
    if not request.group_id:
        return Message(throttle_time_ms=0, error_code=ErrorCode.INVALID_GROUP_ID, members=[])
    if context.api_version < 3:
        (error_code,) = groups.leave(request.group_id, [(request.member_id, None)])
        return Message(throttle_time_ms=0, error_code=error_code)
    leaving = [(member.member_id, member.group_instance_id) for member in request.members]
    errors = groups.leave(request.group_id, leaving)
    return Message(
        throttle_time_ms=0,
        error_code=ErrorCode.NONE,
        members=[
            Message(member_id=member_id, group_instance_id=instance_id, error_code=error_code)
            for (member_id, instance_id), error_code in zip(leaving, errors, strict=True)
        ],
    )
