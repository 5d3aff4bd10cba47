"""DeleteAcls: remove the access control entries that filters select.

Source: KIP-140, KIP-290.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import AclBinding, ResourceType
from kappaflow.broker.authorization.acl_messages import read_filter
from kappaflow.broker.context import RequestContext, Response
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Remove what each filter selects, independently of the others."""
    if context.broker.authorizer is None:
        results = [_result(ErrorCode.SECURITY_DISABLED, "No Authorizer is configured.") for _ in request.filters]
    elif error := context.refusal(ResourceType.CLUSTER):
        results = [_result(error, "Cluster authorization failed.") for _ in request.filters]
    else:
        results = [_delete(context, wanted) for wanted in request.filters]
    return Message(throttle_time_ms=0, filter_results=results)


def _delete(context: RequestContext, wanted: Message) -> Message:
    acls = context.broker.acls
    removed: list[Message] = []
    try:
        for binding in acls.selected(read_filter(wanted)):
            acls.remove(binding)
            removed.append(_matching(binding))
    except BrokerError as error:
        return _result(error.code, str(error), removed)
    except StorageError as error:
        return _result(ErrorCode.KAFKA_STORAGE_ERROR, str(error), removed)
    return _result(ErrorCode.NONE, None, removed)


def _matching(binding: AclBinding) -> Message:
    return Message(
        error_code=ErrorCode.NONE,
        error_message=None,
        resource_type=binding.resource_type,
        resource_name=binding.name,
        pattern_type=binding.pattern_type,
        principal=binding.principal,
        host=binding.host,
        operation=binding.operation,
        permission_type=binding.permission,
    )


def _result(error_code: int, text: str | None, matching: list[Message] | None = None) -> Message:
    return Message(error_code=error_code, error_message=text, matching_acls=matching or [])
