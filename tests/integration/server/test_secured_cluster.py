"""The SQL server on a cluster that wants to know who it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from kappaflow.broker.security.user_files import add_user
from kappaflow.client.connection import ClientConfig, Connection
from kappaflow.client.security import client_security
from kappaflow.database import connect
from kappaflow.errors import BrokerError
from kappaflow.testing.apache_kafka import ApacheKafka, java_tool
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until
from kappaflow.testing.ports import free_port

PASSWORD = "not to be shown"
SECURITY = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "engine",
    "sasl.password": PASSWORD,
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[EmbeddedBroker]:
    data_dir = tmp_path_factory.mktemp("secured")
    add_user(data_dir, "engine", PASSWORD, ["SCRAM-SHA-512"], 4096)
    arguments = (
        *("--listener", "SASL_PLAINTEXT://127.0.0.1:0", "--property", "super.users=User:engine"),
        *("--property", "authorizer.class.name=StandardAuthorizer"),
    )
    with EmbeddedBroker(data_dir, arguments=arguments) as running:
        yield running


def settings_file(directory: Path, **changes: str) -> Path:
    path = directory / "server.toml"
    values = {**SECURITY, **{name.replace("_", "."): value for name, value in changes.items()}}
    path.write_text("[properties]\n" + "".join(f'"{name}" = "{value}"\n' for name, value in values.items()))
    return path


def count_words(bootstrap_servers: str, directory: Path) -> str:
    """Run a query on the cluster and give all that the server has shown."""
    arguments = ["--config", str(settings_file(directory)), "--property", "ksql.streams.commit.interval.ms=200"]
    with EmbeddedServer(bootstrap_servers=bootstrap_servers, arguments=arguments) as server, connect(server.url) as db:
        db.properties["auto.offset.reset"] = "earliest"
        db.kafka_properties.update(SECURITY)
        db.sql("CREATE STREAM words (w VARCHAR) WITH (kafka_topic='words', value_format='JSON', partitions=1);")
        db.sql("CREATE TABLE counts AS SELECT w, COUNT(*) AS n FROM words GROUP BY w;")
        db.sql("INSERT INTO words (w) VALUES ('a');")
        db.write("words", [{"W": "a"}, {"W": "b"}])

        def counts() -> list[tuple[object, ...]]:
            return sorted(tuple(row) for row in db.sql("SELECT * FROM counts;").rows())

        wait_until(lambda: counts() == [("a", 2), ("b", 1)], "the counts")
        assert [tuple(r) for r in db.sql("SELECT w FROM words EMIT CHANGES LIMIT 1;").rows()] == [("a",)]
        shown = str(db.sql("SHOW PROPERTIES;").entities)
        commands = [Path(f"/proc/{each['pid']}/cmdline").read_text() for each in server.processes()]
        return shown + server.log() + "".join(commands)


def test_queries_run_on_a_broker_with_scram_and_access_control(cluster: EmbeddedBroker, tmp_path: Path) -> None:
    assert PASSWORD not in count_words(cluster.bootstrap_servers, tmp_path)
    assert PASSWORD not in cluster.log


def test_a_wrong_password_is_told_at_once(cluster: EmbeddedBroker) -> None:
    security = client_security({**SECURITY, "sasl.password": "wrong"})
    with pytest.raises(BrokerError) as failure:
        Connection(ClientConfig(cluster.bootstrap_servers, security=security))
    assert failure.value.name == "SASL_AUTHENTICATION_FAILED"
    assert cluster.bootstrap_servers in str(failure.value)


def test_a_mechanism_that_the_broker_lacks_is_told_at_once(cluster: EmbeddedBroker) -> None:
    security = client_security({**SECURITY, "sasl.mechanism": "PLAIN"})
    with pytest.raises(BrokerError, match="UNSUPPORTED_SASL_MECHANISM"):
        Connection(ClientConfig(cluster.bootstrap_servers, security=security))


def test_a_server_that_cannot_log_on_says_so(cluster: EmbeddedBroker, tmp_path: Path) -> None:
    config = settings_file(tmp_path, sasl_mechanism="GSSAPI")
    done = subprocess.run(
        [sys.executable, "-m", "kappaflow.cli.main", "server", "--bootstrap-servers", cluster.bootstrap_servers,
         "--config", str(config), "--data-dir", str(tmp_path / "data"), "--http-port", "0"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "GSSAPI" in done.stderr
    assert PASSWORD not in done.stderr


@pytest.mark.real
@pytest.mark.java
def test_queries_run_on_apache_kafka_with_scram(tmp_path: Path) -> None:
    port = free_port()
    with ApacheKafka(
        configs={
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
        },
        more_listeners=(f"SASL_PLAINTEXT://127.0.0.1:{port}",),
    ) as kafka:
        java_tool(
            "kafka.admin.ConfigCommand", "--bootstrap-server", kafka.bootstrap_servers, "--alter",
            "--entity-type", "users", "--entity-name", "engine",
            "--add-config", f"SCRAM-SHA-512=[password={PASSWORD}]",
        )  # fmt: skip
        assert PASSWORD not in count_words(f"127.0.0.1:{port}", tmp_path)
