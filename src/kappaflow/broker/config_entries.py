"""Topic and broker configuration as DescribeConfigs entries."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kappaflow.broker.topic_configs import TOPIC_CONFIGS
from kappaflow.wire.message import Message

TOPIC_RESOURCE = 2
BROKER_RESOURCE = 4
BROKER_LOGGER_RESOURCE = 8
CLIENT_METRICS_RESOURCE = 16
GROUP_RESOURCE = 32
"""Resource types as requests number them."""

DYNAMIC_TOPIC_CONFIG = 1
STATIC_BROKER_CONFIG = 4
DEFAULT_CONFIG = 5
"""Where a value comes from."""


def topic_config_entries(overrides: Mapping[str, str], names: Collection[str] | None) -> list[Message]:
    """Entries of a topic, sorted by name; only those in `names` unless it is None."""
    entries: list[Message] = []
    for config in sorted(TOPIC_CONFIGS.values(), key=lambda config: config.name):
        if names is not None and config.name not in names:
            continue
        default = Message(name=config.name, value=config.default, source=DEFAULT_CONFIG)
        is_set = config.name in overrides
        source = DYNAMIC_TOPIC_CONFIG if is_set else DEFAULT_CONFIG
        value = overrides.get(config.name, config.default)
        synonyms = [default]
        if is_set:
            synonyms.insert(0, Message(name=config.name, value=value, source=source))
        entries.append(
            config_entry(config.name, value, source, config.type, synonyms, config.documentation, read_only=False)
        )
    return entries


def config_entry(
    name: str,
    value: str,
    source: int,
    config_type: int,
    synonyms: list[Message],
    documentation: str,
    *,
    read_only: bool,
) -> Message:
    """One entry of a DescribeConfigs answer."""
    return Message(
        name=name,
        value=value,
        read_only=read_only,
        config_source=source,
        is_default=source == DEFAULT_CONFIG,
        is_sensitive=False,
        synonyms=synonyms,
        config_type=config_type,
        documentation=documentation,
    )
