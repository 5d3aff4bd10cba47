"""DescribeConfigs: configuration of topics and of the broker.

Source: KIP-133, KIP-226 (synonyms), KIP-524 (documentation).
"""

from __future__ import annotations

from kappaflow.broker.authorization.config_access import require_config_access
from kappaflow.broker.broker_configs import broker_config_entries
from kappaflow.broker.config_entries import (
    BROKER_LOGGER_RESOURCE,
    BROKER_RESOURCE,
    CLIENT_METRICS_RESOURCE,
    GROUP_RESOURCE,
    TOPIC_RESOURCE,
    topic_config_entries,
)
from kappaflow.broker.context import RequestContext, Response
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Describe each resource independently of the others."""
    results: list[Message] = []
    for resource in request.resources:
        try:
            entries = _entries(context, resource)
        except BrokerError as error:
            results.append(_result(resource, error.code, str(error), []))
            continue
        for entry in entries:
            if not request.include_synonyms:
                entry.synonyms = []
            if not request.include_documentation:
                entry.documentation = None
        results.append(_result(resource, ErrorCode.NONE, None, entries))
    return Message(throttle_time_ms=0, results=results)


def _result(resource: Message, error_code: int, text: str | None, entries: list[Message]) -> Message:
    return Message(
        error_code=error_code,
        error_message=text,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
        configs=entries,
    )


def _entries(context: RequestContext, resource: Message) -> list[Message]:
    broker = context.broker
    # An empty list of keys means all of them, as null does.
    names = resource.configuration_keys or None
    require_config_access(context, resource)
    match resource.resource_type:
        case kind if kind == TOPIC_RESOURCE:
            broker.topics.check_name(resource.resource_name)
            topic = broker.topics.by_name(resource.resource_name)
            if topic is None:
                raise BrokerError(
                    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                    "UNKNOWN_TOPIC_OR_PARTITION",
                    f"There is no topic {resource.resource_name}.",
                )
            return topic_config_entries(topic.configs, names)
        case kind if kind == BROKER_RESOURCE:
            if resource.resource_name not in ("", str(broker.node_id)):
                raise BrokerError(
                    ErrorCode.INVALID_REQUEST,
                    "INVALID_REQUEST",
                    f"Broker id {resource.resource_name} is not this broker's, which is {broker.node_id}.",
                )
            # The empty name stands for the cluster's defaults, of which none are set.
            return broker_config_entries(broker, names) if resource.resource_name else []
        case kind if kind in (GROUP_RESOURCE, CLIENT_METRICS_RESOURCE, BROKER_LOGGER_RESOURCE):
            return []
        case _:
            raise BrokerError(
                ErrorCode.INVALID_REQUEST, "INVALID_REQUEST", f"Unknown resource type {resource.resource_type}."
            )
