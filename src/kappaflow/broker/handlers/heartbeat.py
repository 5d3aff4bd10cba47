"""Heartbeat: a member says that it is alive and learns of rebalances."""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Hand the request to the coordinator."""
    error_code = context.broker.all_groups.heartbeat(
        request.group_id, request.member_id, request.group_instance_id, request.generation_id
    )
    return Message(throttle_time_ms=0, error_code=error_code)
