"""ListPartitionReassignments: with one broker nothing is ever on its way to another.

Source: KIP-455.
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(_context: RequestContext, _request: Message) -> Response:
    """None is under way."""
    return Message(throttle_time_ms=0, error_code=ErrorCode.NONE, error_message=None, topics=[])
