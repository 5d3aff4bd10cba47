"""Topic configuration: names, defaults, accepted values."""

from __future__ import annotations

import pytest

from kappaflow.broker.config_entries import DEFAULT_CONFIG, DYNAMIC_TOPIC_CONFIG, topic_config_entries
from kappaflow.broker.topic_configs import (
    TOPIC_CONFIGS,
    check_topic_config,
    check_topic_configs,
    topic_config_value,
)
from kappaflow.errors import ConfigError
from kappaflow.storage.log_config import LogConfig


@pytest.mark.parametrize("name", sorted(TOPIC_CONFIGS))
def test_every_default_is_accepted(name: str) -> None:
    assert check_topic_config(name, TOPIC_CONFIGS[name].default) == TOPIC_CONFIGS[name].default


def test_the_storage_has_the_same_defaults() -> None:
    every_default = {name: config.default for name, config in TOPIC_CONFIGS.items()}
    assert LogConfig.from_topic_config(every_default) == LogConfig()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retention.ms", "-2"),
        ("retention.ms", "soon"),
        ("segment.bytes", "1048575"),
        ("internal.segment.bytes", "13"),
        ("segment.bytes", str(2**31)),
        ("cleanup.policy", "shred"),
        ("compression.type", "rar"),
        ("message.timestamp.type", "createtime"),
        ("min.cleanable.dirty.ratio", "1.5"),
        ("preallocate", "yes"),
        ("retention.ms", "1_000"),
        ("retention.ms", "٣"),
        ("retention.ms", ""),
        ("min.cleanable.dirty.ratio", "nan"),
        ("min.cleanable.dirty.ratio", "0_1"),
        ("compression.gzip.level", "0"),
        ("compression.gzip.level", "10"),
        ("compression.lz4.level", "18"),
        ("compression.zstd.level", "23"),
        ("leader.replication.throttled.replicas", "1"),
        ("leader.replication.throttled.replicas", "*,1:2"),
        ("remote.storage.enable", "true"),
        ("no.such.config", "1"),
        ("retention.ms", None),
    ],
)
def test_wrong_values_are_refused_by_name(name: str, value: str | None) -> None:
    with pytest.raises(ConfigError, match=name.replace(".", r"\.")):
        check_topic_config(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("segment.bytes", "1048576"),
        ("internal.segment.bytes", "14"),
        ("retention.ms", " +1000 "),
        ("retention.bytes", "-2"),
        ("preallocate", "TRUE"),
        ("min.cleanable.dirty.ratio", "1e-1"),
        ("cleanup.policy", " compact, delete"),
        ("compression.gzip.level", "-1"),
        ("leader.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "1:2, 3:4"),
    ],
)
def test_right_values_are_kept_as_they_are(name: str, value: str) -> None:
    assert check_topic_config(name, value) == value


def test_lags_of_compaction_go_together() -> None:
    check_topic_configs({"min.compaction.lag.ms": "5", "max.compaction.lag.ms": "5"})
    with pytest.raises(ConfigError, match=r"min\.compaction\.lag\.ms"):
        check_topic_configs({"min.compaction.lag.ms": "6", "max.compaction.lag.ms": "5"})


def test_segments_for_tests_are_as_small_as_they_say_and_shown_where_set() -> None:
    configs = {"segment.bytes": "1048576", "internal.segment.bytes": "1000"}
    assert LogConfig.from_topic_config(configs).segment_bytes == 1000
    assert "internal.segment.bytes" in [entry.name for entry in topic_config_entries(configs, None)]


def test_entries_show_where_a_value_comes_from() -> None:
    entries = {entry.name: entry for entry in topic_config_entries({"retention.ms": "7"}, None)}
    assert list(entries) == sorted(name for name, config in TOPIC_CONFIGS.items() if not config.is_internal)
    own, default = entries["retention.ms"], entries["segment.ms"]
    assert (own.value, own.config_source, own.is_default) == ("7", DYNAMIC_TOPIC_CONFIG, False)
    assert [synonym.value for synonym in own.synonyms] == ["7"]
    assert (default.value, default.config_source, default.is_default) == ("604800000", DEFAULT_CONFIG, True)
    assert [entry.name for entry in topic_config_entries({}, ["retention.ms"])] == ["retention.ms"]


def test_the_value_in_force() -> None:
    assert topic_config_value({}, "retention.ms") == "604800000"
    assert topic_config_value({"retention.ms": "1"}, "retention.ms") == "1"
