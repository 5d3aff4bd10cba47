"""InitProducerId: an id for an idempotent producer.

Source: KIP-98, KIP-360.
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.errors import StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Give out a new id; transactions are refused, since there is no coordinator for them."""
    if request.transactional_id is not None:
        return _response(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    try:
        return _response(ErrorCode.NONE, context.broker.producer_ids.next(), 0)
    except StorageError:
        # Not retriable for every client, but the disk must be freed by someone first.
        return _response(ErrorCode.COORDINATOR_NOT_AVAILABLE)


def _response(error_code: int, producer_id: int = -1, producer_epoch: int = -1) -> Message:
    return Message(throttle_time_ms=0, error_code=error_code, producer_id=producer_id, producer_epoch=producer_epoch)
