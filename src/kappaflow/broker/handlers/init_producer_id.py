"""InitProducerId: an id for an idempotent producer, or the next epoch of a transactional one.

Source: KIP-98, KIP-360, KIP-588, KIP-890.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.transaction_errors import fenced_error
from kappaflow.errors import StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

FENCED_SINCE = 4


def handle(context: RequestContext, request: Message) -> Response:
    """Ask the coordinator, or only for an id."""
    broker = context.broker
    if error := _refusal(context, request.transactional_id):
        return _response(error)
    if (request.producer_id < 0) != (request.producer_epoch < 0):
        # A producer that goes on says both.
        return _response(ErrorCode.INVALID_REQUEST)
    try:
        if request.transactional_id is None:
            return _response(ErrorCode.NONE, broker.producer_ids.next(), 0)
        found = broker.transactions.init_producer_id(
            request.transactional_id, request.transaction_timeout_ms, request.producer_id, request.producer_epoch
        )
    except StorageError:
        # Not retriable for every client, but the disk must be freed by someone first.
        return _response(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    error = fenced_error(found.error_code, context.api_version, FENCED_SINCE)
    return _response(error, found.producer_id, found.producer_epoch)


def _refusal(context: RequestContext, transactional_id: str | None) -> ErrorCode:
    """Who has no transactional id needs the right to write to some topic, or that of old for all of them (KIP-679)."""
    if transactional_id is not None:
        return context.refusal(ResourceType.TRANSACTIONAL_ID, transactional_id)
    error = context.refusal(ResourceType.CLUSTER)
    return ErrorCode.NONE if error and context.may_on_any(ResourceType.TOPIC) else error


def _response(error_code: int, producer_id: int = -1, producer_epoch: int = -1) -> Message:
    return Message(throttle_time_ms=0, error_code=error_code, producer_id=producer_id, producer_epoch=producer_epoch)
