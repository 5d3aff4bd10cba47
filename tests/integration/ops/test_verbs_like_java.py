"""`kappa topics`, `configs`, `groups`: answers beside those of Kafka's own tools, changes seen by them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from kappaflow.cli.main import main
from kappaflow.testing.apache_kafka import ApacheKafka

pytestmark = [pytest.mark.java, pytest.mark.slow]
TOOLS = "org.apache.kafka.tools."


class Kappa:
    """Runs commands in this process on one cluster."""

    def __init__(self, servers: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.servers = servers
        self._capsys = capsys

    def text(self, command: str, *words: str, code: int = 0) -> str:
        self._capsys.readouterr()
        assert main([*command.split(), *words, "--bootstrap-servers", self.servers]) == code, self._capsys.readouterr()
        return self._capsys.readouterr().out

    def data(self, command: str, *words: str) -> Any:
        return json.loads(self.text(command, *words, "--json"))

    def change(self, command: str, *words: str) -> Path:
        """Do something and give the plan's file."""
        return Path(self.data(command, *words)["file"])


@pytest.fixture(name="kappa")
def commands(
    kafka: ApacheKafka, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Kappa:
    monkeypatch.setenv("KAPPA_HOME", str(tmp_path))
    monkeypatch.setenv("KAPPA_LANG", "en")
    return Kappa(kafka.bootstrap_servers, capsys)


@pytest.fixture(scope="module", name="orders")
def topic_with_records(kafka: ApacheKafka, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A topic of 3 partitions and 300 records, 100 of which a group has read."""
    name = "ops-orders"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAPPA_HOME", str(tmp_path_factory.mktemp("home")))
        main(["topics", "create", name, "--partitions", "3", "--bootstrap-servers", kafka.bootstrap_servers])
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    for number in range(300):
        producer.produce(name, key=str(number), value=b"x" * 100, partition=number % 3)
    producer.flush()
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "ops-readers", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([name])
    seen = 0
    while seen < 100:
        if (record := consumer.poll(1)) is not None:
            seen += record.error() is None
            consumer.commit(record, asynchronous=False)
    consumer.close()
    return name


def java(kafka: ApacheKafka, tool: str, *arguments: str) -> str:
    return kafka.java_tool(TOOLS + tool, "--bootstrap-server", kafka.bootstrap_servers, *arguments)


def test_topics_describe(kafka: ApacheKafka, kappa: Kappa, orders: str) -> None:
    shown = java(kafka, "TopicCommand", "--describe", "--topic", orders)
    rows = re.findall(r"Partition: (\d+)\s+Leader: (\d+)\s+Replicas: (\S+)\s+Isr: (\S+)", shown)
    ours = kappa.data("topics describe", orders)[0]
    assert [
        (str(p["partition"]), str(p["leader"]), ",".join(map(str, p["replicas"])), ",".join(map(str, p["in_sync"])))
        for p in ours["partitions"]
    ] == rows
    assert f"TopicId: {ours['topic_id']}" in shown


def test_topics_list(kafka: ApacheKafka, kappa: Kappa, orders: str) -> None:
    theirs = java(kafka, "TopicCommand", "--list").split()
    assert [row["name"] for row in kappa.data("topics list", "--internal")] == sorted(theirs)
    sizes = {row["name"]: row["size_bytes"] for row in kappa.data("topics list", "--sizes")}
    directories = json.loads(java(kafka, "LogDirsCommand", "--describe", "--topic-list", orders).splitlines()[-1])
    replicas = directories["brokers"][0]["logDirs"][0]["partitions"]
    assert sizes[orders] == sum(row["size"] for row in replicas) > 30_000


@pytest.mark.parametrize("time", ["latest", "earliest", "max-timestamp"])
def test_topics_offsets(kafka: ApacheKafka, kappa: Kappa, orders: str, time: str) -> None:
    theirs = java(kafka, "GetOffsetShell", "--topic", orders, "--time", time).split()
    ours = kappa.data("topics offsets", orders, "--time", time)
    assert [f"{r['topic']}:{r['partition']}:{r['offset']}" for r in ours] == theirs


def test_configs_describe(kafka: ApacheKafka, kappa: Kappa, orders: str) -> None:
    changes = ("--set", "retention.ms=86400000", "--set", "segment.ms=7000000")
    plan = kappa.change("configs alter", "topic", orders, *changes)
    server = ("--bootstrap-server", kafka.bootstrap_servers)
    shown = kafka.java_tool("kafka.admin.ConfigCommand", *server, "--describe", "--topic", orders, "--all")
    theirs = dict(re.findall(r"^  ([\w.]+)=(.*?) sensitive=", shown, re.MULTILINE))
    ours = kappa.data("configs describe", "topic", orders, "--all")
    assert {row["key"]: row["value"] or "" for row in ours} == theirs
    own = {row["key"]: row["value"] for row in ours if row["source"] == "topic"}
    assert own == {"retention.ms": "86400000", "segment.ms": "7000000"}
    kappa.text("plan undo", str(plan))
    assert [row for row in kappa.data("configs describe", "topic", orders) if row["source"] == "topic"] == []


def test_a_broker_config_is_set_and_taken_back(kafka: ApacheKafka, kappa: Kappa) -> None:
    plan = kappa.change("configs alter", "broker", "1", "--set", "log.cleaner.threads=2")
    row = kappa.data("configs describe", "broker", "1", "--key", "log.cleaner.threads")[0]
    assert (row["value"], row["source"], row["default"], row["needs_restart"]) == ("2", "broker", "1", False)
    kappa.text("plan undo", str(plan))
    assert kappa.data("configs describe", "broker", "1", "--key", "log.cleaner.threads")[0]["value"] == "1"


def test_groups_describe(kafka: ApacheKafka, kappa: Kappa, orders: str) -> None:
    shown = java(kafka, "consumer.group.ConsumerGroupCommand", "--describe", "--group", "ops-readers")
    theirs = set(re.findall(rf"ops-readers\s+{orders}\s+(\d)\s+(\d+)\s+(\d+)\s+(\d+)", shown))
    detail = kappa.data("groups describe", "ops-readers")
    ours = {tuple(str(r[k]) for k in ("partition", "committed", "end", "lag")) for r in detail["partitions"]}
    assert theirs
    assert ours == theirs
    for row in detail["partitions"]:
        assert (row["lag_seconds"] == 0) == (row["lag"] == 0)


def test_a_reset_is_seen_by_their_tool_and_taken_back(kafka: ApacheKafka, kappa: Kappa, orders: str) -> None:
    before = kappa.data("groups describe", "ops-readers")["partitions"]
    plan = kappa.change("groups reset", "ops-readers", "--to-offset", "40", "--topic", f"{orders}:0,1")
    shown = java(kafka, "consumer.group.ConsumerGroupCommand", "--describe", "--group", "ops-readers", "--offsets")
    found = dict(re.findall(rf"ops-readers\s+{orders}\s+(\d)\s+(\d+)", shown))
    assert (found["0"], found["1"]) == ("40", "40")
    kappa.text("plan undo", str(plan))
    after = kappa.data("groups describe", "ops-readers")["partitions"]
    assert [(r["partition"], r["committed"]) for r in after] == [(r["partition"], r["committed"]) for r in before]


def test_a_deleted_group_comes_back(kappa: Kappa, orders: str) -> None:
    before = kappa.data("groups describe", "ops-readers", "--no-time")["partitions"]
    plan = kappa.change("groups delete", "ops-readers", "--confirm", "ops-readers")
    kappa.text("groups describe", "ops-readers", code=2)
    kappa.text("plan undo", str(plan))
    assert kappa.data("groups describe", "ops-readers", "--no-time")["partitions"] == before


def test_records_and_topics_are_deleted(kafka: ApacheKafka, kappa: Kappa) -> None:
    name = "ops-short-lived"
    kappa.text("topics create", name, "--partitions", "2")
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    for number in range(20):
        producer.produce(name, str(number), partition=number % 2)
    producer.flush()
    kappa.text("topics delete-records", f"{name}:1", "--before", "7", code=3)
    kappa.text("topics delete-records", f"{name}:1", "--before", "7", "--confirm", name)
    found = java(kafka, "GetOffsetShell", "--topic", name, "--time", "earliest").split()
    assert found == [f"{name}:0:0", f"{name}:1:7"]
    kappa.text("topics alter", name, "--partitions", "3", "--confirm", name)
    kappa.text("topics delete", name, "--confirm", name)
    assert name not in java(kafka, "TopicCommand", "--list").split()
    kappa.text("topics delete", name, code=2)
