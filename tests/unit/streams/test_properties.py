"""Settings by Kafka Streams' names."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from kappaflow.errors import ConfigError
from kappaflow.streams import ErrorPolicy, KafkaStreams
from kappaflow.streams.properties import ARGUMENTS, arguments_of

LEAST = {"application.id": "counting", "bootstrap.servers": "kafka:9092"}


def test_every_argument_that_a_property_means_is_one() -> None:
    known = inspect.signature(KafkaStreams.__init__).parameters
    assert {argument for argument, _ in ARGUMENTS.values()} <= set(known)


def test_defaults_are_those_of_kafka_streams() -> None:
    known = inspect.signature(KafkaStreams.__init__).parameters
    wanted: dict[str, Any] = {
        "num_stream_threads": 1,
        "processing_guarantee": "at_least_once",
        "auto_offset_reset": "earliest",
        "replication_factor": -1,
        "caching": True,
        "max_task_idle_ms": 0,
        "metadata_max_age_ms": 300_000,
        "session_timeout_ms": 45_000,
        "repartition_purge_interval_ms": 30_000,
        "windowstore_changelog_additional_retention_ms": 86_400_000,
    }
    assert {name: known[name].default for name in wanted} == wanted


def test_properties_become_arguments() -> None:
    found = arguments_of(
        LEAST
        | {
            "num.stream.threads": "2",
            "processing.guarantee": "exactly_once_v2",
            "statestore.cache.max.bytes": 0,
            "consumer.auto.offset.reset": "latest",
            "main.consumer.session.timeout.ms": 6000,
            "topic.segment.bytes": 1_000_000,
            "security.protocol": "SASL_SSL",
            "processing.exception.handler": "org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler",
            "errors.dead.letter.queue.topic.name": "dead",
            "poll.ms": 50,
        }
    )
    assert found.pop("state_dir").endswith("kafka-streams")
    assert found == {
        "application_id": "counting",
        "bootstrap_servers": "kafka:9092",
        "num_stream_threads": 2,
        "processing_guarantee": "exactly_once_v2",
        "statestore_cache_max_bytes": 0,
        "auto_offset_reset": "latest",
        "session_timeout_ms": 6000,
        "topic_configs": {"segment.bytes": "1000000"},
        "security": {"security_protocol": "SASL_SSL"},
        "errors": ErrorPolicy(processing="continue", dead_letter_topic="dead"),
    }


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({"application.id": "a"}, "bootstrap.servers is missing"),
        (LEAST | {"num.stream.threads": "two"}, "num.stream.threads is a whole number, not 'two'"),
        (LEAST | {"default.key.serde": "x"}, r"not set here, but: StreamsBuilder\(key_serde"),
        (LEAST | {"topology.optimization": "all"}, r"builder.build\(optimize"),
        (LEAST | {"num.standby.replicas": "1"}, "no standby replicas yet"),
        (LEAST | {"group.protocol": "streams"}, "group.protocol is classic here"),
        (LEAST | {"processing.exception.handler": "com.acme.Mine"}, "A handler of yours is a function"),
    ],
)
def test_what_cannot_be_set_is_refused_with_the_place(properties: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        arguments_of(properties)
