"""CreateAcls: add access control entries.

Source: KIP-140, KIP-290.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.authorization.acl_messages import read_binding
from kappaflow.broker.context import RequestContext, Response
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Add each entry independently of the others."""
    if context.broker.authorizer is None:
        results = [_result(ErrorCode.SECURITY_DISABLED, "No Authorizer is configured.") for _ in request.creations]
    elif error := context.refusal(ResourceType.CLUSTER):
        results = [_result(error, "Cluster authorization failed.") for _ in request.creations]
    else:
        results = [_create(context, creation) for creation in request.creations]
    return Message(throttle_time_ms=0, results=results)


def _create(context: RequestContext, creation: Message) -> Message:
    try:
        context.broker.acls.add(read_binding(creation))
    except BrokerError as error:
        return _result(error.code, str(error))
    except StorageError as error:
        return _result(ErrorCode.KAFKA_STORAGE_ERROR, str(error))
    return _result(ErrorCode.NONE, None)


def _result(error_code: int, text: str | None) -> Message:
    return Message(error_code=error_code, error_message=text)
