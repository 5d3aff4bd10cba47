"""AddOffsetsToTxn: make a group's offsets part of a transaction.

Source: KIP-98.
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.transaction_errors import fenced_error
from kappaflow.errors import StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

FENCED_SINCE = 2


def handle(context: RequestContext, request: Message) -> Response:
    """Note the group; its offsets come with TxnOffsetCommit."""
    try:
        error = (
            context.broker.transactions.add(
                request.transactional_id, request.producer_id, request.producer_epoch, groups=[request.group_id]
            )
            if request.group_id
            else ErrorCode.INVALID_GROUP_ID
        )
    except StorageError:
        error = ErrorCode.COORDINATOR_NOT_AVAILABLE
    return Message(throttle_time_ms=0, error_code=fenced_error(error, context.api_version, FENCED_SINCE))
