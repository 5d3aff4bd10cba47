"""TLS with certificates made here: encryption, client certificates, principals as Kafka writes them."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kappaflow.broker.security.principals import certificate_principal, principal_mapping
from kappaflow.broker.security.user_files import add_user
from kappaflow.client.connection import ClientConfig, Connection
from kappaflow.client.produce import BatchProducer
from kappaflow.client.security import client_security
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerUnreachable
from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.ports import free_port
from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.message import Message
from kappaflow.wire.record_batch import build_batch

KEY_PASSWORD = b"key secret"
LIFE = timedelta(days=2)


@dataclass(frozen=True)
class Certificates:
    """PEM files: trusted certificate, and key with certificate of the broker and of two clients."""

    authority: Path
    broker: Path
    alice: Path
    stranger: Path


def make(
    directory: Path, name: str, subject: x509.Name, issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[Path, ec.EllipticCurvePrivateKey]:
    """A key and its certificate in one file; an authority where there is no issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer_name, signer = issuer or (subject, key)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFE)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    usage = x509.KeyUsage(True, False, False, False, False, issuer is None, issuer is None, False, False)
    certificate = builder.add_extension(usage, critical=True).sign(signer, hashes.SHA256())
    encryption = (
        serialization.BestAvailableEncryption(KEY_PASSWORD) if name == "broker" else serialization.NoEncryption()
    )
    path = directory / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    (directory / f"{name}-only.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path, key


def named(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


ALICE = ((NameOID.COUNTRY_NAME, "KR"), (NameOID.ORGANIZATION_NAME, "Acme, Inc."), (NameOID.COMMON_NAME, "alice"))
ALICE_PRINCIPAL = "User:CN=alice,O=Acme\\, Inc.,C=KR"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    directory = tmp_path_factory.mktemp("certificates")
    authority_name = named((NameOID.COMMON_NAME, "authority"))
    _, authority = make(directory, "authority", authority_name)
    broker, _ = make(directory, "broker", named((NameOID.COMMON_NAME, "broker")), (authority_name, authority))
    alice, _ = make(directory, "alice", named(*ALICE), (authority_name, authority))
    other_name = named((NameOID.COMMON_NAME, "other authority"))
    _, other = make(directory, "other", other_name)
    stranger, _ = make(directory, "stranger", named(*ALICE), (other_name, other))
    return Certificates(directory / "authority-only.pem", broker, alice, stranger)


@pytest.fixture(scope="module")
def encrypted(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Generator[EmbeddedBroker]:
    directory = tmp_path_factory.mktemp("tls")
    add_user(directory / "data", "bob", "bob secret", ["SCRAM-SHA-256"], 4096)
    properties = directory / "broker.properties"
    properties.write_text(
        f"""\
# Passwords belong here.
listener.security.protocol.map=SSL:SSL,MUTUAL:SSL,SASL_SSL:SASL_SSL
ssl.keystore.location={certificates.broker}
ssl.key.password={KEY_PASSWORD.decode()}
ssl.truststore.location={certificates.authority}
listener.name.mutual.ssl.client.auth=required
listener.name.ssl.ssl.client.auth=requested

authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users={ALICE_PRINCIPAL};User:bob
"""
    )
    listeners = (f"--listener={name}://127.0.0.1:0" for name in ("SSL", "MUTUAL", "SASL_SSL"))
    with EmbeddedBroker(directory / "data", arguments=(*listeners, "--config", str(properties))) as running:
        yield running
    assert KEY_PASSWORD.decode() not in running.log


def tls(broker: EmbeddedBroker, listener: str, authority: Path, **more: object) -> dict[str, object]:
    return {
        "bootstrap.servers": broker.listeners[listener],
        "security.protocol": "SSL",
        "ssl.ca.location": str(authority),
        **more,
    }


def key_of(path: Path) -> dict[str, object]:
    return {"ssl.key.location": str(path), "ssl.certificate.location": str(path)}


def produce(settings: dict[str, object], topic: str) -> str:
    errors: list[str] = []
    producer = Producer({**settings, "message.timeout.ms": 3000})
    producer.produce(topic, b"hello", on_delivery=lambda error, _: errors.append(error.name() if error else ""))
    producer.flush(10)
    return errors[0]


@pytest.mark.parametrize("listener", ["SSL", "MUTUAL"])
def test_the_certificate_of_a_client_is_its_principal(
    encrypted: EmbeddedBroker, certificates: Certificates, topic: str, listener: str
) -> None:
    settings = tls(encrypted, listener, certificates.authority, **key_of(certificates.alice))
    assert produce(settings, topic) == ""


def test_without_a_certificate_a_client_is_anonymous(
    encrypted: EmbeddedBroker, certificates: Certificates, topic: str
) -> None:
    settings = tls(encrypted, "SSL", certificates.authority)
    assert produce(settings, topic) == "TOPIC_AUTHORIZATION_FAILED"


def test_a_required_certificate_cannot_be_left_out(encrypted: EmbeddedBroker, certificates: Certificates) -> None:
    with pytest.raises(KafkaException):
        AdminClient(tls(encrypted, "MUTUAL", certificates.authority)).list_topics(timeout=1)


@pytest.mark.parametrize("listener", ["SSL", "MUTUAL"])
def test_a_certificate_of_someone_else_is_refused(
    encrypted: EmbeddedBroker, certificates: Certificates, listener: str
) -> None:
    settings = tls(encrypted, listener, certificates.authority, **key_of(certificates.stranger))
    with pytest.raises(KafkaException):
        AdminClient(settings).list_topics(timeout=1)


def test_users_log_on_over_tls(encrypted: EmbeddedBroker, certificates: Certificates, topic: str) -> None:
    settings = tls(encrypted, "SASL_SSL", certificates.authority) | {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "bob",
        "sasl.password": "bob secret",
    }
    assert produce(settings, topic) == ""


def test_aiokafka_talks_tls(encrypted: EmbeddedBroker, certificates: Certificates, topic: str) -> None:
    context = ssl.create_default_context(cafile=str(certificates.authority))
    context.load_cert_chain(str(certificates.alice))

    async def send() -> None:
        server = encrypted.listeners["MUTUAL"]
        async with AIOKafkaProducer(bootstrap_servers=server, security_protocol="SSL", ssl_context=context) as producer:
            await producer.send_and_wait(topic, b"x" * 500_000)

    asyncio.run(send())


def test_our_own_client_talks_tls(encrypted: EmbeddedBroker, certificates: Certificates, topic: str) -> None:
    properties = {
        "security.protocol": "SSL",
        "ssl.truststore.location": str(certificates.authority),
        "ssl.keystore.location": str(certificates.alice),
    }
    assert produce(tls(encrypted, "MUTUAL", certificates.authority, **key_of(certificates.alice)), topic) == ""
    config = ClientConfig(encrypted.listeners["MUTUAL"], security=client_security(properties))
    with BatchProducer(config) as producer:
        producer.send(TopicPartition(topic, 0), build_batch([(None, b"x" * 900_000)], timestamp_ms=1))
        producer.flush()


def test_our_own_client_says_why_tls_failed(encrypted: EmbeddedBroker) -> None:
    config = ClientConfig(
        encrypted.listeners["SSL"], bootstrap_timeout_ms=500, security=client_security({"security.protocol": "SSL"})
    )
    with pytest.raises(BrokerUnreachable, match="TLS handshake failed"):
        Connection(config)


@pytest.mark.parametrize(
    ("properties", "hint"),
    [
        ((), "ssl.keystore.location"),
        (("ssl.keystore.location=none.pem",), "none.pem"),
        (("ssl.keystore.location={authority}",), "no usable key"),
        (("ssl.keystore.location={broker}", "ssl.key.password=wrong secret"), "no usable key"),
        (("ssl.keystore.location={alice}", "ssl.client.auth=required"), "ssl.truststore.location"),
        (("ssl.keystore.location={alice}", "ssl.keystore.type=JKS"), "PEM"),
        (("ssl.keystore.location={alice}", "ssl.client.auth=perhaps"), "perhaps"),
        (("ssl.keystore.location={alice}", "ssl.principal.mapping.rules=RULE:(/a/"), "mapping"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(
    certificates: Certificates, tmp_path: Path, properties: tuple[str, ...], hint: str
) -> None:
    command = [sys.executable, "-m", "kappaflow.cli.main", "broker", "--data-dir", str(tmp_path)]
    command += ["--listener", "SSL://127.0.0.1:0"]
    for text in properties:
        command += ["--property", text.format(**vars(certificates))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert hint in done.stderr and "Traceback" not in done.stderr
    assert "wrong secret" not in done.stderr


ODD_NAMES: list[list[tuple[x509.ObjectIdentifier, str]]] = [
    list(ALICE),
    [(NameOID.COMMON_NAME, 'x+y"z\\<>;,=')],
    [(NameOID.COMMON_NAME, "#hash#  ")],
    [(NameOID.COMMON_NAME, " space"), (NameOID.ORGANIZATION_NAME, "a  b")],
    [(NameOID.COMMON_NAME, "김철수"), (NameOID.LOCALITY_NAME, "Zürich")],
    [(NameOID.DOMAIN_COMPONENT, "org"), (NameOID.DOMAIN_COMPONENT, "example"), (NameOID.USER_ID, "u7")],
    [(NameOID.COMMON_NAME, "mail"), (NameOID.EMAIL_ADDRESS, "a@b.example")],
    [(NameOID.COMMON_NAME, "number"), (NameOID.SERIAL_NUMBER, "12345")],
    [(NameOID.STATE_OR_PROVINCE_NAME, "Bern"), (NameOID.STREET_ADDRESS, "Main 1"), (NameOID.COMMON_NAME, "s")],
    [(NameOID.GIVEN_NAME, "Ann"), (NameOID.SURNAME, "Lee"), (NameOID.TITLE, "Dr"), (NameOID.COMMON_NAME, "al")],
]


class TlsClient(RawClient):
    """A connection with a certificate."""

    def __init__(self, port: int, authority: Path, own: Path) -> None:
        super().__init__(port)
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(str(own))
        self._socket = context.wrap_socket(self._socket, server_hostname="127.0.0.1")


@pytest.mark.real
@pytest.mark.java
def test_the_names_of_certificates_are_those_of_kafka(tmp_path: Path) -> None:
    authority_name = named((NameOID.COMMON_NAME, "authority"))
    _, authority = make(tmp_path, "authority", authority_name)
    broker_file, _ = make(tmp_path, "kafka", named((NameOID.COMMON_NAME, "kafka")), (authority_name, authority))
    port = free_port()
    configs = {
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": broker_file,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": tmp_path / "authority-only.pem",
        "ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    wrong: list[str] = []
    with ApacheKafka(configs=configs, more_listeners=(f"SSL://127.0.0.1:{port}",)) as kafka:
        plain = int(kafka.bootstrap_servers.rpartition(":")[2])
        for number, parts in enumerate(ODD_NAMES):
            subject = named(*parts)
            own, _ = make(tmp_path, f"client-{number}", subject, (authority_name, authority))
            principal = certificate_principal(der(own), principal_mapping("DEFAULT"))
            group = f"group-{number}"
            binding = Message(
                resource_type=3, resource_name=group, resource_pattern_type=3, principal=str(principal), host="*",
                operation=8, permission_type=3,
            )  # fmt: skip
            with RawClient(plain) as admin:
                assert admin.ask(30, 3, Message(creations=[binding])).results[0].error_code == 0
            with TlsClient(port, tmp_path / "authority-only.pem", own) as client:
                asked = Message(groups=[group], include_authorized_operations=False)
                deadline = time.monotonic() + 5
                while (code := client.ask(15, 5, asked).groups[0].error_code) == 30 and time.monotonic() < deadline:
                    time.sleep(0.2)  # the entry is on its way from the controller
            if code == 30:
                wrong.append(str(principal))
    assert wrong == []


def der(certificate: Path) -> bytes:
    """A client's certificate as its peer gets it."""
    text = certificate.with_name(f"{certificate.stem}-only.pem").read_bytes()
    return x509.load_pem_x509_certificate(text).public_bytes(serialization.Encoding.DER)
