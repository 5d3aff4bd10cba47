"""Topic and broker configuration as DescribeConfigs entries."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kappaflow.broker.topic_config_checks import canonical
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

_BROKER_NAMES: dict[str, str | None] = {
    "cleanup.policy": "log.cleanup.policy",
    "delete.retention.ms": "log.cleaner.delete.retention.ms",
    "file.delete.delay.ms": "log.segment.delete.delay.ms",
    "flush.messages": "log.flush.interval.messages",
    "flush.ms": None,
    "follower.replication.throttled.replicas": None,
    "index.interval.bytes": "log.index.interval.bytes",
    "leader.replication.throttled.replicas": None,
    "local.retention.bytes": "log.local.retention.bytes",
    "local.retention.ms": "log.local.retention.ms",
    "max.compaction.lag.ms": "log.cleaner.max.compaction.lag.ms",
    "max.message.bytes": "message.max.bytes",
    "message.timestamp.after.max.ms": "log.message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms": "log.message.timestamp.before.max.ms",
    "message.timestamp.type": "log.message.timestamp.type",
    "min.cleanable.dirty.ratio": "log.cleaner.min.cleanable.ratio",
    "min.compaction.lag.ms": "log.cleaner.min.compaction.lag.ms",
    "preallocate": "log.preallocate",
    "remote.log.copy.disable": None,
    "remote.log.delete.on.disable": None,
    "remote.storage.enable": None,
    "retention.bytes": "log.retention.bytes",
    "retention.ms": None,
    "segment.bytes": "log.segment.bytes",
    "segment.index.bytes": "log.index.size.max.bytes",
    "segment.jitter.ms": None,
    "segment.ms": None,
}
"""The broker's setting that a topic's stands for where it is not set; None where that has no value of its own either.

A setting that is not named has the same name in both places.
"""


def topic_config_entries(overrides: Mapping[str, str], names: Collection[str] | None) -> list[Message]:
    """Entries of a topic, sorted by name; only those in `names` unless it is None."""
    entries: list[Message] = []
    for config in sorted(TOPIC_CONFIGS.values(), key=lambda config: config.name):
        if names is not None and config.name not in names:
            continue
        broker_name = None if config.is_internal else _BROKER_NAMES.get(config.name, config.name)
        is_set = config.name in overrides
        if config.is_internal and not is_set:
            continue
        source = DYNAMIC_TOPIC_CONFIG if is_set else DEFAULT_CONFIG
        value = canonical(overrides[config.name], config.type) if is_set else config.default
        synonyms = [Message(name=config.name, value=value, source=source)] if is_set else []
        if broker_name is not None:
            synonyms.append(Message(name=broker_name, value=config.default, source=DEFAULT_CONFIG))
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
