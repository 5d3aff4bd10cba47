"""TLS and SASL settings by the names of Java's clients and of librdkafka."""

from __future__ import annotations

import pytest

from kappaflow.client.security import SECURITY_PROPERTIES, client_security, without_security
from kappaflow.errors import ConfigError
from kappaflow.server.configuration import ServerConfig

PASSWORD = 's;e"c=ret'


def test_names_of_librdkafka() -> None:
    properties = {
        "security.protocol": "sasl_ssl",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "ann",
        "sasl.password": PASSWORD,
        "ssl.ca.location": "ca.pem",
        "auto.offset.reset": "earliest",
    }
    assert client_security(properties) == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ann",
        "sasl_plain_password": PASSWORD,
        "ssl_cafile": "ca.pem",
    }
    assert without_security(properties) == {"auto.offset.reset": "earliest"}


def test_names_of_java() -> None:
    escaped = PASSWORD.replace('"', '\\"')
    properties = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f"username='ann' password=\"{escaped}\";",
    }
    settings = client_security(properties)
    assert (settings["sasl_plain_username"], settings["sasl_plain_password"]) == ("ann", PASSWORD)


def test_one_file_may_hold_key_and_certificate() -> None:
    properties = {
        "security.protocol": "SSL",
        "ssl.keystore.location": "client.pem",
        "ssl.keystore.type": "PEM",
        "ssl.key.password": "p",
        "ssl.truststore.location": "ca.pem",
        "ssl.endpoint.identification.algorithm": "",
    }
    assert client_security(properties) == {
        "security_protocol": "SSL",
        "ssl_certfile": "client.pem",
        "ssl_keyfile": "client.pem",
        "ssl_password": "p",
        "ssl_cafile": "ca.pem",
        "ssl_check_hostname": False,
    }


@pytest.mark.parametrize(
    ("properties", "hint"),
    [
        ({"security.protocol": "TLS"}, "SASL_SSL"),
        ({"security.protocol": "SASL_SSL"}, "sasl.mechanism"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"}, "GSSAPI"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "a"}, "sasl.password"),
        ({"sasl.mechanism": "PLAIN", "sasl.username": "a", "sasl.password": PASSWORD}, "security.protocol"),
        ({"security.protocol": "SASL_SSL", "sasl.jaas.config": PASSWORD}, "required"),
        ({"security.protocol": "SSL", "ssl.keystore.type": "JKS"}, "PEM"),
    ],
)
def test_what_cannot_work_is_refused_without_showing_secrets(properties: dict[str, str], hint: str) -> None:
    with pytest.raises(ConfigError) as failure:
        client_security(properties)
    assert hint in str(failure.value)
    assert PASSWORD not in str(failure.value)


def test_a_server_keeps_them_to_itself() -> None:
    properties = dict.fromkeys(SECURITY_PROPERTIES, PASSWORD)
    config = ServerConfig(properties={**properties, "auto.offset.reset": "latest"})
    assert config.engine_properties == {"auto.offset.reset": "latest"}
    assert PASSWORD not in repr(config)
    with pytest.raises(ConfigError, match="kappa server"):
        config.check()
