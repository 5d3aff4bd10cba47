"""IncrementalAlterConfigs: change some settings of topics.

Source: KIP-339.
"""

from __future__ import annotations

from functools import partial

from kappaflow.broker.authorization.config_access import require_config_access
from kappaflow.broker.config_changes import change_each, topic_to_change
from kappaflow.broker.config_entries import BROKER_RESOURCE
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.topic_config_checks import items_of
from kappaflow.broker.topic_configs import (
    LIST,
    TOPIC_CONFIGS,
    check_topic_config,
    check_topic_configs,
    topic_config_value,
)
from kappaflow.errors import BrokerError, ConfigError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message

SET, DELETE, APPEND, SUBTRACT = range(4)


def handle(context: RequestContext, request: Message) -> Response:
    """Change each resource in one step, independently of the others."""
    return change_each(context, request, partial(_alter, validate_only=request.validate_only))


def _alter(context: RequestContext, resource: Message, *, validate_only: bool) -> None:
    require_config_access(context, resource)
    if missing := [
        change.name for change in resource.configs if change.value is None and change.config_operation != DELETE
    ]:
        raise BrokerError(
            ErrorCode.INVALID_REQUEST, "INVALID_REQUEST", f"Null value not supported for : {', '.join(missing)}"
        )
    if len({change.name for change in resource.configs}) < len(resource.configs):
        raise BrokerError(ErrorCode.INVALID_REQUEST, "INVALID_REQUEST", "A setting is changed twice in one request.")
    # Tools take away throttles of a broker when they have moved replicas; of settings made at run time there are none.
    if resource.resource_type == BROKER_RESOURCE and all(c.config_operation == DELETE for c in resource.configs):
        return
    topic = topic_to_change(context, resource)
    configs = dict(topic.configs)
    for change in resource.configs:
        _apply(configs, change)
    check_topic_configs(configs)
    if not validate_only:
        context.broker.topics.set_configs(topic, configs)


def _apply(configs: dict[str, str], change: Message) -> None:
    """Make one change; what is taken away need not be there, what is left must be right."""
    name, operation = change.name, change.config_operation
    if operation == DELETE:
        configs.pop(name, None)
    elif operation == SET:
        configs[name] = check_topic_config(name, change.value)
    elif operation not in (APPEND, SUBTRACT):
        raise BrokerError(ErrorCode.INVALID_REQUEST, "INVALID_REQUEST", f"Unknown operation {operation}.")
    elif name not in TOPIC_CONFIGS or TOPIC_CONFIGS[name].type != LIST:
        raise ConfigError(f"Can't append to or subtract from {name}: it is not a list.")
    else:
        items, changed = items_of(topic_config_value(configs, name)), _changed_items(change.value)
        if operation == APPEND:
            items += [item for item in dict.fromkeys(changed) if item not in items]
        else:
            items = [item for item in items if item not in changed]
        configs[name] = check_topic_config(name, ",".join(items))


def _changed_items(text: str) -> list[str]:
    """What a list is to be changed by; empty items at the end count for nothing, an empty text is one."""
    return text.rstrip(",").split(",") if text.strip(",") or not text else []
