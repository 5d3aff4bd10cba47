"""The cluster's doctor: a healthy cluster is clean, and each fault is found alone and named right."""

from __future__ import annotations

import dataclasses
import doctest
import json
import re
from collections.abc import Callable

import pytest

from kappaflow.cli.cluster import doctor as doctor_command
from kappaflow.cli.cluster import info as info_command
from kappaflow.cli.commands import COMMANDS
from kappaflow.cli.main import main
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError, HostError
from kappaflow.ops.admin import ConfigResource
from kappaflow.ops.contexts import ClusterContext, HostEntry
from kappaflow.ops.doctor import Severity, cluster_info, examine, listeners, observation
from kappaflow.ops.doctor.listeners import listeners_of
from kappaflow.ops.hosts.face import ServiceState
from kappaflow.ops.session import OpsSession
from kappaflow.runtime import messages
from kappaflow.testing.simulated_cluster import SimulatedCluster

GIB = 1 << 30


def healthy(directories: int = 1) -> SimulatedCluster:
    cluster = SimulatedCluster(3, racks=3, directories=directories)
    for broker in cluster.state.brokers.values():
        broker.static["auto.create.topics.enable"] = "false"
    for name in ("orders", "__consumer_offsets"):
        cluster.add_topic(name, 6, 3, configs={"min.insync.replicas": "2"})
    return cluster


def found(cluster: SimulatedCluster) -> dict[str, tuple[Severity, tuple[str, ...]]]:
    return {f.rule: (f.severity, f.subjects) for f in examine(cluster.session())}


@pytest.mark.parametrize("module", [listeners, observation])
def test_examples_in_docstrings(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_a_healthy_cluster_is_clean() -> None:
    assert examine(healthy().session()) == []


def set_on_brokers(cluster: SimulatedCluster, key: str, value: str, brokers: str = "123") -> None:
    cluster.configs.alter({ConfigResource("broker", number): {key: value} for number in brokers})


def single_replica(c: SimulatedCluster) -> None:
    c.add_topic("thin", 2, 1)


def min_in_sync_one(c: SimulatedCluster) -> None:
    c.add_topic("weak", 3, 3)


def no_spare_replica(c: SimulatedCluster) -> None:
    c.add_topic("tight", 3, 3, configs={"min.insync.replicas": "3"})


def own_topics_unprotected(c: SimulatedCluster) -> None:
    c.add_topic("__transaction_state", 3, 1)


def own_topics_thin(c: SimulatedCluster) -> None:
    c.add_topic("__transaction_state", 3, 2)


def under_replicated(c: SimulatedCluster) -> None:
    c.state.topics["orders"][1].in_sync.discard(c.state.topics["orders"][1].replicas[2])


def under_min_in_sync(c: SimulatedCluster) -> None:
    partition = c.state.topics["orders"][1]
    partition.in_sync = {partition.leader}


def offline_partitions(c: SimulatedCluster) -> None:
    c.state.topics["orders"][4].leader = -1


def unclean_elections(c: SimulatedCluster) -> None:
    set_on_brokers(c, "unclean.leader.election.enable", "true", "13")


def unclean_elections_of_topics(c: SimulatedCluster) -> None:
    c.state.configs["topic", "orders"]["unclean.leader.election.enable"] = "true"


def auto_create(c: SimulatedCluster) -> None:
    set_on_brokers(c, "auto.create.topics.enable", "true", "2")


def delete_switched_off(c: SimulatedCluster) -> None:
    set_on_brokers(c, "delete.topic.enable", "false", "2")


def large_messages(c: SimulatedCluster) -> None:
    set_on_brokers(c, "message.max.bytes", str(100 << 20), "1")


def large_messages_of_topics(c: SimulatedCluster) -> None:
    c.state.configs["topic", "orders"]["max.message.bytes"] = str(50 << 20)


def plaintext_listeners(c: SimulatedCluster) -> None:
    set_on_brokers(c, "listeners", "PLAINTEXT://127.0.0.1:9092,OUT://:9093,SAFE://:9094", "2")
    set_on_brokers(c, "listener.security.protocol.map", "OUT:PLAINTEXT,SAFE:SASL_SSL,PLAINTEXT:PLAINTEXT", "2")


def passwords_readable(c: SimulatedCluster) -> None:
    set_on_brokers(c, "listeners", "SASL_PLAINTEXT://10.0.0.1:9092", "1")


def throttles_left_behind(c: SimulatedCluster) -> None:
    set_on_brokers(c, "leader.replication.throttled.rate", "1000", "1")
    c.state.configs["topic", "orders"]["leader.replication.throttled.replicas"] = "0:1"


def throttles_in_files(c: SimulatedCluster) -> None:
    c.state.brokers[3].static["leader.replication.throttled.rate"] = "1000"


def reassignments_under_way(c: SimulatedCluster) -> None:
    c.add_broker(4, "r1")
    c.state.brokers[4].static["auto.create.topics.enable"] = "false"
    partition = c.state.topics["orders"][2]
    partition.size_bytes = GIB
    c.placement.reassign({TopicPartition("orders", 2): [*partition.replicas[:2], 4]})


def leaders_not_preferred(c: SimulatedCluster) -> None:
    partition = c.state.topics["orders"][0]
    partition.leader = partition.replicas[1]


def leaders_uneven(c: SimulatedCluster) -> None:
    c.add_topic("lopsided", replicas=[[2, 1, 3]] * 30, configs={"min.insync.replicas": "2"})


def disks_nearly_full(c: SimulatedCluster) -> None:
    c.state.brokers[2].disk_bytes = 100
    c.state.topics["orders"][0].size_bytes = 90


def disks_full(c: SimulatedCluster) -> None:
    c.state.brokers[2].disk_bytes = 100
    c.state.topics["orders"][0].size_bytes = 96


def brokers_uneven(c: SimulatedCluster) -> None:
    c.add_topic("heavy", replicas=[[2, 3], [3, 2]], size_bytes=20 * GIB)
    c.add_topic("heavier", replicas=[[2, 1]], size_bytes=80 * GIB)


def directories_uneven(c: SimulatedCluster) -> None:
    for partition in c.state.topics["orders"]:
        partition.size_bytes = 4 * GIB


def directories_offline(c: SimulatedCluster) -> None:
    c.state.brokers[3].failed["/data1"] = "KAFKA_STORAGE_ERROR"


def versions_differ(c: SimulatedCluster) -> None:
    c.features.supported[3] = (7, 26)


def not_looked_at(c: SimulatedCluster) -> None:
    def refuse() -> list[object]:
        raise BrokerError(31, "CLUSTER_AUTHORIZATION_FAILED")

    c.placement.reassignments = refuse  # type: ignore[assignment]


ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
FAULTS: list[tuple[Callable[[SimulatedCluster], None], Severity, tuple[str, ...]]] = [
    (single_replica, WARNING, ("thin",)),
    (min_in_sync_one, WARNING, ("weak",)),
    (no_spare_replica, WARNING, ("tight",)),
    (own_topics_unprotected, ERROR, ("__transaction_state",)),
    (own_topics_thin, WARNING, ("__transaction_state",)),
    (under_replicated, WARNING, ("orders-1",)),
    (under_min_in_sync, ERROR, ("orders-1",)),
    (offline_partitions, ERROR, ("orders-4",)),
    (unclean_elections, WARNING, ("1", "3")),
    (unclean_elections_of_topics, WARNING, ("orders",)),
    (auto_create, WARNING, ("2",)),
    (delete_switched_off, WARNING, ("2",)),
    (large_messages, WARNING, ("1",)),
    (large_messages_of_topics, WARNING, ("orders",)),
    (plaintext_listeners, WARNING, ("2:OUT://:9093",)),
    (passwords_readable, WARNING, ("1:SASL_PLAINTEXT://10.0.0.1:9092",)),
    (throttles_left_behind, WARNING, ("broker 1", "topic orders")),
    (throttles_in_files, NOTE, ("broker 3",)),
    (reassignments_under_way, NOTE, ("orders-2",)),
    (leaders_not_preferred, WARNING, ("1",)),
    (leaders_uneven, NOTE, ("2",)),
    (disks_nearly_full, WARNING, ("2:/data1",)),
    (disks_full, ERROR, ("2:/data1",)),
    (directories_uneven, WARNING, ("1:/data1",)),
    (directories_offline, ERROR, ("3:/data1",)),
    (versions_differ, WARNING, tuple(f"{b} (metadata.version 7-{t})" for b, t in ((1, 25), (2, 25), (3, 26)))),
    (not_looked_at, WARNING, ("seen.reassignments",)),
]


@pytest.mark.parametrize(("fault", "severity", "subjects"), FAULTS, ids=[row[0].__name__ for row in FAULTS])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_each_fault_is_found_alone_and_named(
    fault: Callable[[SimulatedCluster], None],
    severity: Severity,
    subjects: tuple[str, ...],
    language: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAPPA_LANG", language)
    cluster = healthy(directories=2 if fault is directories_uneven else 1)
    if fault is directories_uneven:
        for number in (2, 3):  # the others are level
            directories = cluster.state.brokers[number].directories
            directories["/data2"] = {p for p in directories["/data1"] if p.partition % 2}
            directories["/data1"] -= directories["/data2"]
    if fault is not_looked_at:
        subjects = tuple(map(messages.message, subjects))
    fault(cluster)
    assert found(cluster) == {fault.__name__: (severity, subjects)}
    (finding,) = examine(cluster.session())
    assert subjects[0] in str(finding.reason)
    assert str(finding.remedy)


def test_a_broker_that_holds_most_is_named_with_what_is_thin_about_its_topics() -> None:
    cluster = healthy()
    brokers_uneven(cluster)
    # Broker 2 holds 120 GiB, the average is 80 GiB: not beyond one and a half times of it.
    assert "brokers_uneven" not in found(cluster)
    cluster.add_topic("heaviest", replicas=[[2]], size_bytes=80 * GIB)
    assert found(cluster)["brokers_uneven"] == (WARNING, ("2",))


def test_a_broker_that_is_away_is_named_with_its_partitions() -> None:
    cluster = healthy()
    cluster.stop_broker(2)
    rules = found(cluster)
    assert rules["brokers_away"] == (ERROR, ("2",))
    assert len(rules["under_replicated"][1]) == 12
    assert set(rules) == {"brokers_away", "under_replicated"}
    cluster.stop_broker(3)
    rules = found(cluster)
    assert len(rules["under_min_in_sync"][1]) == 12
    assert "under_replicated" not in rules


def test_the_worst_comes_first() -> None:
    cluster = healthy()
    throttles_in_files(cluster)
    auto_create(cluster)
    offline_partitions(cluster)
    assert [f.severity for f in examine(cluster.session())] == [ERROR, WARNING, NOTE]


def test_throttles_of_a_move_under_way_are_not_left_behind() -> None:
    cluster = healthy()
    throttles_left_behind(cluster)
    reassignments_under_way(cluster)
    assert set(found(cluster)) == {"reassignments_under_way"}


def test_one_broker_has_no_choice_of_replicas() -> None:
    cluster = SimulatedCluster(1)
    cluster.state.brokers[1].static["auto.create.topics.enable"] = "false"
    cluster.add_topic("orders", 3, 1)
    cluster.add_topic("__consumer_offsets", 3, 1)
    assert found(cluster) == {}


def test_listeners_that_are_not_set_are_the_default() -> None:
    entry = SimulatedCluster(1).configs.describe([ConfigResource("broker", "1")])[ConfigResource("broker", "1")]
    unset = entry["listeners"]._replace(value=None)
    assert [row[:3] for row in listeners_of({"listeners": unset})] == [("PLAINTEXT", "", "9092")]
    ipv6 = unset._replace(value="SSL://[::1]:9093")
    assert [tuple(row) for row in listeners_of({"listeners": ipv6})] == [("SSL", "::1", "9093", "SSL")]


class Machine:
    """A machine whose files are given."""

    def __init__(self, number: int, heap: str, memory_gib: int, files: str) -> None:
        self.entry = HostEntry(number)
        self._files = {
            "/proc/77/cmdline": "\0".join(["java", "-Xms1g", *([f"-Xmx{heap}"] if heap else []), "kafka.Kafka"]),
            "/proc/meminfo": f"MemTotal:       {memory_gib << 20} kB\nMemFree: 1 kB\n",
            "/proc/77/limits": f"Limit  Soft  Hard  Units\nMax open files            {files}    524288    files\n",
        }

    def service_state(self) -> ServiceState:
        return ServiceState("active", 77, 0)

    def read_file(self, path: str) -> bytes:
        if path not in self._files or not self.entry.node_id:
            raise HostError(f"cannot read {path}")
        return self._files[path].encode()


class Machines:
    def __init__(self, *rows: Machine) -> None:
        self.rows = rows

    def all(self, role: str | None = None) -> list[Machine]:
        return list(self.rows) if role == "broker" else []


def on_machines(*rows: Machine) -> dict[str, tuple[str, ...]]:
    cluster = healthy()
    context = ClusterContext("simulated", "127.0.0.1:1", hosts=tuple(row.entry for row in rows))
    session = OpsSession(context, admin=cluster, hosts=Machines(*rows), clock=cluster.clock)  # type: ignore[arg-type]
    return {f.rule: f.subjects for f in examine(session)}


@pytest.mark.parametrize(
    ("heap", "memory", "files", "rules"),
    [
        ("6g", 32, "100000", []),
        ("5G", 16, "unlimited", []),
        ("6144m", 12, "524288", []),
        ("", 32, "100000", []),
        ("24g", 32, "100000", ["heap_large"]),
        ("6g", 8, "100000", ["heap_large"]),
        ("1g", 32, "100000", ["heap_small"]),
        ("1g", 4, "100000", []),
        ("6g", 32, "1024", ["few_open_files"]),
    ],
)
def test_heap_and_open_files(heap: str, memory: int, files: str, rules: list[str]) -> None:
    assert on_machines(Machine(1, heap, memory, files)) == dict.fromkeys(rules, ("1",))


def test_a_machine_that_is_not_reached_is_no_healthy_one() -> None:
    machine = Machine(1, "6g", 32, "100000")
    machine.entry = dataclasses.replace(machine.entry, node_id=0)
    assert on_machines(machine) == {"not_looked_at": ("machine of broker 0",)}


def test_every_rule_has_its_texts_in_both_languages() -> None:
    rules = [key for key in messages.ENGLISH if key.startswith("finding.") and not key.endswith(".remedy")]
    named = {f"finding.{row[0].__name__}" for row in FAULTS}
    others = {
        f"finding.{rule}" for rule in ("brokers_away", "brokers_uneven", "heap_large", "heap_small", "few_open_files")
    }
    assert set(rules) == named | others
    for key in rules:
        assert f"{key}.remedy" in messages.ENGLISH
        assert key in messages.KOREAN and f"{key}.remedy" in messages.KOREAN


@pytest.mark.parametrize("catalogue", [messages.ENGLISH, messages.KOREAN], ids=["en", "ko"])
def test_remedies_name_commands_that_there_are(catalogue: dict[str, str]) -> None:
    for key, words in catalogue.items():
        if key.startswith("finding."):
            for command in re.findall(r"kappa ([a-z]+ [a-z-]+)", words):
                assert command in COMMANDS, key


def test_info_counts() -> None:
    cluster = healthy()
    cluster.stop_broker(3)
    cluster.state.topics["orders"][0].leader = -1
    info = cluster_info(cluster.session())
    assert (info.cluster_id, info.metadata, info.controller) == ("simulated-cluster", "kraft", 1)
    assert [(b.node_id, b.rack) for b in info.brokers] == [(1, "r1"), (2, "r2")]
    assert (info.away, info.topics, info.partitions, info.under_replicated, info.offline) == ((3,), 2, 12, 11, 1)


@pytest.mark.parametrize(("fault", "code"), [(auto_create, 0), (offline_partitions, 1)])
def test_the_command_ends_with_1_at_an_error(
    fault: Callable[[SimulatedCluster], None],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = healthy()
    fault(cluster)
    monkeypatch.setenv("KAPPA_LANG", "en")
    for module in (doctor_command, info_command):
        monkeypatch.setattr(module, "open_session", lambda _arguments: cluster.session())  # type: ignore[misc]
    assert main(["cluster", "doctor", "--json"]) == code
    (row,) = json.loads(capsys.readouterr().out)
    assert row["rule"] == fault.__name__
    assert main(["cluster", "doctor"]) == code
    assert f"-> {row['remedy']}" in capsys.readouterr().out
    assert main(["cluster", "info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["partitions"] == 12
    assert main(["cluster", "info"]) == 0
    assert "metadata: KRaft" in capsys.readouterr().out
