"""ListConfigResources: what can be configured. Version 0 lists client metrics only.

Source: KIP-714 (version 0), KIP-1142.
"""

from __future__ import annotations

from kappaflow.broker.config_entries import (
    BROKER_LOGGER_RESOURCE,
    BROKER_RESOURCE,
    CLIENT_METRICS_RESOURCE,
    GROUP_RESOURCE,
    TOPIC_RESOURCE,
)
from kappaflow.broker.context import RequestContext, Response
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

_TYPES = (TOPIC_RESOURCE, BROKER_RESOURCE, BROKER_LOGGER_RESOURCE, CLIENT_METRICS_RESOURCE, GROUP_RESOURCE)


def handle(context: RequestContext, request: Message) -> Response:
    """List the resources of the types asked for, of all where none is named."""
    broker = context.broker
    wanted = [CLIENT_METRICS_RESOURCE] if context.api_version == 0 else list(request.resource_types) or list(_TYPES)
    if any(kind not in _TYPES for kind in wanted):
        return Message(throttle_time_ms=0, error_code=ErrorCode.UNSUPPORTED_VERSION, config_resources=[])
    found: list[tuple[int, str]] = []
    if TOPIC_RESOURCE in wanted:
        found += [(TOPIC_RESOURCE, topic.name) for topic in broker.topics.all()]
    found += [(kind, str(broker.node_id)) for kind in (BROKER_RESOURCE, BROKER_LOGGER_RESOURCE) if kind in wanted]
    return Message(
        throttle_time_ms=0,
        error_code=ErrorCode.NONE,
        config_resources=[Message(resource_type=kind, resource_name=name) for kind, name in found],
    )
