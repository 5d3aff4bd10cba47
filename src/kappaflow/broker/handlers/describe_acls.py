"""DescribeAcls: the access control entries that a filter selects.

Source: KIP-140, KIP-290.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import AclBinding, AclFilter
from kappaflow.broker.authorization.acl_messages import read_filter
from kappaflow.broker.context import RequestContext, Response
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """List the entries by resource."""
    if context.broker.authorizer is None:
        return _response(ErrorCode.SECURITY_DISABLED, "No Authorizer is configured.", [])
    try:
        wanted: AclFilter = read_filter(request)
    except BrokerError as error:
        return _response(error.code, str(error), [])
    by_resource: dict[tuple[int, str, int], list[AclBinding]] = {}
    for binding in context.broker.acls.selected(wanted):
        key = (int(binding.resource_type), binding.name, int(binding.pattern_type))
        by_resource.setdefault(key, []).append(binding)
    resources = [
        Message(
            resource_type=resource_type,
            resource_name=name,
            pattern_type=pattern_type,
            acls=[
                Message(
                    principal=binding.principal,
                    host=binding.host,
                    operation=binding.operation,
                    permission_type=binding.permission,
                )
                for binding in bindings
            ],
        )
        for (resource_type, name, pattern_type), bindings in by_resource.items()
    ]
    return _response(ErrorCode.NONE, None, resources)


def _response(error_code: int, text: str | None, resources: list[Message]) -> Message:
    return Message(throttle_time_ms=0, error_code=error_code, error_message=text, resources=resources)
