"""Kafka's own tools on users, quotas and access control lists, logged on by SCRAM."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from kappaflow.broker.security.user_files import add_user
from kappaflow.errors import ConfigError
from kappaflow.testing.apache_kafka import java_tool
from kappaflow.testing.embedded_broker import EmbeddedBroker

pytestmark = [pytest.mark.java, pytest.mark.real]

LOG_ON = """\
security.protocol=SASL_PLAINTEXT
sasl.mechanism={mechanism}
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="{user}" password="{user}";
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Generator[EmbeddedBroker]:
    data_dir: Path = tmp_path_factory.mktemp("java")
    add_user(data_dir, "admin", "admin", ["SCRAM-SHA-256", "SCRAM-SHA-512"], 4096)
    arguments = (
        *("--listener", "SASL_PLAINTEXT://127.0.0.1:0", "--property", "super.users=User:admin"),
        *("--property", "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
    )
    with EmbeddedBroker(data_dir, arguments=arguments) as running:
        yield running


def tool(broker: EmbeddedBroker, directory: Path, name: str, *arguments: str, user: str = "admin", **more: str) -> str:
    mechanism = more.pop("mechanism", "SCRAM-SHA-512")
    path = directory / f"{user}.properties"
    path.write_text(LOG_ON.format(user=user, mechanism=mechanism))
    option = "--command-config"
    return java_tool(name, "--bootstrap-server", broker.bootstrap_servers, option, str(path), *arguments, **more)


ACLS, TOPICS = "org.apache.kafka.tools.AclCommand", "org.apache.kafka.tools.TopicCommand"
CONFIGS = "kafka.admin.ConfigCommand"


def test_entries_by_kafka_acls(guarded: EmbeddedBroker, tmp_path: Path) -> None:
    def acls(*arguments: str) -> str:
        return tool(guarded, tmp_path, ACLS, *arguments)

    entries = ("--allow-principal", "User:ann", "--deny-principal", "User:eve", "--deny-host", "10.0.0.1")
    added = acls("--add", "--operation", "Write", "--topic", "java-", "--resource-pattern-type", "prefixed", *entries)
    assert "ResourcePattern(resourceType=TOPIC, name=java-, patternType=PREFIXED)" in added
    listed = acls("--list", "--topic", "java-topic", "--resource-pattern-type", "match")
    assert "(principal=User:ann, host=*, operation=WRITE, permissionType=ALLOW)" in listed
    assert "(principal=User:eve, host=10.0.0.1, operation=WRITE, permissionType=DENY)" in listed
    acls("--remove", "--force", "--topic", "java-", "--resource-pattern-type", "prefixed")
    assert "java-" not in acls("--list")


def test_users_by_kafka_configs(guarded: EmbeddedBroker, tmp_path: Path) -> None:
    def configs(*arguments: str) -> str:
        return tool(guarded, tmp_path, CONFIGS, "--entity-type", "users", *arguments)

    configs("--entity-name", "ann", "--alter", "--add-config", "SCRAM-SHA-256=[iterations=8192,password=ann]")
    assert "SCRAM-SHA-256=iterations=8192" in configs("--entity-name", "ann", "--describe")
    with pytest.raises(ConfigError, match=r"authorization failed|not authorized"):
        tool(guarded, tmp_path, ACLS, "--list", user="ann", mechanism="SCRAM-SHA-256")
    assert tool(guarded, tmp_path, TOPICS, "--list", user="ann", mechanism="SCRAM-SHA-256").strip() == ""
    with pytest.raises(ConfigError, match="minimum 4096"):
        configs("--entity-name", "ann", "--alter", "--add-config", "SCRAM-SHA-256=[iterations=10,password=x]")
    configs("--entity-name", "ann", "--alter", "--delete-config", "SCRAM-SHA-256")
    with pytest.raises(ConfigError, match="authentication"):
        tool(guarded, tmp_path, TOPICS, "--list", user="ann", mechanism="SCRAM-SHA-256")


def test_quotas_by_kafka_configs(guarded: EmbeddedBroker, tmp_path: Path) -> None:
    def configs(*arguments: str) -> str:
        return tool(guarded, tmp_path, CONFIGS, *arguments)

    both = ("--entity-type", "users", "--entity-name", "bob", "--entity-type", "clients", "--entity-default")
    configs("--alter", *both, "--add-config", "producer_byte_rate=1024,request_percentage=12.5")
    described = configs("--describe", *both)
    assert "producer_byte_rate=1024.0" in described and "request_percentage=12.5" in described
    assert "user-principal 'bob'" in described and "default client-id" in described
    configs("--alter", *both, "--delete-config", "request_percentage")
    assert "request_percentage" not in configs("--describe", *both)
    address = ("--entity-type", "ips", "--entity-name", "10.0.0.1")
    configs("--alter", *address, "--add-config", "connection_creation_rate=7")
    assert "connection_creation_rate=7.0" in configs("--describe", *address)
    everyone = ("--entity-type", "users", "--entity-default")
    configs("--alter", *everyone, "--add-config", "controller_mutation_rate=5")
    assert "controller_mutation_rate=5.0" in configs("--describe", *everyone)


def test_a_java_producer_and_consumer_log_on(guarded: EmbeddedBroker, tmp_path: Path) -> None:
    assert "Created topic java-records" in tool(
        guarded, tmp_path, TOPICS, "--create", "--topic", "java-records", "--partitions", "1"
    )
    path = tmp_path / "admin.properties"
    java_tool(
        "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", guarded.bootstrap_servers,
        "--command-config", str(path), "--topic", "java-records", stdin="one\ntwo\n",
    )  # fmt: skip
    read = java_tool(
        "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", guarded.bootstrap_servers,
        "--command-config", str(path), "--topic", "java-records", "--from-beginning", "--max-messages", "2",
        "--group", "java-readers",
    )  # fmt: skip
    assert read.split() == ["one", "two"]
