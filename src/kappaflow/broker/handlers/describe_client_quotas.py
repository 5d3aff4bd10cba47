"""DescribeClientQuotas: the quotas of the entities that a filter selects.

Source: KIP-546.
"""

from __future__ import annotations

from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.quotas.entities import Entity, check_types
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

EXACT, DEFAULT, ANY = 0, 1, 2


def handle(context: RequestContext, request: Message) -> Response:
    """List entities whose parts match; strict: that have no other parts."""
    try:
        _check(request)
    except BrokerError as error:
        return Message(throttle_time_ms=0, error_code=error.code, error_message=str(error), entries=None)
    found = [
        Message(
            entity=[Message(entity_type=kind, entity_name=name) for kind, name in entity],
            values=[Message(key=key, value=value) for key, value in sorted(values.items())],
        )
        for entity, values in context.broker.quotas.store.all()
        if _matches(request, entity)
    ]
    return Message(throttle_time_ms=0, error_code=ErrorCode.NONE, error_message=None, entries=found)


def _check(request: Message) -> None:
    check_types([component.entity_type for component in request.components])
    for component in request.components:
        if component.match_type not in (EXACT, DEFAULT, ANY):
            raise BrokerError(
                ErrorCode.INVALID_REQUEST, "INVALID_REQUEST", f"Unknown match type {component.match_type}."
            )
        if component.match_type == EXACT and component.match is None:
            raise BrokerError(ErrorCode.INVALID_REQUEST, "INVALID_REQUEST", "An exact match needs a name.")


def _matches(request: Message, entity: Entity) -> bool:
    parts = dict(entity)
    if request.strict and len(parts) != len(request.components):
        return False
    return all(
        component.entity_type in parts
        and (
            component.match_type == ANY
            or parts[component.entity_type] == (component.match if component.match_type == EXACT else None)
        )
        for component in request.components
    )
