"""SyncGroup: the leader hands in the assignment, every member gets its part.

Source: KIP-62, KIP-345, KIP-559 (protocol type and name).
"""

from __future__ import annotations

from kappaflow.broker.context import HandlerResult, RequestContext
from kappaflow.broker.coordinators.group_members import SyncResult
from kappaflow.broker.replies import Pending
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> HandlerResult:
    """Hand the request to the coordinator."""
    pending = Pending[SyncResult](_response)
    context.broker.all_groups.sync(
        request.group_id,
        request.member_id,
        request.group_instance_id,
        request.generation_id,
        request.protocol_type,
        request.protocol_name,
        [(each.member_id, each.assignment) for each in request.assignments],
        pending.callback,
    )
    return pending.result()


def _response(result: SyncResult) -> Message:
    return Message(
        throttle_time_ms=0,
        error_code=result.error_code,
        protocol_type=result.protocol_type,
        protocol_name=result.protocol_name,
        assignment=result.assignment,
    )
