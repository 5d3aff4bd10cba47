"""Security settings under the names of Kafka's broker properties, with their defaults and checks.

A property may be set for one listener: ``listener.name.<listener in lower case>.<property>``.

Source: the broker configuration of Apache Kafka 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kappaflow.errors import ConfigError

STANDARD_AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
LISTENER_PREFIX = "listener.name."


def _text(_: str) -> bool:
    return True


def _one_of(*values: str) -> Callable[[str], bool]:
    return lambda text: text in values


def _whole_number(text: str) -> bool:
    return text.isdecimal()


def _mechanisms(text: str) -> bool:
    return set(split_list(text)) <= set(SASL_MECHANISMS)


def split_list(text: str) -> list[str]:
    """The parts of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


@dataclass(frozen=True, slots=True)
class SecurityProperty:
    """One property.

    Attributes:
        default: its value where it is not set.
        accepts: whether a text is a value of it.
        per_listener: whether it may be set for one listener.
        secret: whether it is never shown.
    """

    default: str
    accepts: Callable[[str], bool] = _text
    per_listener: bool = False
    secret: bool = False


SECURITY_PROPERTIES: dict[str, SecurityProperty] = {
    "advertised.listeners": SecurityProperty(""),
    "allow.everyone.if.no.acl.found": SecurityProperty("false", _one_of("true", "false")),
    "authorizer.class.name": SecurityProperty("", _one_of("", STANDARD_AUTHORIZER, "StandardAuthorizer")),
    "connection.failed.authentication.delay.ms": SecurityProperty("100", _whole_number),
    "connections.max.reauth.ms": SecurityProperty("0", _whole_number, per_listener=True),
    "listener.security.protocol.map": SecurityProperty(""),
    "listeners": SecurityProperty(""),
    "sasl.enabled.mechanisms": SecurityProperty("SCRAM-SHA-256,SCRAM-SHA-512", _mechanisms, per_listener=True),
    "ssl.client.auth": SecurityProperty("none", _one_of("none", "requested", "required"), per_listener=True),
    "ssl.key.password": SecurityProperty("", per_listener=True, secret=True),
    "ssl.keystore.location": SecurityProperty("", per_listener=True),
    "ssl.keystore.type": SecurityProperty("PEM", _one_of("PEM"), per_listener=True),
    "ssl.principal.mapping.rules": SecurityProperty("DEFAULT"),
    "ssl.truststore.location": SecurityProperty("", per_listener=True),
    "ssl.truststore.type": SecurityProperty("PEM", _one_of("PEM"), per_listener=True),
    "super.users": SecurityProperty(""),
}


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """What was set, under Kafka's names.

    Attributes:
        properties: name to value; a name may have the prefix of one listener.
    """

    properties: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def get(self, name: str, listener: str = "") -> str:
        """The value of a property, for one listener where that is named."""
        own = self.properties.get(f"{LISTENER_PREFIX}{listener.lower()}.{name}") if listener else None
        return self.properties.get(name, SECURITY_PROPERTIES[name].default) if own is None else own

    def number(self, name: str, listener: str = "") -> int:
        """The value of a numeric property."""
        return int(self.get(name, listener))

    def is_true(self, name: str) -> bool:
        """The value of a property that is true or false."""
        return self.get(name) == "true"

    @property
    def has_authorizer(self) -> bool:
        """Whether access is controlled."""
        return bool(self.get("authorizer.class.name"))

    @property
    def super_users(self) -> frozenset[str]:
        """Principals that may do everything; they are separated by semicolons, because names may hold commas."""
        return frozenset(part.strip() for part in self.get("super.users").split(";") if part.strip())


def is_security_property(name: str) -> bool:
    """Whether a name is a security property, for all listeners or for one."""
    return _base_name(name) in SECURITY_PROPERTIES


def check_security_property(name: str, value: str) -> None:
    """Refuse a value that the property does not take.

    Raises:
        ConfigError: says which; never shows the value of a secret.
    """
    known = SECURITY_PROPERTIES[_base_name(name)]
    if name != _base_name(name) and not known.per_listener:
        raise ConfigError(f"{_base_name(name)} cannot be set for one listener")
    if not known.accepts(value):
        shown = "this value" if known.secret else repr(value)
        hint = {
            "sasl.enabled.mechanisms": f"; there are: {', '.join(SASL_MECHANISMS)}",
            "ssl.keystore.type": "; keys and certificates are read from PEM files",
            "ssl.truststore.type": "; keys and certificates are read from PEM files",
            "authorizer.class.name": f"; there is {STANDARD_AUTHORIZER}",
        }.get(_base_name(name), "")
        raise ConfigError(f"{name} does not accept {shown}{hint}")


def _base_name(name: str) -> str:
    if not name.startswith(LISTENER_PREFIX):
        return name
    return name[len(LISTENER_PREFIX) :].partition(".")[2]
