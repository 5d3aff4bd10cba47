"""The settings of one partition log, under Kafka's names and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kappaflow.errors import ConfigError

MAX_INT64 = 2**63 - 1
PRODUCER_ID_EXPIRATION_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Settings of a partition log; sizes in bytes, times in milliseconds, -1 for no limit."""

    segment_bytes: int = 1_073_741_824
    segment_ms: int = 604_800_000
    segment_jitter_ms: int = 0
    segment_index_bytes: int = 10_485_760
    index_interval_bytes: int = 4_096
    retention_ms: int = 604_800_000
    retention_bytes: int = -1
    cleanup_policy: str = "delete"
    max_message_bytes: int = 1_048_588
    message_timestamp_type: str = "CreateTime"
    message_timestamp_before_max_ms: int = MAX_INT64
    message_timestamp_after_max_ms: int = 3_600_000
    producer_id_expiration_ms: int = PRODUCER_ID_EXPIRATION_MS
    min_cleanable_dirty_ratio: float = 0.5
    min_compaction_lag_ms: int = 0
    max_compaction_lag_ms: int = MAX_INT64
    delete_retention_ms: int = 86_400_000
    flush_messages: int = MAX_INT64
    flush_ms: int = MAX_INT64
    compression_type: str = "producer"
    compression_gzip_level: int = -1
    compression_lz4_level: int = 9
    compression_zstd_level: int = 3

    @property
    def deletes(self) -> bool:
        """Whether old segments may be deleted; a compacted topic keeps everything."""
        return "delete" in self.cleanup_policy

    @property
    def compacts(self) -> bool:
        """Whether only the last record of each key stays."""
        return "compact" in self.cleanup_policy

    @property
    def roll_ms(self) -> int:
        """Age at which the active segment is closed; compaction must reach it within max.compaction.lag.ms."""
        return min(self.segment_ms, self.max_compaction_lag_ms) if self.compacts else self.segment_ms

    @property
    def uses_log_append_time(self) -> bool:
        """Whether the broker's time replaces the producer's."""
        return self.message_timestamp_type == "LogAppendTime"

    @staticmethod
    def from_topic_config(topic_config: Mapping[str, str]) -> LogConfig:
        """Read Kafka's topic properties; unknown ones are for others and ignored.

        Raises:
            ConfigError: a number is not a number.

        >>> LogConfig.from_topic_config({"retention.ms": "1000"}).retention_ms
        1000
        """
        values: dict[str, int | float | str] = {}
        for name, field_name in _PROPERTIES.items():
            text = topic_config.get(name)
            if text is None:
                continue
            if field_name in _TEXTS:
                values[field_name] = text
                continue
            try:
                values[field_name] = float(text) if field_name in _RATIOS else int(text)
            except ValueError:
                raise ConfigError(f"{name} must be a number, not {text!r}") from None
        return LogConfig(**values)  # pyright: ignore[reportArgumentType]


_TEXTS = frozenset({"cleanup_policy", "compression_type", "message_timestamp_type"})
_RATIOS = frozenset({"min_cleanable_dirty_ratio"})
_PROPERTIES = {
    "segment.bytes": "segment_bytes",
    "internal.segment.bytes": "segment_bytes",  # after the other, which it overrides
    "segment.ms": "segment_ms",
    "segment.jitter.ms": "segment_jitter_ms",
    "segment.index.bytes": "segment_index_bytes",
    "index.interval.bytes": "index_interval_bytes",
    "retention.ms": "retention_ms",
    "retention.bytes": "retention_bytes",
    "cleanup.policy": "cleanup_policy",
    "max.message.bytes": "max_message_bytes",
    "message.timestamp.type": "message_timestamp_type",
    "message.timestamp.before.max.ms": "message_timestamp_before_max_ms",
    "message.timestamp.after.max.ms": "message_timestamp_after_max_ms",
    "min.cleanable.dirty.ratio": "min_cleanable_dirty_ratio",
    "min.compaction.lag.ms": "min_compaction_lag_ms",
    "max.compaction.lag.ms": "max_compaction_lag_ms",
    "delete.retention.ms": "delete_retention_ms",
    "flush.messages": "flush_messages",
    "flush.ms": "flush_ms",
    "compression.type": "compression_type",
    "compression.gzip.level": "compression_gzip_level",
    "compression.lz4.level": "compression_lz4_level",
    "compression.zstd.level": "compression_zstd_level",
}
