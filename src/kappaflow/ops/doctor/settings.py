"""Rules about configurations of brokers and topics."""

from __future__ import annotations

from kappaflow.ops.doctor.findings import Finding, Severity, finding
from kappaflow.ops.doctor.observation import Observation

DEFAULT_MESSAGE_BYTES = 1_048_588
"""Source: the default of ``message.max.bytes``: 1 MiB with the overhead of a batch."""
LARGE_TIMES = 10


def _brokers_with(seen: Observation, key: str, value: str) -> list[str]:
    return [
        str(broker)
        for broker, entries in sorted(seen.broker_configs.items())
        if key in entries and entries[key].value == value
    ]


def _own_of_topics(seen: Observation, key: str) -> dict[str, str]:
    """Values that topics have of their own, not from their brokers."""
    return {
        name: entries[key].value or ""
        for name, entries in sorted(seen.topic_configs.items())
        if key in entries and entries[key].source == "topic"
    }


def _is_large(value: str | None) -> bool:
    return bool(value) and int(value or 0) > LARGE_TIMES * DEFAULT_MESSAGE_BYTES


def unclean_elections(seen: Observation) -> list[Finding]:
    """Brokers that let a replica lead that misses records."""
    return finding("unclean_elections", Severity.WARNING, _brokers_with(seen, "unclean.leader.election.enable", "true"))


def unclean_elections_of_topics(seen: Observation) -> list[Finding]:
    """Topics that allow it for themselves."""
    own = _own_of_topics(seen, "unclean.leader.election.enable")
    found = [name for name, value in own.items() if value == "true"]
    return finding("unclean_elections_of_topics", Severity.WARNING, found)


def auto_create(seen: Observation) -> list[Finding]:
    """Brokers that make a topic of every misspelt name."""
    return finding("auto_create", Severity.WARNING, _brokers_with(seen, "auto.create.topics.enable", "true"))


def delete_switched_off(seen: Observation) -> list[Finding]:
    """Brokers that delete no topic."""
    return finding("delete_switched_off", Severity.WARNING, _brokers_with(seen, "delete.topic.enable", "false"))


def large_messages(seen: Observation) -> list[Finding]:
    """Brokers that take batches far larger than the default."""
    key = "message.max.bytes"
    found = {b: e[key].value for b, e in sorted(seen.broker_configs.items()) if key in e and _is_large(e[key].value)}
    most = max((int(value or 0) for value in found.values()), default=0)
    return finding("large_messages", Severity.WARNING, map(str, found), mib=most >> 20)


def large_messages_of_topics(seen: Observation) -> list[Finding]:
    """Topics that do so for themselves."""
    found = {name: value for name, value in _own_of_topics(seen, "max.message.bytes").items() if _is_large(value)}
    most = max((int(value) for value in found.values()), default=0)
    return finding("large_messages_of_topics", Severity.WARNING, found, mib=most >> 20)
