"""The right to see and change configurations, by what they are of."""

from __future__ import annotations

from kappaflow.broker.authorization.acl import ResourceType
from kappaflow.broker.config_entries import GROUP_RESOURCE, TOPIC_RESOURCE
from kappaflow.broker.context import RequestContext
from kappaflow.wire.message import Message

_RESOURCES = {TOPIC_RESOURCE: ResourceType.TOPIC, GROUP_RESOURCE: ResourceType.GROUP}
"""All others belong to the cluster."""


def require_config_access(context: RequestContext, resource: Message) -> None:
    """Refuse what the client may not see or change.

    Raises:
        BrokerError: the code of the missing right.
    """
    kind = _RESOURCES.get(resource.resource_type, ResourceType.CLUSTER)
    context.require(kind, None if kind is ResourceType.CLUSTER else resource.resource_name)
