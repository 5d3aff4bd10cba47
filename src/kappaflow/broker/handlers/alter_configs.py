"""AlterConfigs: replace all settings of topics; what is not named goes back to its default.

Source: KIP-133.
"""

from __future__ import annotations

from kappaflow.broker.authorization.config_access import require_config_access
from kappaflow.broker.config_entries import TOPIC_RESOURCE
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.topic_configs import check_topic_config, check_topic_configs
from kappaflow.errors import BrokerError, ConfigError, StorageError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Change each resource in one step, independently of the others."""
    responses: list[Message] = []
    for resource in request.resources:
        error_code, text = int(ErrorCode.NONE), None
        try:
            _replace(context, resource, request.validate_only)
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


def _replace(context: RequestContext, resource: Message, validate_only: bool) -> None:
    require_config_access(context, resource)
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
    configs = {config.name: check_topic_config(config.name, config.value) for config in resource.configs}
    check_topic_configs(configs)
    if not validate_only:
        context.broker.topics.set_configs(topic, configs)
