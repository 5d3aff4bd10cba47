"""AlterClientQuotas: set and remove quotas.

Source: KIP-546.
"""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.quotas.entities import Entity, check_value, make_entity
from kappaflow.errors import BrokerError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Change each entity in one step, independently of the others."""
    results: list[Message] = []
    for wanted in request.entries:
        error_code, text = int(ErrorCode.NONE), None
        try:
            context.require(ResourceType.CLUSTER)
            entity, values = _changed(context, wanted)
            if not request.validate_only:
                context.broker.quotas.store.put(entity, values)
        except BrokerError as error:
            error_code, text = error.code, str(error)
        except StorageError as error:
            error_code, text = ErrorCode.KAFKA_STORAGE_ERROR, str(error)
        results.append(Message(error_code=error_code, error_message=text, entity=wanted.entity))
    return Message(throttle_time_ms=0, entries=results)


def _changed(context: RequestContext, wanted: Message) -> tuple[Entity, dict[str, float]]:
    entity = make_entity((part.entity_type, part.entity_name) for part in wanted.entity)
    values = dict(context.broker.quotas.store.of_entity(entity))
    keys = [change.key for change in wanted.ops]
    if len(set(keys)) != len(keys):
        raise BrokerError(ErrorCode.INVALID_REQUEST, "INVALID_REQUEST", "Duplicate quota key.")
    for change in wanted.ops:
        if change.remove:
            values.pop(change.key, None)
        else:
            check_value(entity, change.key, change.value)
            values[change.key] = change.value
    return entity, values
