"""The configuration of topics: Kafka's names, types, defaults and accepted values.

Source: Kafka's topic configuration reference (4.x).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kappaflow.broker.topic_config_checks import (
    INT32_MAX,
    INT64_MAX,
    Check,
    ConfigType,
    boolean,
    integer,
    level,
    list_of,
    one_of,
    ratio,
    replicas,
)
from kappaflow.errors import ConfigError

BOOLEAN, STRING, INT, LONG, DOUBLE, LIST = ConfigType


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """One topic configuration.

    Attributes:
        name: Kafka's name.
        type: the number of its type in DescribeConfigs.
        default: the value where it was not set, as text.
        check: raises ValueError for a value that it does not accept.
        documentation: what it does.
        is_internal: whether it is for tests: shown only where it is set.
    """

    name: str
    type: int
    default: str
    check: Check
    documentation: str
    is_internal: bool = False


def _long(name: str, default: int, low: int, text: str) -> TopicConfig:
    return TopicConfig(name, LONG, str(default), integer(low, INT64_MAX), text)


def _int(name: str, default: int, low: int, text: str) -> TopicConfig:
    return TopicConfig(name, INT, str(default), integer(low, INT32_MAX), text)


TOPIC_CONFIGS: dict[str, TopicConfig] = {
    config.name: config
    for config in (
        TopicConfig(
            "cleanup.policy",
            LIST,
            "delete",
            list_of("delete", "compact"),
            "Delete old segments, compact them, or both.",
        ),
        TopicConfig("compression.gzip.level", INT, "-1", level(1, 9, -1), "Level of batches that the broker gzips."),
        TopicConfig(
            "compression.lz4.level", INT, "9", level(1, 17), "Level of batches that the broker packs with lz4."
        ),
        TopicConfig(
            "compression.type",
            STRING,
            "producer",
            one_of("uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"),
            "Codec of stored batches; 'producer' keeps what was sent.",
        ),
        TopicConfig(
            "compression.zstd.level", INT, "3", level(-131072, 22), "Level of batches that the broker packs with zstd."
        ),
        _long("delete.retention.ms", 86_400_000, 0, "How long tombstones of compacted topics stay."),
        _long("file.delete.delay.ms", 60_000, 0, "How long a deleted segment's file stays."),
        _long("flush.messages", INT64_MAX, 1, "Records between forced writes to the device."),
        _long("flush.ms", INT64_MAX, 0, "Time between forced writes to the device."),
        TopicConfig("follower.replication.throttled.replicas", LIST, "", replicas, "Throttled follower replicas."),
        _int("index.interval.bytes", 4096, 0, "Bytes of log per index entry."),
        TopicConfig("leader.replication.throttled.replicas", LIST, "", replicas, "Throttled leader replicas."),
        _long("local.retention.bytes", -2, -2, "Local part of retention.bytes under tiered storage."),
        _long("local.retention.ms", -2, -2, "Local part of retention.ms under tiered storage."),
        _long("max.compaction.lag.ms", INT64_MAX, 1, "Longest time a record may stay uncompacted."),
        _int("max.message.bytes", 1_048_588, 0, "Largest record batch accepted."),
        _long(
            "message.timestamp.after.max.ms", 3_600_000, 0, "How far ahead of the broker's clock a timestamp may be."
        ),
        _long("message.timestamp.before.max.ms", INT64_MAX, 0, "How far behind the broker's clock a timestamp may be."),
        TopicConfig(
            "message.timestamp.type",
            STRING,
            "CreateTime",
            one_of("CreateTime", "LogAppendTime"),
            "Whether the producer's or the broker's time is stored.",
        ),
        TopicConfig("min.cleanable.dirty.ratio", DOUBLE, "0.5", ratio, "Dirty share of a log that starts compaction."),
        _long("min.compaction.lag.ms", 0, 0, "Shortest time a record stays uncompacted."),
        _int("min.insync.replicas", 1, 1, "Replicas that must have a record when acks=all."),
        TopicConfig("preallocate", BOOLEAN, "false", boolean(), "Whether segment files get their size at once."),
        TopicConfig("remote.log.copy.disable", BOOLEAN, "false", boolean(), "Stop copying to tiered storage."),
        TopicConfig("remote.log.delete.on.disable", BOOLEAN, "false", boolean(), "Delete tiered data when disabled."),
        TopicConfig("remote.storage.enable", BOOLEAN, "false", boolean("false"), "Tiered storage; not available here."),
        _long(
            "retention.bytes",
            -1,
            -INT64_MAX - 1,
            "Size of a partition beyond which old segments go; below 0 for no limit.",
        ),
        _long("retention.ms", 604_800_000, -1, "Age beyond which segments go; -1 for no limit."),
        TopicConfig(
            "internal.segment.bytes",
            INT,
            "1073741824",
            integer(14, INT32_MAX),
            "Size of a segment file, also one too small for anything but tests.",
            is_internal=True,
        ),
        _int("segment.bytes", 1_073_741_824, 1 << 20, "Size of a segment file."),
        _int("segment.index.bytes", 10_485_760, 4, "Size of a segment's indexes."),
        _long("segment.jitter.ms", 0, 0, "Random part taken off segment.ms."),
        _long("segment.ms", 604_800_000, 1, "Age at which a segment is closed although not full."),
        TopicConfig("unclean.leader.election.enable", BOOLEAN, "false", boolean(), "Allow leaders that lag behind."),
    )
}


def check_topic_config(name: str, value: str | None) -> str:
    """Check one setting and give its value as stored.

    Raises:
        ConfigError: the name is unknown or the value not accepted.
    """
    if value is None:
        raise ConfigError(f"Null value not supported for topic configs: {name}")
    config = TOPIC_CONFIGS.get(name)
    if config is None:
        raise ConfigError(f"Unknown topic config name: {name}")
    try:
        config.check(value)
    except ValueError as error:
        raise ConfigError(f"Invalid value {value} for configuration {name}: {error}") from error
    return value


def check_topic_configs(configs: Mapping[str, str]) -> None:
    """Check that the settings of a topic go together.

    Raises:
        ConfigError: they do not.
    """
    shortest, longest = (int(topic_config_value(configs, f"{which}.compaction.lag.ms")) for which in ("min", "max"))
    if shortest > longest:
        raise ConfigError(
            f"min.compaction.lag.ms is {shortest} and max.compaction.lag.ms {longest}: the first must not be larger."
        )


def topic_config_value(overrides: Mapping[str, str], name: str) -> str:
    """The value in force: the topic's own, or the default."""
    return overrides.get(name, TOPIC_CONFIGS[name].default)
