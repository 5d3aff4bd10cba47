"""DeleteGroups: forget empty groups with their offsets.

Source: KIP-229.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.errors import StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Delete each group independently of the others."""
    return Message(
        throttle_time_ms=0,
        results=[
            Message(group_id=group_id, error_code=_delete(context, group_id)) for group_id in request.groups_names
        ],
    )


def _delete(context: RequestContext, group_id: str) -> ErrorCode:
    error = context.refusal(ResourceType.GROUP, group_id) or context.broker.all_groups.check_delete(group_id)
    if error is not ErrorCode.NONE:
        return error
    try:
        context.broker.offsets.delete_group(group_id)
        context.broker.all_groups.delete(group_id)
    except StorageError:
        return ErrorCode.COORDINATOR_NOT_AVAILABLE
    return ErrorCode.NONE
