"""TLS contexts of listeners, from PEM files.

Source: KIP-651 (PEM stores: private key and certificate chain in one file, trusted certificates in another).
"""

from __future__ import annotations

import ssl
from pathlib import Path

from kappaflow.broker.security.listeners import Listener, SecurityProtocol
from kappaflow.broker.security.settings import SecuritySettings
from kappaflow.errors import ConfigError

_VERIFICATION = {"none": ssl.CERT_NONE, "requested": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def tls_context(listener: Listener, settings: SecuritySettings) -> ssl.SSLContext | None:
    """The TLS context of a listener; None where it does not encrypt.

    Raises:
        ConfigError: a file is missing or cannot be read.
    """
    if not listener.protocol.has_tls:
        return None
    key_file = settings.get("ssl.keystore.location", listener.name)
    if not key_file:
        raise ConfigError(
            f"listener {listener.name} encrypts, so it needs ssl.keystore.location: "
            "a PEM file with the private key and the certificate chain"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    password = settings.get("ssl.key.password", listener.name)
    _check_readable("ssl.keystore.location", key_file)
    try:
        # Never an empty answer for an encrypted key: OpenSSL would ask on the terminal.
        context.load_cert_chain(key_file, password=lambda: password)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"ssl.keystore.location: {key_file} holds no usable key with its certificate"
            f"{' for this ssl.key.password' if password else ''} ({error.args[-1]})"
        ) from None
    client_auth = (
        settings.get("ssl.client.auth", listener.name) if _asks_for_certificate(listener, settings) else "none"
    )
    if client_auth != "none":
        trusted = settings.get("ssl.truststore.location", listener.name)
        if not trusted:
            raise ConfigError(
                f"listener {listener.name} checks certificates of clients, so it needs ssl.truststore.location: "
                "a PEM file with the certificates that are trusted"
            )
        _check_readable("ssl.truststore.location", trusted)
        try:
            context.load_verify_locations(trusted)
        except ssl.SSLError:
            raise ConfigError(f"ssl.truststore.location: {trusted} holds no certificate") from None
        context.verify_mode = _VERIFICATION[client_auth]
    return context


def _asks_for_certificate(listener: Listener, settings: SecuritySettings) -> bool:
    """Where clients log on by SASL, a certificate is asked for only if that is set for this very listener."""
    own = f"listener.name.{listener.name.lower()}.ssl.client.auth"
    return listener.protocol is SecurityProtocol.SSL or own in settings.properties


def _check_readable(name: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise ConfigError(f"{name}: cannot read {path} ({error.strerror})") from None
