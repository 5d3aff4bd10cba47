"""What the two requests that change settings share: answers by resource, and what can be changed at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kappaflow.broker.config_entries import TOPIC_RESOURCE
from kappaflow.broker.context import RequestContext, Response
from kappaflow.errors import BrokerError, ConfigError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

if TYPE_CHECKING:
    from kappaflow.broker.topics import Topic


def change_each(
    context: RequestContext, request: Message, change: Callable[[RequestContext, Message], None]
) -> Response:
    """Change each resource in one step, independently of the others, and answer for each."""
    responses: list[Message] = []
    for resource in request.resources:
        error_code, text = int(ErrorCode.NONE), None
        try:
            change(context, resource)
        except BrokerError as error:
            error_code, text = error.code, str(error)
        except ConfigError as error:
            error_code, text = ErrorCode.INVALID_CONFIG, str(error)
        except StorageError as error:
            error_code, text = ErrorCode.KAFKA_STORAGE_ERROR, str(error)
        responses.append(
            Message(
                error_code=error_code,
                error_message=text,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
        )
    return Message(throttle_time_ms=0, responses=responses)


def topic_to_change(context: RequestContext, resource: Message) -> Topic:
    """Return the topic whose settings are to be changed.

    Raises:
        BrokerError: INVALID_REQUEST for what is no topic, UNKNOWN_TOPIC_OR_PARTITION.
    """
    if resource.resource_type != TOPIC_RESOURCE:
        raise BrokerError(
            ErrorCode.INVALID_REQUEST,
            "INVALID_REQUEST",
            "Only topics can be configured at run time; the broker takes its settings when it starts.",
        )
    topic = context.broker.topics.by_name(resource.resource_name)
    if topic is None:
        raise BrokerError(
            ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
            "UNKNOWN_TOPIC_OR_PARTITION",
            f"There is no topic {resource.resource_name}.",
        )
    return topic
