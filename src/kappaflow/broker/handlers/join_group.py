"""JoinGroup: become or stay a member; the answer comes when the group is complete.

Source: KIP-62, KIP-345, KIP-394, KIP-814.
"""

from __future__ import annotations

from kappaflow.broker.context import HandlerResult, RequestContext
from kappaflow.broker.coordinators.group_members import JoinRequest, JoinResult
from kappaflow.broker.replies import Pending
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> HandlerResult:
    """Hand the request to the coordinator."""
    version = context.api_version
    join = JoinRequest(
        group_id=request.group_id,
        member_id=request.member_id,
        group_instance_id=request.group_instance_id,
        client_id=context.client_id,
        client_host=context.client_host,
        session_timeout_ms=request.session_timeout_ms,
        # Version 0 has one time-out for both purposes.
        rebalance_timeout_ms=request.rebalance_timeout_ms if version >= 1 else request.session_timeout_ms,
        protocol_type=request.protocol_type,
        protocols=tuple((protocol.name, protocol.metadata) for protocol in request.protocols),
        member_id_required=version >= 4,
        can_skip_assignment=version >= 9,
    )
    pending = Pending[JoinResult](lambda result: _response(result, version))
    context.broker.all_groups.join(join, pending.callback)
    return pending.result()


def _response(result: JoinResult, version: int) -> Message:
    return Message(
        throttle_time_ms=0,
        error_code=result.error_code,
        generation_id=result.generation_id,
        protocol_type=result.protocol_type,
        # Nullable only since version 7.
        protocol_name=result.protocol_name if version >= 7 else result.protocol_name or "",
        leader=result.leader,
        skip_assignment=result.skip_assignment,
        member_id=result.member_id,
        members=[
            Message(member_id=member_id, group_instance_id=instance_id, metadata=metadata)
            for member_id, instance_id, metadata in result.members
        ],
    )
