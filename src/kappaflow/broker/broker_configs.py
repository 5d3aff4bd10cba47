"""The broker's own settings under the names of Kafka's broker configuration, to be read only."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from kappaflow.broker.config import BrokerConfig
from kappaflow.broker.config_entries import DEFAULT_CONFIG, STATIC_BROKER_CONFIG, config_entry
from kappaflow.broker.security.settings import SECURITY_PROPERTIES
from kappaflow.broker.topic_configs import BOOLEAN, INT, LIST, LONG, STRING, TOPIC_CONFIGS
from kappaflow.wire.message import Message

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker

_TOPIC_DEFAULTS = {
    "log.cleanup.policy": "cleanup.policy",
    "log.index.interval.bytes": "index.interval.bytes",
    "log.message.timestamp.type": "message.timestamp.type",
    "log.retention.bytes": "retention.bytes",
    "log.retention.ms": "retention.ms",
    "log.roll.ms": "segment.ms",
    "log.segment.bytes": "segment.bytes",
    "message.max.bytes": "max.message.bytes",
    "min.insync.replicas": "min.insync.replicas",
}


def _consumer_group_values(config: BrokerConfig) -> list[tuple[str, int, object, int]]:
    prefix = "group.consumer."
    rows: list[tuple[str, int, object]] = [
        ("assignment.interval.ms", INT, config.group_consumer_assignment_interval_ms),
        ("assignors", LIST, ",".join(config.group_consumer_assignors)),
        ("heartbeat.interval.ms", INT, config.group_consumer_heartbeat_interval_ms),
        ("max.heartbeat.interval.ms", INT, config.group_consumer_max_heartbeat_interval_ms),
        ("max.session.timeout.ms", INT, config.group_consumer_max_session_timeout_ms),
        ("max.size", INT, config.group_consumer_max_size),
        ("migration.policy", STRING, config.group_consumer_migration_policy),
        ("min.heartbeat.interval.ms", INT, config.group_consumer_min_heartbeat_interval_ms),
        ("min.session.timeout.ms", INT, config.group_consumer_min_session_timeout_ms),
        ("session.timeout.ms", INT, config.group_consumer_session_timeout_ms),
    ]
    return [(prefix + name, kind, value, STATIC_BROKER_CONFIG) for name, kind, value in rows]


def broker_config_entries(broker: Broker, names: Collection[str] | None) -> list[Message]:
    """Entries of this broker, sorted by name; only those in `names` unless it is None."""
    config = broker.config
    listeners = ",".join(map(str, broker.listeners))
    advertised = ",".join(listener.advertised for listener in broker.listeners)
    values: list[tuple[str, int, object, int]] = [
        ("advertised.listeners", LIST, advertised, STATIC_BROKER_CONFIG),
        ("auto.create.topics.enable", BOOLEAN, str(config.auto_create_topics).lower(), STATIC_BROKER_CONFIG),
        ("broker.id", INT, broker.node_id, STATIC_BROKER_CONFIG),
        ("connections.max.idle.ms", LONG, config.connections_max_idle_ms, STATIC_BROKER_CONFIG),
        ("default.replication.factor", INT, 1, DEFAULT_CONFIG),
        ("delete.topic.enable", BOOLEAN, "true", DEFAULT_CONFIG),
        ("fetch.max.bytes", INT, config.fetch_max_bytes, STATIC_BROKER_CONFIG),
        *_consumer_group_values(config),
        ("group.initial.rebalance.delay.ms", INT, config.group_initial_rebalance_delay_ms, STATIC_BROKER_CONFIG),
        ("group.max.session.timeout.ms", INT, config.group_max_session_timeout_ms, STATIC_BROKER_CONFIG),
        ("group.max.size", INT, config.group_max_size, STATIC_BROKER_CONFIG),
        ("group.min.session.timeout.ms", INT, config.group_min_session_timeout_ms, STATIC_BROKER_CONFIG),
        ("listeners", LIST, listeners, STATIC_BROKER_CONFIG),
        ("log.cleaner.backoff.ms", LONG, config.log_cleaner_backoff_ms, STATIC_BROKER_CONFIG),
        ("log.dirs", STRING, config.data_dir, STATIC_BROKER_CONFIG),
        ("log.retention.check.interval.ms", LONG, config.retention_check_interval_ms, STATIC_BROKER_CONFIG),
        ("node.id", INT, broker.node_id, STATIC_BROKER_CONFIG),
        ("num.partitions", INT, config.num_partitions, STATIC_BROKER_CONFIG),
        ("offset.metadata.max.bytes", INT, config.offset_metadata_max_bytes, STATIC_BROKER_CONFIG),
        ("offsets.retention.minutes", INT, config.offsets_retention_ms // 60_000, STATIC_BROKER_CONFIG),
        ("process.roles", LIST, "broker,controller", STATIC_BROKER_CONFIG),
        ("producer.id.expiration.ms", INT, config.producer_id_expiration_ms, STATIC_BROKER_CONFIG),
        ("quota.window.num", INT, config.quota_window_num, STATIC_BROKER_CONFIG),
        ("quota.window.size.seconds", INT, config.quota_window_size_ms // 1000, STATIC_BROKER_CONFIG),
        ("socket.request.max.bytes", INT, config.max_request_bytes, STATIC_BROKER_CONFIG),
    ]
    values += [
        (name, STRING, config.security.get(name), STATIC_BROKER_CONFIG if is_set else DEFAULT_CONFIG)
        for name, known in SECURITY_PROPERTIES.items()
        if not known.secret and not name.endswith("listeners")
        for is_set in (name in config.security.properties,)
    ]
    for name, topic_name in _TOPIC_DEFAULTS.items():
        topic_config = TOPIC_CONFIGS[topic_name]
        values.append((name, topic_config.type, topic_config.default, DEFAULT_CONFIG))
    return [
        config_entry(
            name,
            str(value),
            source,
            kind,
            [Message(name=name, value=str(value), source=source)],
            "",
            read_only=True,
        )
        for name, kind, value, source in sorted(values, key=lambda row: row[0])
        if names is None or name in names
    ]
