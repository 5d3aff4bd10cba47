"""Listeners: where clients connect, how, and what address they are told.

Source: KIP-2, KIP-103 (named listeners); ``listeners`` and ``advertised.listeners`` of Apache Kafka.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from kappaflow.broker.security.settings import SecuritySettings, split_list
from kappaflow.errors import ConfigError, UnsafeError

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
ANY_ADDRESS_HOSTS = frozenset({"", "0.0.0.0", "::"})
_LISTENER = re.compile(r"(?P<name>[A-Za-z0-9_-]+)://(?P<host>\[[0-9a-fA-F:.]*\]|[^:\[\]/]*):(?P<port>\d{1,5})")


class SecurityProtocol(Enum):
    """How a listener talks."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def has_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self in (SecurityProtocol.SSL, SecurityProtocol.SASL_SSL)

    @property
    def has_sasl(self) -> bool:
        """Whether clients log on."""
        return self in (SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL)


@dataclass(frozen=True, slots=True)
class Listener:
    """One listener.

    Attributes:
        name: its name; also its protocol unless ``listener.security.protocol.map`` gives one.
        protocol: how it talks.
        host: the address that is listened on.
        port: the port that is listened on; 0 for any free one.
        advertised_host: the host that clients of this listener are told.
        advertised_port: the port that they are told; 0 for that which is listened on.
    """

    name: str
    protocol: SecurityProtocol
    host: str
    port: int
    advertised_host: str
    advertised_port: int = 0

    def bound_to(self, port: int) -> Listener:
        """The listener once its port is known."""
        return replace(self, port=port, advertised_port=self.advertised_port or port)

    def __str__(self) -> str:
        return f"{self.name}://{_bracketed(self.host)}:{self.port}"

    @property
    def advertised(self) -> str:
        """What clients are told."""
        return f"{self.name}://{_bracketed(self.advertised_host)}:{self.advertised_port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def plaintext_listener(host: str, port: int) -> Listener:
    """The listener of a broker that was told only a host and a port."""
    return Listener("PLAINTEXT", SecurityProtocol.PLAINTEXT, host, port, host)


def parse_listeners(settings: SecuritySettings, host: str, port: int) -> tuple[Listener, ...]:
    """The listeners of a broker.

    Args:
        settings: ``listeners``, ``advertised.listeners`` and ``listener.security.protocol.map``.
        host: where one plain listener is made because none is named.
        port: its port.

    Raises:
        ConfigError: a listener cannot be read, or names and addresses do not fit together.

    >>> settings = SecuritySettings({"listeners": "SASL_PLAINTEXT://:9093"})
    >>> parse_listeners(settings, "127.0.0.1", 9092)[0].protocol.value
    'SASL_PLAINTEXT'
    """
    texts = split_list(settings.get("listeners"))
    if not texts:
        return (plaintext_listener(host, port),)
    protocols = _protocol_map(settings)
    advertised = {name: (h, p) for name, h, p in map(_parse, split_list(settings.get("advertised.listeners")))}
    listeners: list[Listener] = []
    for text in texts:
        name, own_host, own_port = _parse(text)
        own_host = own_host or "127.0.0.1"
        shown_host, shown_port = advertised.pop(name, (own_host, 0))
        if shown_host in ANY_ADDRESS_HOSTS:
            raise ConfigError(
                f"listener {name}: clients cannot be told to connect to {shown_host or 'no host'}; "
                f"give the host that they reach it by with advertised.listeners={name}://HOST:PORT"
            )
        listeners.append(Listener(name, _protocol(name, protocols), own_host, own_port, shown_host, shown_port))
    if advertised:
        raise ConfigError(f"advertised.listeners names {', '.join(advertised)}, which listeners does not have")
    _check_distinct(listeners)
    return tuple(listeners)


def _parse(text: str) -> tuple[str, str, int]:
    found = _LISTENER.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise ConfigError(f"cannot read the listener {text!r}; write NAME://HOST:PORT, such as SASL_SSL://0.0.0.0:9093")
    return found["name"].upper(), found["host"].strip("[]"), int(found["port"])


def _protocol_map(settings: SecuritySettings) -> dict[str, str]:
    pairs = (part.partition(":") for part in split_list(settings.get("listener.security.protocol.map")))
    return {name.upper(): protocol for name, _, protocol in pairs}


def _protocol(name: str, protocols: dict[str, str]) -> SecurityProtocol:
    try:
        return SecurityProtocol(protocols.get(name, name))
    except ValueError:
        known = ", ".join(each.value for each in SecurityProtocol)
        raise ConfigError(
            f"listener {name} has no known protocol; name it one of {known}, "
            f"or map it: listener.security.protocol.map={name}:SASL_SSL"
        ) from None


def _check_distinct(listeners: Sequence[Listener]) -> None:
    names = [listener.name for listener in listeners]
    if len(set(names)) != len(names):
        raise ConfigError(f"two listeners have the same name: {', '.join(names)}")
    ports = [listener.port for listener in listeners if listener.port]
    if len(set(ports)) != len(ports):
        raise ConfigError("two listeners have the same port")


def check_safe(listener: Listener, settings: SecuritySettings) -> None:
    """Refuse a listener that others reach and that does not ask who they are.

    Raises:
        UnsafeError: it listens off loopback without authentication.
    """
    if listener.host in LOOPBACK_HOSTS or listener.protocol.has_sasl:
        return
    if listener.protocol.has_tls and settings.get("ssl.client.auth", listener.name) == "required":
        return
    raise UnsafeError(
        f"refusing to listen on {listener.host}: listener {listener.name} does not authenticate clients, so only "
        "this machine may connect; use 127.0.0.1, or a listener with SASL, or SSL with ssl.client.auth=required"
    )
