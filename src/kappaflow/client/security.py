"""TLS and SASL settings of clients, under the names that Java's clients and librdkafka have for them.

Source: the security chapters of Apache Kafka's documentation; librdkafka's configuration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kappaflow.client import texts as _texts
from kappaflow.errors import ConfigError
from kappaflow.runtime.messages import message

assert _texts

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

_NAMES = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
    "ssl.ca.location": "ssl_cafile",
    "ssl.truststore.location": "ssl_cafile",
    "ssl.certificate.location": "ssl_certfile",
    "ssl.keystore.location": "ssl_certfile",
    "ssl.key.location": "ssl_keyfile",
    "ssl.key.password": "ssl_password",
}
"""Our client's settings; a store is a PEM file."""

_SPECIAL = ("sasl.jaas.config", "ssl.endpoint.identification.algorithm", "ssl.keystore.type", "ssl.truststore.type")
SECURITY_PROPERTIES = frozenset(_NAMES) | frozenset(_SPECIAL)
"""Every property that is about reaching the brokers, and so shown to nobody and given to no query."""

_JAAS = re.compile(r"\s*[\w.]+\s+(?:required|requisite|sufficient|optional)\s+(.*?);?\s*", re.DOTALL)
_JAAS_OPTION = re.compile(r"""(\w+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([^\s;]+))""")


def client_security(properties: Mapping[str, str]) -> dict[str, Any]:
    """The settings for `ClientConfig.security`; properties that are about something else are passed over.

    Raises:
        ConfigError: a value cannot be used; passwords are not shown.

    >>> client_security({"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "a",
    ...     "sasl.password": "b"})["sasl_mechanism"]
    'PLAIN'
    """
    settings: dict[str, Any] = {
        name: properties[given] for given, name in _NAMES.items() if properties.get(given) is not None
    }
    if "sasl.jaas.config" in properties:
        settings |= _jaas(properties["sasl.jaas.config"])
    for name in ("ssl.keystore.type", "ssl.truststore.type"):
        if properties.get(name, "PEM").upper() != "PEM":
            raise ConfigError(message("security.store_type", name=name, value=properties[name]))
    algorithm = properties.get("ssl.endpoint.identification.algorithm")
    if algorithm is not None:
        settings["ssl_check_hostname"] = algorithm.lower() not in ("", "none")
    _check(settings)
    return settings


def _jaas(text: str) -> dict[str, str]:
    """Name and password of a JAAS configuration, as Java's clients are given them."""
    found = _JAAS.fullmatch(text)
    if found is None:
        raise ConfigError(message("security.bad_jaas"))
    options: dict[str, str] = {}
    for name, double, single, bare in _JAAS_OPTION.findall(found[1]):
        options[name] = re.sub(r"\\(.)", r"\1", double) if double else single or bare
    return {
        ours: options[theirs]
        for theirs, ours in (("username", "sasl_plain_username"), ("password", "sasl_plain_password"))
        if theirs in options
    }


def _check(settings: dict[str, Any]) -> None:
    protocol = settings.get("security_protocol", "PLAINTEXT").upper()
    if protocol not in PROTOCOLS:
        raise ConfigError(message("security.protocol", protocol=protocol, known=", ".join(PROTOCOLS)))
    if "security_protocol" in settings:
        settings["security_protocol"] = protocol
    if protocol.startswith("SASL_"):
        mechanism = settings.get("sasl_mechanism", "")
        if mechanism not in MECHANISMS:
            raise ConfigError(
                message(
                    "security.mechanism",
                    mechanism=mechanism or "(not set)",
                    known=", ".join(MECHANISMS),
                    protocol=protocol,
                )
            )
        missing = [name for name in ("sasl_plain_username", "sasl_plain_password") if not settings.get(name)]
        if missing:
            raise ConfigError(message("security.no_user", protocol=protocol))
    elif settings.keys() - {"security_protocol"} and "security_protocol" not in settings:
        raise ConfigError(message("security.ignored"))
    if settings.get("ssl_certfile") and not settings.get("ssl_keyfile"):
        # One PEM file with both.
        settings["ssl_keyfile"] = settings["ssl_certfile"]


def without_security(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties that may be shown and handed to queries."""
    return {name: value for name, value in properties.items() if name not in SECURITY_PROPERTIES}
