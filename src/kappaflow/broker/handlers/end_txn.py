"""EndTxn: commit or abort a transaction; since version 5 the producer goes on with the epoch in the answer.

Source: KIP-98, KIP-890.
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.coordinators.transaction_coordinator import ProducerIdentity
from kappaflow.broker.transaction_errors import fenced_error
from kappaflow.errors import StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

FENCED_SINCE = 2
NEW_EPOCH_SINCE = 5


def handle(context: RequestContext, request: Message) -> Response:
    """Decide; the answer means that the decision lasts."""
    try:
        ended = context.broker.transactions.end(
            request.transactional_id,
            request.producer_id,
            request.producer_epoch,
            committed=request.committed,
            bumps_epoch=context.api_version >= NEW_EPOCH_SINCE,
        )
    except StorageError:
        ended = ProducerIdentity(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    return Message(
        throttle_time_ms=0,
        error_code=fenced_error(ended.error_code, context.api_version, FENCED_SINCE),
        producer_id=ended.producer_id,
        producer_epoch=ended.producer_epoch,
    )
