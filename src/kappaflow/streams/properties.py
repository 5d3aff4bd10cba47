"""Settings by Kafka Streams' own names, as a Java application has them in its properties file.

    {"application.id": "counting", "bootstrap.servers": "kafka:9092", "num.stream.threads": 2}  ─▶  arguments

What is set elsewhere here, or not there, is refused with the place; what only tunes the Java client is passed over.
Source: ``StreamsConfig`` of Apache Kafka 4.3
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kappaflow.errors import ConfigError
from kappaflow.streams.execution.error_handling import (
    DEAD_LETTER_TOPIC,
    DESERIALIZATION_HANDLER,
    PROCESSING_HANDLER,
    PRODUCTION_HANDLER,
    ErrorPolicy,
    Reaction,
)

logger = logging.getLogger(__name__)
PREFIXES = ("main.consumer.", "restore.consumer.", "global.consumer.", "consumer.", "producer.", "admin.")
TOPIC_PREFIX = "topic."


def _whole(text: Any) -> int:
    return int(str(text))


def _guarantee(text: Any) -> str:
    return {"exactly_once": "exactly_once_v2"}.get(str(text), str(text))


ARGUMENTS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "application.id": ("application_id", str),
    "bootstrap.servers": ("bootstrap_servers", str),
    "state.dir": ("state_dir", str),
    "num.stream.threads": ("num_stream_threads", _whole),
    "processing.guarantee": ("processing_guarantee", _guarantee),
    "commit.interval.ms": ("commit_interval_ms", _whole),
    "auto.offset.reset": ("auto_offset_reset", str),
    "replication.factor": ("replication_factor", _whole),
    "statestore.cache.max.bytes": ("statestore_cache_max_bytes", _whole),
    "cache.max.bytes.buffering": ("statestore_cache_max_bytes", _whole),
    "max.task.idle.ms": ("max_task_idle_ms", _whole),
    "metadata.max.age.ms": ("metadata_max_age_ms", _whole),
    "session.timeout.ms": ("session_timeout_ms", _whole),
    "repartition.purge.interval.ms": ("repartition_purge_interval_ms", _whole),
    "windowstore.changelog.additional.retention.ms": ("windowstore_changelog_additional_retention_ms", _whole),
}
"""Names of Kafka Streams: the argument of `KafkaStreams`, and what reads a value."""
HANDLERS = {
    DESERIALIZATION_HANDLER: "deserialization",
    "default.deserialization.exception.handler": "deserialization",
    PROCESSING_HANDLER: "processing",
    PRODUCTION_HANDLER: "production",
    "default.production.exception.handler": "production",
}
ELSEWHERE = {
    "default.key.serde": "StreamsBuilder(key_serde=..)",
    "default.value.serde": "StreamsBuilder(value_serde=..)",
    "default.timestamp.extractor": "builder.stream(.., timestamp=..)",
    "topology.optimization": "builder.build(optimize=..)",
    "ensure.explicit.internal.resource.naming": "builder.build(ensure_explicit_names=True)",
    "processor.wrapper.class": "builder.build(processor_wrapper=..)",
    "rocksdb.config.setter": "nowhere: one RocksDB a thread is set up here",
    "default.client.supplier": "nowhere: the client is built in",
}
SECURITY = ("security.", "ssl.", "sasl.")


def arguments_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `KafkaStreams` that properties mean.

    >>> found = arguments_of({"application.id": "a", "bootstrap.servers": "b:9092", "num.stream.threads": "2"})
    >>> found["num_stream_threads"]
    2

    Raises:
        ConfigError: a property is missing, cannot be read, or is set elsewhere.
    """
    found: dict[str, Any] = {"state_dir": str(Path(tempfile.gettempdir()) / "kafka-streams")}
    security: dict[str, Any] = {}
    topics: dict[str, str] = {}
    policy: dict[str, Any] = {}
    for given, value in properties.items():
        name = next((given.removeprefix(each) for each in PREFIXES if given.startswith(each)), given)
        if name.startswith(TOPIC_PREFIX):
            topics[name.removeprefix(TOPIC_PREFIX)] = str(value)
        elif name.startswith(SECURITY):
            security[name.replace(".", "_")] = value
        elif name in HANDLERS:
            policy[HANDLERS[name]] = _reaction(name, str(value))
        elif name == DEAD_LETTER_TOPIC:
            policy["dead_letter_topic"] = str(value) or None
        elif name in ARGUMENTS:
            argument, read = ARGUMENTS[name]
            found[argument] = _read(given, value, read)
        else:
            _refuse(given, name, value)
    for needed in ("application.id", "bootstrap.servers"):
        if ARGUMENTS[needed][0] not in found:
            raise ConfigError(f"The property {needed} is missing: an application needs it.")
    if security:
        found["security"] = security
    if topics:
        found["topic_configs"] = topics
    if policy:
        found["errors"] = ErrorPolicy(**policy)
    return found


def _read(name: str, value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise ConfigError(f"The property {name} is a whole number, not {value!r}.") from error


def _refuse(given: str, name: str, value: Any) -> None:
    """Refuse what is set elsewhere, or would change what the application does; the rest only tunes."""
    if name in ELSEWHERE:
        raise ConfigError(f"The property {given} is not set here, but: {ELSEWHERE[name]}.")
    if name == "num.standby.replicas" and _read(given, value, _whole):
        raise ConfigError(f"There are no standby replicas yet: leave {given} out.")
    if name == "group.protocol" and str(value).lower() != "classic":
        raise ConfigError(f"{given} is classic here, not {value}.")
    logger.info("The property %s has no meaning here and is passed over", given)


def _reaction(name: str, handler: str) -> Reaction:
    words = handler.rsplit(".", 1)[-1].lower()
    if "continue" in words:
        return "continue"
    if "fail" in words or words.startswith("default"):
        return "fail"
    raise ConfigError(
        f"{name} names LogAndContinueExceptionHandler or LogAndFailExceptionHandler, not {handler}. A handler of yours "
        "is a function: ErrorPolicy(processing=..), given to KafkaStreams as errors."
    )
