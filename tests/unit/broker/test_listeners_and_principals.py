"""Listeners, who may reach them, and the names of principals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kappaflow.broker.config import BrokerConfig, with_properties
from kappaflow.broker.security.distinguished_names import distinguished_name
from kappaflow.broker.security.listeners import SecurityProtocol, check_safe, parse_listeners
from kappaflow.broker.security.principals import ANONYMOUS, certificate_principal, principal_mapping
from kappaflow.broker.security.settings import SecuritySettings
from kappaflow.errors import ConfigError, UnsafeError


def settings(**properties: str) -> SecuritySettings:
    return SecuritySettings({name.replace("_", "."): value for name, value in properties.items()})


def test_without_listeners_there_is_a_plain_one() -> None:
    (only,) = parse_listeners(settings(), "127.0.0.1", 9092)
    assert (str(only), only.protocol) == ("PLAINTEXT://127.0.0.1:9092", SecurityProtocol.PLAINTEXT)


def test_names_protocols_and_addresses() -> None:
    first, second, third = parse_listeners(
        settings(
            listeners="INSIDE://[::1]:0, sasl_ssl://0.0.0.0:9093,SSL://:9094",
            advertised_listeners="SASL_SSL://kafka.example:19093",
            listener_security_protocol_map="INSIDE:PLAINTEXT",
        ),
        "ignored",
        1,
    )
    assert str(first.bound_to(7)) == "INSIDE://[::1]:7"
    assert first.bound_to(7).advertised == "INSIDE://[::1]:7"
    assert second.bound_to(9093).advertised == "SASL_SSL://kafka.example:19093"
    assert (third.host, third.protocol.has_tls, third.protocol.has_sasl) == ("127.0.0.1", True, False)


@pytest.mark.parametrize(
    ("properties", "hint"),
    [
        ({"listeners": "PLAINTEXT:9092"}, "NAME://HOST:PORT"),
        ({"listeners": "PLAINTEXT://h:70000"}, "NAME://HOST:PORT"),
        ({"listeners": "INSIDE://h:1"}, "listener.security.protocol.map"),
        ({"listeners": "SSL://a:1,SSL://b:2"}, "same name"),
        ({"listeners": "SSL://a:1,PLAINTEXT://b:1"}, "same port"),
        ({"listeners": "SASL_SSL://0.0.0.0:1"}, "advertised.listeners=SASL_SSL"),
        ({"listeners": "SSL://a:1", "advertised_listeners": "OTHER://a:1"}, "OTHER"),
    ],
)
def test_listeners_that_make_no_sense_are_refused(properties: dict[str, str], hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        parse_listeners(settings(**properties), "127.0.0.1", 9092)


@pytest.mark.parametrize(
    ("listener", "properties", "safe"),
    [
        ("PLAINTEXT://127.0.0.1:1", {}, True),
        ("PLAINTEXT://localhost:1", {}, True),
        ("SSL://[::1]:1", {}, True),
        ("PLAINTEXT://10.0.0.1:1", {}, False),
        ("SSL://10.0.0.1:1", {}, False),
        ("SSL://10.0.0.1:1", {"ssl_client_auth": "requested"}, False),
        ("SSL://10.0.0.1:1", {"ssl_client_auth": "required"}, True),
        ("SSL://10.0.0.1:1", {"ssl_client_auth": "required", "listener_name_ssl_ssl_client_auth": "none"}, False),
        ("SASL_PLAINTEXT://10.0.0.1:1", {}, True),
        ("SASL_SSL://10.0.0.1:1", {}, True),
    ],
)
def test_others_must_say_who_they_are(listener: str, properties: dict[str, str], safe: bool) -> None:
    given = settings(listeners=listener, **properties)
    (only,) = parse_listeners(given, "", 0)
    if safe:
        check_safe(only, given)
        return
    with pytest.raises(UnsafeError, match="does not authenticate"):
        check_safe(only, given)


def configured(*properties: str) -> BrokerConfig:
    return with_properties(BrokerConfig(Path("d")), properties)


def test_properties_of_one_listener_go_before_those_of_all() -> None:
    security = configured(
        "ssl.key.password=a", "listener.name.mine.ssl.key.password=b", "super.users=User:CN=a,O=b; User:c"
    ).security
    assert security.get("ssl.key.password", "MINE") == "b"
    assert security.get("ssl.key.password", "OTHER") == "a"
    assert security.super_users == {"User:CN=a,O=b", "User:c"}
    assert "ssl.key.password" not in repr(configured("ssl.key.password=a"))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sasl.enabled.mechanisms=PLAIN,GSSAPI", "SCRAM-SHA-512"),
        ("authorizer.class.name=mine.Authorizer", "StandardAuthorizer"),
        ("connections.max.reauth.ms=soon", "soon"),
        ("listener.name.a.super.users=User:a", "one listener"),
        ("listener.name.a.no.such=1", "unknown"),
        ("quota.window.num=0", "quota.window.num"),
    ],
)
def test_properties_that_make_no_sense_are_refused(text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        configured(text)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ([(NameOID.COUNTRY_NAME, "US"), (NameOID.COMMON_NAME, "a")], "CN=a,C=US"),
        ([(NameOID.COMMON_NAME, 'x+y"z\\<>;,=')], 'CN=x\\+y\\"z\\\\\\<\\>\\;\\,\\='),
        ([(NameOID.COMMON_NAME, "#a#b ")], "CN=\\#a\\#b\\ "),
        ([(NameOID.COMMON_NAME, "  a b  ")], "CN=\\ \\ a b\\ \\ "),
        ([(NameOID.COMMON_NAME, "  ")], "CN=\\ \\ "),
        ([(NameOID.COMMON_NAME, "a\x01b\x00c")], "CN=a\x01b\\00c"),
        ([(NameOID.ORGANIZATION_NAME, "é김" * 60)], "O=" + "é김" * 60),
        (
            [(NameOID.DOMAIN_COMPONENT, "org"), (NameOID.USER_ID, "u"), (NameOID.STREET_ADDRESS, "s")],
            "STREET=s,UID=u,DC=org",
        ),
        ([(NameOID.EMAIL_ADDRESS, "a@b")], "1.2.840.113549.1.9.1=#1603614062"),
        ([(NameOID.TITLE, "Dr"), (NameOID.SERIAL_NUMBER, "12345")], "2.5.4.5=#13053132333435,2.5.4.12=#0c024472"),
    ],
)
def test_names_of_certificates_are_javas(subject: list[tuple[x509.ObjectIdentifier, str]], text: str) -> None:
    name = x509.Name([x509.NameAttribute(number, value, _validate=False) for number, value in subject])
    assert distinguished_name(name.public_bytes()) == text


def test_a_part_with_two_attributes() -> None:
    pairs = [x509.NameAttribute(NameOID.COMMON_NAME, "a"), x509.NameAttribute(NameOID.USER_ID, "b")]
    name = x509.Name([x509.RelativeDistinguishedName(pairs)])
    assert distinguished_name(name.public_bytes()) in {"CN=a+UID=b", "UID=b+CN=a"}  # a set: in the order of its bytes


def self_signed(subject: x509.Name) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(x509.Name([]), subject, key.public_key(), 5, begin, begin + timedelta(days=1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("rules", "name"),
    [
        ("DEFAULT", "CN=Ann,OU=Dev,O=Acme"),
        ("RULE:^CN=(.*?),.*$/$1/", "Ann"),
        ("RULE:^CN=(.*?),.*$/$1/L", "ann"),
        ("RULE:^CN=(.*?),OU=(.*?),.*$/$1@$2/U,DEFAULT", "ANN@DEV"),
        ("RULE:^CN=(.*?),OU=Ops.*$/$1/, RULE:^CN=(.*?), *OU=(.*?),.*$/$2/", "Dev"),
        ("RULE:^never$/x/,DEFAULT", "CN=Ann,OU=Dev,O=Acme"),
    ],
)
def test_mapping_rules(rules: str, name: str) -> None:
    parts = (
        (NameOID.ORGANIZATION_NAME, "Acme"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Dev"),
        (NameOID.COMMON_NAME, "Ann"),
    )
    subject = x509.Name([x509.NameAttribute(number, value) for number, value in parts])
    certificate = self_signed(subject)
    assert certificate_principal(certificate, principal_mapping(rules)).name == name
    assert certificate_principal(None, principal_mapping(rules)) == ANONYMOUS


@pytest.mark.parametrize("rules", ["RULE:a", "RULE:(/a/", "DEFAULT OTHER", "RULE:a/b/X"])
def test_mapping_rules_that_cannot_be_read_are_refused(rules: str) -> None:
    with pytest.raises(ConfigError, match=r"ssl\.principal\.mapping\.rules"):
        principal_mapping(rules)
