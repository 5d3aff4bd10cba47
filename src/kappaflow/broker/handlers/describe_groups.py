"""DescribeGroups: state, members and assignments of classic groups."""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.coordinators.group import Group
from kappaflow.broker.coordinators.group_states import GroupState
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

OPERATIONS_NOT_ASKED_FOR = -(2**31)


def handle(context: RequestContext, request: Message) -> Response:
    """Describe each group."""
    return Message(
        throttle_time_ms=0,
        groups=[
            _describe(context, group_id, asked=request.include_authorized_operations) for group_id in request.groups
        ],
    )


def _describe(context: RequestContext, group_id: str, *, asked: bool) -> Message:
    error = context.refusal(ResourceType.GROUP, group_id)
    group = None if error else context.broker.groups.groups.get(group_id)
    operations = OPERATIONS_NOT_ASKED_FOR
    missing = group is None and context.api_version >= 6
    if asked and not error and not missing:
        operations = context.authorized_operations(ResourceType.GROUP, group_id)
    if group is None:
        # Before version 6 a group that does not exist was shown as dead, without an error.
        return Message(
            error_code=error or (ErrorCode.GROUP_ID_NOT_FOUND if missing else ErrorCode.NONE),
            error_message=None if error or not missing else _reason(context, group_id),
            group_id=group_id,
            group_state="" if error else GroupState.DEAD.value,
            protocol_type="",
            protocol_data="",
            members=[],
            authorized_operations=operations,
        )
    return Message(
        error_code=ErrorCode.NONE,
        error_message=None,
        group_id=group_id,
        group_state=group.state.value,
        protocol_type=group.protocol_type or "",
        protocol_data=(group.protocol_name or "") if group.state is GroupState.STABLE else "",
        members=_members(group),
        authorized_operations=operations,
    )


def _reason(context: RequestContext, group_id: str) -> str:
    is_consumer_group = group_id in context.broker.consumer_groups.groups
    return f"Group {group_id} is not a classic group." if is_consumer_group else f"Group {group_id} not found."


def _members(group: Group) -> list[Message]:
    stable = group.state is GroupState.STABLE
    return [
        Message(
            member_id=member.member_id,
            group_instance_id=member.group_instance_id,
            client_id=member.client_id,
            client_host=member.client_host,
            member_metadata=member.metadata_for(group.protocol_name or "") if stable else b"",
            member_assignment=member.assignment,
        )
        for member in group.members.values()
    ]
