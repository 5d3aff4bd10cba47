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

FlushPolicy = Literal["none", "interval", "group"]


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
        retention_check_interval_ms: how often old segments are looked for.
        log_cleaner_backoff_ms: how long the log cleaner sleeps where nothing is due.
        group_min_session_timeout_ms: the shortest session timeout that members may ask for.
        group_max_session_timeout_ms: the longest.
        group_initial_rebalance_delay_ms: how long an empty group waits for more members.
        offset_metadata_max_bytes: the longest text stored with a committed offset.
        offsets_retention_ms: how long the offsets of an empty group are kept.
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
    retention_check_interval_ms: int = 300_000
    log_cleaner_backoff_ms: int = 15_000
    group_min_session_timeout_ms: int = 6_000
    group_max_session_timeout_ms: int = 1_800_000
    group_initial_rebalance_delay_ms: int = 0
    offset_metadata_max_bytes: int = 4096
    offsets_retention_ms: int = 7 * 24 * 3600 * 1000
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


_PROPERTIES: dict[str, tuple[str, Callable[[str], object]]] = {
    "auto.create.topics.enable": ("auto_create_topics", _boolean),
    "group.initial.rebalance.delay.ms": ("group_initial_rebalance_delay_ms", int),
    "group.max.session.timeout.ms": ("group_max_session_timeout_ms", int),
    "group.min.session.timeout.ms": ("group_min_session_timeout_ms", int),
    "log.cleaner.backoff.ms": ("log_cleaner_backoff_ms", int),
    "log.retention.check.interval.ms": ("retention_check_interval_ms", int),
    "num.partitions": ("num_partitions", int),
    "offset.metadata.max.bytes": ("offset_metadata_max_bytes", int),
    "offsets.retention.minutes": ("offsets_retention_ms", lambda text: int(text) * 60_000),
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
    return replace(config, security=SecuritySettings(security), **values)  # pyright: ignore[reportArgumentType]
