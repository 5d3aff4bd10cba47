"""Rules about who can listen to what brokers say."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import NamedTuple

from kappaflow.ops.admin.faces import ConfigEntry
from kappaflow.ops.doctor.findings import Finding, Severity, finding
from kappaflow.ops.doctor.observation import Observation

DEFAULT_LISTENERS = "PLAINTEXT://:9092"
"""Source: the default of ``listeners``; older brokers leave it unset."""


class Listener(NamedTuple):
    """Where a broker listens; an empty host is every address of its machine."""

    name: str
    host: str
    port: str
    protocol: str


def listeners_of(entries: Mapping[str, ConfigEntry]) -> list[Listener]:
    """The listeners of a broker; none where it does not tell its configuration."""
    if "listeners" not in entries:
        return []
    mapping = entries.get("listener.security.protocol.map")
    rows = (row.partition(":") for row in ((mapping.value if mapping else None) or "").split(",") if row.strip())
    protocols = {name.strip().upper(): protocol.strip().upper() for name, _, protocol in rows}
    found: list[Listener] = []
    for row in (entries["listeners"].value or DEFAULT_LISTENERS).split(","):
        name, _, address = row.strip().partition("://")
        host, _, port = address.rpartition(":")
        found.append(Listener(name, host.strip("[]"), port, protocols.get(name.upper(), name.upper())))
    return found


def is_loopback(host: str) -> bool:
    """Whether only programs of the same machine reach an address.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "", "0.0.0.0", "kafka-1")]
    [True, True, True, False, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _open_with(seen: Observation, protocol: str) -> list[str]:
    return [
        f"{broker}:{row.name}://{row.host}:{row.port}"
        for broker, entries in sorted(seen.broker_configs.items())
        for row in listeners_of(entries)
        if row.protocol == protocol and not is_loopback(row.host)
    ]


def plaintext_listeners(seen: Observation) -> list[Finding]:
    """Listeners without encryption and without users that other machines reach."""
    return finding("plaintext_listeners", Severity.WARNING, _open_with(seen, "PLAINTEXT"))


def passwords_readable(seen: Observation) -> list[Finding]:
    """Listeners with users but without encryption that other machines reach."""
    return finding("passwords_readable", Severity.WARNING, _open_with(seen, "SASL_PLAINTEXT"))
