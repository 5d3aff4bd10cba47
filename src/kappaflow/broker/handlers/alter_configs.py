"""AlterConfigs: replace all settings of topics; what is not named goes back to its default.

Source: KIP-133.
"""

from __future__ import annotations

from kappaflow.broker.authorization.config_access import require_config_access
from kappaflow.broker.config_changes import change_each, topic_to_change
from kappaflow.broker.context import RequestContext, Response
from kappaflow.broker.topic_configs import check_topic_config, check_topic_configs
from kappaflow.wire.message import Message


def handle(context: RequestContext, request: Message) -> Response:
    """Change each resource in one step, independently of the others."""

    def replace(context: RequestContext, resource: Message) -> None:
        require_config_access(context, resource)
        topic = topic_to_change(context, resource)
        configs = {config.name: check_topic_config(config.name, config.value) for config in resource.configs}
        check_topic_configs(configs)
        if not request.validate_only:
            context.broker.topics.set_configs(topic, configs)

    return change_each(context, request, replace)
