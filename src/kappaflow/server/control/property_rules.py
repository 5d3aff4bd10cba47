"""Which properties requests may override.

``ksql.properties.overrides.denylist`` (or ``.allowlist``, where ``.validation.mode`` is ``allowlist``) names them;
properties that would change the server itself are always its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from kappaflow.errors import ConfigError, UsageError
from kappaflow.sql.property_values import check_value_of
from kappaflow.sql.settings import STREAMS_PREFIX

DENYLIST = "ksql.properties.overrides.denylist"
ALLOWLIST = "ksql.properties.overrides.allowlist"
MODE = "ksql.properties.overrides.validation.mode"
# Kafka's own names; those of ksqlDB begin with "ksql.".
_KAFKA = (
    "acceptable.recovery.lag application.server auto.commit auto.include auto.offset.reset batch.size bootstrap. "
    "buffer.memory buffered.records cache.max.bytes check.crcs client. commit.interval compression.type connections. "
    "consumer. default.deserialization default.production default.timestamp delivery.timeout "
    "deserialization.exception.handler enable. errors.dead.letter.queue.topic.name exclude.internal fetch. group. "
    "heartbeat.interval interceptor.classes isolation.level linger.ms main.consumer. max. metadata. metric metrics. "
    "min. num.standby num.stream partition. poll.ms probing.rebalance processing. producer. "
    "production.exception.handler receive.buffer reconnect. repartition. replication.factor request. retries retry. "
    "rocksdb. sasl. security. send.buffer session.timeout ssl. state. statestore. task.timeout topic. topology. "
    "transaction. upgrade.from window.size windowed.inner windowstore."
).split()


def check_override(name: str, config: Mapping[str, str]) -> None:
    """Refuse a property that requests may not set.

    Raises:
        UsageError: there is no such property, or the server's configuration keeps it.
    """
    check_name(name)
    if not _is_allowed(name.removeprefix(STREAMS_PREFIX), config):
        raise UsageError(f"Cannot override property '{name}'")


def check_name(name: str) -> None:
    """Refuse a property that there is not: what it was meant to change would silently stay as it is.

    Raises:
        UsageError: names it.
    """
    plain = name.removeprefix(STREAMS_PREFIX)
    if not plain.startswith("ksql.") and not any(plain.startswith(known) for known in _KAFKA):
        raise UsageError(f"Not recognizable as ksql, streams, consumer, or producer property: '{name}'")


def check_value(name: str, value: str) -> None:
    """Refuse a value that a property cannot have: a query would not run, or do something else than was meant.

    Raises:
        UsageError: names the values that it may have.
    """
    try:
        check_value_of(name, value)
    except ConfigError as error:
        raise UsageError(str(error)) from None


def check_overrides(overrides: Mapping[str, str], config: Mapping[str, str]) -> None:
    """Refuse a request with properties that there are not, that the server's configuration keeps, or that cannot have
    their value.

    Raises:
        UsageError: names them.
    """
    for name, value in overrides.items():
        check_name(name)
        check_value(name, value)
    kept = [name for name in overrides if not _is_allowed(name.removeprefix(STREAMS_PREFIX), config)]
    if kept:
        raise UsageError(
            "One or more properties overrides set locally are prohibited by the KSQL server "
            f"(use UNSET to reset their default value): [{', '.join(sorted(kept))}]"
        )


def _is_allowed(plain: str, config: Mapping[str, str]) -> bool:
    if config.get(MODE, "denylist").strip().lower() == "allowlist":
        return plain in _names(config.get(ALLOWLIST, ""))
    return plain not in _names(config.get(DENYLIST, ""))


def _names(text: str) -> set[str]:
    return {name.strip().removeprefix(STREAMS_PREFIX) for name in text.split(",") if name.strip()}
