"""What a broker can be told when it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from kappaflow.broker.security.listeners import Listener, parse_listeners
from kappaflow.broker.security.settings import (
    SECURITY_PROPERTIES,
    SecuritySettings,
    check_security_property,
    is_security_property,
)
from kappaflow.errors import ConfigError
from kappaflow.storage.log_config import PRODUCER_ID_EXPIRATION_MS

FlushPolicy = Literal["none", "interval", "group"]

CONSUMER_ASSIGNORS = ("uniform", "range")
MIGRATION_POLICIES = ("disabled", "downgrade", "upgrade", "bidirectional")


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Settings of one broker process.

    Attributes:
        data_dir: where everything durable lives.
        host: the address to listen on and to advertise, where no listener is named.
        port: the port to listen on, where no listener is named; 0 for any free one.
        flush: when appended records are forced to the device.
        node_id: the id written into a new data directory.
        num_partitions: partitions of a topic created without a number.
        auto_create_topics: whether a metadata request may create topics.
        max_request_bytes: the largest request that is read (``socket.request.max.bytes``).
        connections_max_idle_ms: how long a connection may be silent; -1 for as long as it likes.
        fetch_max_bytes: the most that a fetch is answered with, but for a single batch that is larger.
        retention_check_interval_ms: how often old segments are looked for.
        log_cleaner_backoff_ms: how long the log cleaner sleeps where nothing is due.
        group_min_session_timeout_ms: the shortest session timeout that members may ask for.
        group_max_session_timeout_ms: the longest.
        group_max_size: how many members a classic group may have.
        group_initial_rebalance_delay_ms: how long an empty group waits for more members.
        group_consumer_session_timeout_ms: how long a member of a consumer group may be silent.
        group_consumer_min_session_timeout_ms: the shortest that this may be set to.
        group_consumer_max_session_timeout_ms: the longest.
        group_consumer_heartbeat_interval_ms: how often such a member comes.
        group_consumer_min_heartbeat_interval_ms: the shortest that this may be set to.
        group_consumer_max_heartbeat_interval_ms: the longest.
        group_consumer_max_size: how many members a consumer group may have.
        group_consumer_assignors: the assignors that members may ask for; the first is the default.
        group_consumer_migration_policy: which way groups may change their protocol while they have members.
        group_consumer_assignment_interval_ms: how long a target stands before the next one is computed.
        group_consumer_regex_refresh_interval_ms: how old the topics of a regular expression may be.
        offset_metadata_max_bytes: the longest text stored with a committed offset.
        offsets_retention_ms: how long the offsets of an empty group are kept.
        producer_id_expiration_ms: how long partitions remember a producer that does not write.
        transaction_max_timeout_ms: the longest transaction timeout that producers may ask for.
        transactional_id_expiration_ms: how long an unused transactional id is remembered.
        quota_window_num: how many windows of time the rates of clients are measured over.
        quota_window_size_ms: how long each window is.
        security: listeners, authentication and access control.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 9092
    flush: FlushPolicy = "none"
    node_id: int = 1
    num_partitions: int = 1
    auto_create_topics: bool = True
    max_request_bytes: int = 100 * 1024 * 1024
    connections_max_idle_ms: int = 600_000
    fetch_max_bytes: int = 55 * 1024 * 1024
    retention_check_interval_ms: int = 300_000
    log_cleaner_backoff_ms: int = 15_000
    group_min_session_timeout_ms: int = 6_000
    group_max_session_timeout_ms: int = 1_800_000
    group_max_size: int = 2**31 - 1
    group_initial_rebalance_delay_ms: int = 0
    group_consumer_session_timeout_ms: int = 45_000
    group_consumer_min_session_timeout_ms: int = 45_000
    group_consumer_max_session_timeout_ms: int = 60_000
    group_consumer_heartbeat_interval_ms: int = 5_000
    group_consumer_min_heartbeat_interval_ms: int = 5_000
    group_consumer_max_heartbeat_interval_ms: int = 15_000
    group_consumer_max_size: int = 2**31 - 1
    group_consumer_assignors: tuple[str, ...] = CONSUMER_ASSIGNORS
    group_consumer_migration_policy: str = "bidirectional"
    group_consumer_assignment_interval_ms: int = 0
    group_consumer_regex_refresh_interval_ms: int = 600_000
    offset_metadata_max_bytes: int = 4096
    offsets_retention_ms: int = 7 * 24 * 3600 * 1000
    producer_id_expiration_ms: int = PRODUCER_ID_EXPIRATION_MS
    transaction_max_timeout_ms: int = 900_000
    transactional_id_expiration_ms: int = 7 * 24 * 3600 * 1000
    quota_window_num: int = 11
    quota_window_size_ms: int = 1000
    security: SecuritySettings = field(default_factory=SecuritySettings)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Where clients connect.

        Raises:
            ConfigError: they cannot be read.
        """
        return parse_listeners(self.security, self.host, self.port)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def _positive(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


def _not_negative(text: str) -> int:
    if int(text) < 0:
        raise ValueError
    return int(text)


def _time_or_never(text: str) -> int:
    return -1 if int(text) == -1 else _positive(text)


def _fetch_bytes(text: str) -> int:
    if int(text) < 1024:
        raise ValueError
    return int(text)


def _assignors(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if len(set(names)) != len(names) or not set(names) <= set(CONSUMER_ASSIGNORS):
        raise ValueError
    return names


def _migration_policy(text: str) -> str:
    if text.lower() not in MIGRATION_POLICIES:
        raise ValueError
    return text.lower()


_PROPERTIES: dict[str, tuple[str, Callable[[str], object]]] = {
    "auto.create.topics.enable": ("auto_create_topics", _boolean),
    "connections.max.idle.ms": ("connections_max_idle_ms", _time_or_never),
    "fetch.max.bytes": ("fetch_max_bytes", _fetch_bytes),
    "group.consumer.assignment.interval.ms": ("group_consumer_assignment_interval_ms", _not_negative),
    "group.consumer.assignors": ("group_consumer_assignors", _assignors),
    "group.consumer.heartbeat.interval.ms": ("group_consumer_heartbeat_interval_ms", _positive),
    "group.consumer.max.heartbeat.interval.ms": ("group_consumer_max_heartbeat_interval_ms", _positive),
    "group.consumer.max.session.timeout.ms": ("group_consumer_max_session_timeout_ms", _positive),
    "group.consumer.max.size": ("group_consumer_max_size", _positive),
    "group.consumer.migration.policy": ("group_consumer_migration_policy", _migration_policy),
    "group.consumer.min.heartbeat.interval.ms": ("group_consumer_min_heartbeat_interval_ms", _positive),
    "group.consumer.min.session.timeout.ms": ("group_consumer_min_session_timeout_ms", _positive),
    "group.consumer.regex.refresh.interval.ms": ("group_consumer_regex_refresh_interval_ms", _positive),
    "group.consumer.session.timeout.ms": ("group_consumer_session_timeout_ms", _positive),
    "group.initial.rebalance.delay.ms": ("group_initial_rebalance_delay_ms", int),
    "group.max.session.timeout.ms": ("group_max_session_timeout_ms", int),
    "group.max.size": ("group_max_size", _positive),
    "group.min.session.timeout.ms": ("group_min_session_timeout_ms", int),
    "log.cleaner.backoff.ms": ("log_cleaner_backoff_ms", int),
    "log.retention.check.interval.ms": ("retention_check_interval_ms", int),
    "num.partitions": ("num_partitions", int),
    "offset.metadata.max.bytes": ("offset_metadata_max_bytes", int),
    "offsets.retention.minutes": ("offsets_retention_ms", lambda text: int(text) * 60_000),
    "producer.id.expiration.ms": ("producer_id_expiration_ms", _positive),
    "quota.window.num": ("quota_window_num", _positive),
    "quota.window.size.seconds": ("quota_window_size_ms", lambda text: _positive(text) * 1000),
    "socket.request.max.bytes": ("max_request_bytes", int),
    "transaction.max.timeout.ms": ("transaction_max_timeout_ms", int),
    "transactional.id.expiration.ms": ("transactional_id_expiration_ms", int),
}


def with_properties(config: BrokerConfig, properties: Iterable[str]) -> BrokerConfig:
    """The settings with Kafka's broker properties, each ``name=value``, put over them.

    Raises:
        ConfigError: a property is unknown or its value not accepted.

    >>> with_properties(BrokerConfig(Path("d")), ["num.partitions=3"]).num_partitions
    3
    """
    values: dict[str, object] = {}
    security = dict(config.security.properties)
    for text in properties:
        name, _, value = (part.strip() for part in text.partition("="))
        if is_security_property(name):
            check_security_property(name, value)
            security[name] = value
            continue
        if name not in _PROPERTIES:
            known = ", ".join(sorted(_PROPERTIES.keys() | SECURITY_PROPERTIES.keys()))
            raise ConfigError(f"unknown broker property {name!r}; there are: {known}")
        field, read = _PROPERTIES[name]
        try:
            values[field] = read(value)
        except ValueError:
            raise ConfigError(f"{name} does not accept {value!r}") from None
    changed = replace(config, security=SecuritySettings(security), **values)  # pyright: ignore[reportArgumentType]
    _check_consumer_group_times(changed)
    return changed


def _check_consumer_group_times(config: BrokerConfig) -> None:
    for name, low, value, high in (
        (
            "group.consumer.session.timeout.ms",
            config.group_consumer_min_session_timeout_ms,
            config.group_consumer_session_timeout_ms,
            config.group_consumer_max_session_timeout_ms,
        ),
        (
            "group.consumer.heartbeat.interval.ms",
            config.group_consumer_min_heartbeat_interval_ms,
            config.group_consumer_heartbeat_interval_ms,
            config.group_consumer_max_heartbeat_interval_ms,
        ),
    ):
        if not low <= value <= high:
            raise ConfigError(
                f"{name}={value} is not between {low} and {high}; those are set by the properties of the same name "
                "with min and max"
            )
    if config.group_consumer_heartbeat_interval_ms >= config.group_consumer_session_timeout_ms:
        raise ConfigError("group.consumer.heartbeat.interval.ms must be less than group.consumer.session.timeout.ms")
