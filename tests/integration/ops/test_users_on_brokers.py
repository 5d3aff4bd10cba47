"""``kappa users`` and ``kappa quotas``: a user that was added logs on, and Kafka's own tool reads what was set."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.kappa_command import KappaCommand

PASSWORD = "pen=cil, and more"


def log_on(broker: EmbeddedBroker, mechanism: str, password: str) -> int:
    """The number of brokers that a client sees once it has logged on."""
    settings = {
        "bootstrap.servers": broker.listeners["SASL_PLAINTEXT"],
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": "alice",
        "sasl.password": password,
        "logger": None,
    }
    return len(AdminClient(settings).list_topics(timeout=10).brokers)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_user_that_was_added_logs_on_until_it_is_taken_away(tmp_path: Path, mechanism: str) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    arguments = (
        *("--listener", "SASL_PLAINTEXT://127.0.0.1:0", "--listener", "PLAINTEXT://127.0.0.1:0"),
        *("--property", f"sasl.enabled.mechanisms={mechanism}"),
    )
    with EmbeddedBroker(tmp_path / "data", arguments=arguments) as broker:
        kappa = KappaCommand(tmp_path, last_words=["--bootstrap-servers", broker.listeners["PLAINTEXT"]])
        words = ["users", "add", "alice", "--mechanism", mechanism, "--password-file", str(tmp_path / "password")]
        plan = json.loads(kappa(*words, "--json"))["file"]
        assert json.loads(kappa("users", "list", "--json")) == {"alice": {mechanism: 4096}}
        assert log_on(broker, mechanism, PASSWORD) == 1
        kappa("plan", "undo", plan)
        assert json.loads(kappa("users", "list", "--json")) == {}
        kappa(*words)
        kappa("users", "remove", "alice", code=3)
        kappa("users", "remove", "alice", "--confirm", "alice")
        with pytest.raises(KafkaException):
            log_on(broker, mechanism, PASSWORD)


def set_and_take_back(kappa: KappaCommand) -> str:
    """Set quotas of a user with a client id, and give the plan that did it."""
    words = ["quotas", "set", "--user", "alice", "--client-id", "loader", "--producer-rate", "2MB/s"]
    return json.loads(kappa(*words, "--request-percentage", "150", "--json"))["file"]


def test_quotas_of_the_embedded_broker(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "data") as broker:
        kappa = KappaCommand(tmp_path, last_words=["--bootstrap-servers", broker.bootstrap_servers])
        plan = set_and_take_back(kappa)
        (row,) = json.loads(kappa("quotas", "list", "--user", "alice", "--json"))
        assert row["quotas"] == {"producer_byte_rate": 2097152.0, "request_percentage": 150.0}
        kappa("quotas", "set", "--ip", "<default>", "--connection-rate", "20")
        assert "<default>" in kappa("quotas", "list")
        kappa("quotas", "remove", "--ip", "<default>")
        kappa("plan", "undo", plan)
        assert json.loads(kappa("quotas", "list", "--json")) == []


@pytest.mark.java
@pytest.mark.slow
def test_kafkas_own_tool_reads_what_was_set(kafka: ApacheKafka, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    kappa = KappaCommand(tmp_path, last_words=["--bootstrap-servers", kafka.bootstrap_servers])
    plan = set_and_take_back(kappa)
    added = json.loads(kappa("users", "add", "carol", "--password-file", str(tmp_path / "password"), "--json"))["file"]
    kappa("quotas", "set", "--client-id", "<default>", "--consumer-rate", "3MB/s")

    def theirs(*words: str) -> str:
        arguments = ["--bootstrap-server", kafka.bootstrap_servers, "--describe", *words]
        return kafka.java_tool("kafka.admin.ConfigCommand", *arguments)

    both = theirs(
        "--entity-type", "users", "--entity-name", "alice", "--entity-type", "clients", "--entity-name", "loader"
    )
    assert set(re.findall(r"(\w+)=([\d.]+)", both)) == {
        ("producer_byte_rate", "2097152.0"),
        ("request_percentage", "150.0"),
    }
    default = theirs("--entity-type", "clients", "--entity-default")
    assert "consumer_byte_rate=3145728.0" in default
    credentials = theirs("--entity-type", "users", "--entity-name", "carol")
    assert set(re.findall(r"SCRAM-SHA-\d+", credentials)) == {"SCRAM-SHA-256", "SCRAM-SHA-512"}
    kappa("plan", "undo", added)
    kappa("plan", "undo", plan)
    kappa("quotas", "remove", "--client-id", "<default>")
    assert json.loads(kappa("quotas", "list", "--json")) == []
    assert json.loads(kappa("users", "list", "--json")) == {}
