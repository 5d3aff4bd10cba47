"""Each verb beside Kafka's own tool for the same question, on Kafka 4.x with KRaft and on 3.9 with ZooKeeper.

Where a verb changes something, the tool says that it is there, and that it is gone after the undo.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as Position

from kappaflow.client.admin import NewTopic
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import ConfigError
from kappaflow.ops.contexts import ContextFile
from kappaflow.testing.apache_kafka import java_tool
from kappaflow.testing.kappa_command import KappaCommand
from kappaflow.testing.local_cluster import ClusterSpec, LocalCluster
from kappaflow.testing.raw_client import RawClient
from kappaflow.testing.simulation.producing import produce_request
from kappaflow.wire.record_batch import TRANSACTIONAL_BIT, build_batch

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(240)]
TOOLS = "org.apache.kafka.tools."
GROUPS = f"{TOOLS}consumer.group.ConsumerGroupCommand"
CONFIGS = "kafka.admin.ConfigCommand"
KRAFT, ZOOKEEPER = "KRaft", "ZooKeeper"
PRODUCE, PRODUCE_VERSION = 0, 9
SPECS = {
    KRAFT: ClusterSpec(
        brokers=2,
        controllers=1,
        configs={
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "auto.leader.rebalance.enable": "false",
            "transaction.partition.verification.enable": "false",  # so that a transaction can hang at all
        },
        heap="256m",
    ),
    ZOOKEEPER: ClusterSpec(
        brokers=2,
        version="3.9.2",
        zookeepers=1,
        configs={
            "authorizer.class.name": "kafka.security.authorizer.AclAuthorizer",
            "super.users": "User:ANONYMOUS",
            "auto.leader.rebalance.enable": "false",
            "transaction.partition.verification.enable": "false",  # so that a transaction can hang at all
        },
        heap="256m",
    ),
}


class Both(NamedTuple):
    """A cluster, and the two ways to ask it."""

    kind: str
    cluster: LocalCluster
    kappa: KappaCommand

    def java(self, tool: str, *words: str) -> str:
        """What Kafka's tool says, the one of the cluster's version."""
        main = tool if "." in tool else TOOLS + tool
        version = self.cluster.layout.of_role("broker")[0].version
        return java_tool(main, "--bootstrap-server", self.cluster.bootstrap_servers, *words, version=version)

    def data(self, *words: str) -> Any:
        """What kappa says."""
        return json.loads(self.kappa(*words, "--json"))

    def plan(self, *words: str) -> str:
        """Change something and give the plan's file."""
        return self.data(*words)["file"]


@pytest.fixture(scope="module", name="both", params=list(SPECS))
def with_a_topic_that_a_group_reads(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    """A topic ``orders`` of 300 records, of which ``readers`` have committed 100, and one finished transaction."""
    home = tmp_path_factory.mktemp(request.param)
    with LocalCluster(SPECS[request.param], name="like-java") as cluster:
        ContextFile(home / "clusters.toml").put(cluster.context(), use=True)
        with cluster.session() as session:
            session.admin.topics.create([NewTopic("orders")], {"orders": [[1, 2], [2, 1], [1, 2]]})
        servers = {"bootstrap.servers": cluster.bootstrap_servers}
        producer = Producer(servers | {"transactional.id": "loader"})
        producer.init_transactions(60)
        producer.begin_transaction()
        for number in range(300):
            producer.produce("orders", b"x" * 100, str(number), partition=number % 3)
        producer.commit_transaction(60)
        consumer = Consumer(servers | {"group.id": "readers", "enable.auto.commit": False})
        consumer.subscribe(["orders"])
        while not consumer.assignment():
            consumer.poll(0.2)
        read = [Position("orders", partition, 34 - (partition > 0)) for partition in range(3)]
        consumer.commit(offsets=read, asynchronous=False)
        consumer.close()
        with cluster.session() as session:  # a second topic, so that the group is still there without the first
            session.admin.topics.create([NewTopic("extra", 1)])
            session.admin.groups.commit("readers", {TopicPartition("extra", 0): 0})
        yield Both(request.param, cluster, KappaCommand(home))


def partitions_by_java(both: Both, topic: str) -> list[tuple[int, int, str, str]]:
    shown = both.java("TopicCommand", "--describe", "--topic", topic)
    rows = re.findall(r"Partition: (\d+)\s+Leader: (\d+)\s+Replicas: (\S+)\s+Isr: (\S+)", shown)
    return [(int(partition), int(leader), replicas, isr) for partition, leader, replicas, isr in rows]


def partitions_by_kappa(both: Both, topic: str) -> list[tuple[int, int, str, str]]:
    return [
        (p["partition"], p["leader"], ",".join(map(str, p["replicas"])), ",".join(map(str, p["in_sync"])))
        for p in both.data("topics", "describe", topic)[0]["partitions"]
    ]


def test_topics(both: Both) -> None:
    assert partitions_by_kappa(both, "orders") == partitions_by_java(both, "orders")
    listed = [row["name"] for row in both.data("topics", "list", "--internal")]
    assert listed == sorted(both.java("TopicCommand", "--list").split())
    plan = both.plan("topics", "create", "made", "--partitions", "2", "--config", "retention.ms=60000")
    assert "retention.ms=60000" in both.java("TopicCommand", "--describe", "--topic", "made")
    both.kappa("topics", "alter", "made", "--partitions", "5", "--confirm", "made")
    assert partitions_by_kappa(both, "made") == partitions_by_java(both, "made")
    assert len(partitions_by_java(both, "made")) == 5
    both.kappa("topics", "delete", "made", "--confirm", "made")
    assert "made" not in both.java("TopicCommand", "--list").split()
    assert Path(plan).exists()


def test_topics_by_pattern_by_id_and_by_their_own_configurations(both: Both) -> None:
    both.kappa("topics", "create", "named-1", "--replica-assignment", "2:1,1:2", "--config", "segment.ms=70000")
    assert [row[2] for row in partitions_by_java(both, "named-1")] == ["2,1", "1,2"]
    assert partitions_by_kappa(both, "named-1") == partitions_by_java(both, "named-1")
    assert "nothing was done" in both.kappa("topics", "create", "named-1", "--if-not-exists")
    pattern = "named-.|ord.*|rs"
    listed = both.java("TopicCommand", "--list", "--topic", pattern).split()
    assert [row["name"] for row in both.data("topics", "list", "--match", pattern)] == listed == ["named-1", "orders"]
    (ours,) = both.data("topics", "describe", "named-1")
    shown = both.java("TopicCommand", "--describe", "--topic-id", ours["topic_id"])
    assert re.findall(r"Topic: (\S+)\s+TopicId: (\S+)\s", shown) == [("named-1", ours["topic_id"])]
    assert both.data("topics", "describe", ours["topic_id"]) == [ours]
    shown = both.java("TopicCommand", "--describe", "--topics-with-overrides", "--exclude-internal")
    theirs = re.findall(r"Topic: (\S+)\s+TopicId", shown)
    found = {row["topic"] for row in both.data("topics", "describe", "--with-overrides") if not row["internal"]}
    # The tool also counts what brokers set for all topics; of one's own is what the topic has itself.
    assert found == {"named-1"} <= set(theirs)
    both.kappa("topics", "delete", "named-1", "--if-exists", "--confirm", "named-1")
    assert "nothing was done" in both.kappa("topics", "delete", "named-1", "--if-exists")


def test_offsets_of_partitions(both: Both) -> None:
    theirs = both.java("GetOffsetShell", "--topic-partitions", "orders:1-3,extra:0").split()
    ours = both.data("topics", "offsets", "extra:0", "orders:1,2")
    assert [f"{row['topic']}:{row['partition']}:{row['offset']}" for row in ours] == theirs


@pytest.mark.parametrize("time", ["latest", "earliest", "max-timestamp"])
def test_offsets(both: Both, time: str) -> None:
    theirs = both.java("GetOffsetShell", "--topic", "orders", "--time", time).split()
    ours = both.data("topics", "offsets", "orders", "--time", time)
    assert [f"{row['topic']}:{row['partition']}:{row['offset']}" for row in ours] == theirs


def test_records_are_deleted(both: Both) -> None:
    both.kappa("topics", "create", "short", "--partitions", "2")
    producer = Producer({"bootstrap.servers": both.cluster.bootstrap_servers})
    for number in range(20):
        producer.produce("short", b"x", partition=number % 2)
    assert producer.flush(30) == 0
    both.kappa("topics", "delete-records", "short:1", "--before", "7", "--confirm", "short")
    assert both.java("GetOffsetShell", "--topic", "short", "--time", "earliest").split() == ["short:0:0", "short:1:7"]
    both.kappa("topics", "delete", "short", "--confirm", "short")


def test_leaders_are_elected(both: Both) -> None:
    both.kappa("topics", "create", "led", "--partitions", "1", "--replication-factor", "2")
    ((_, leader, replicas, _),) = partitions_by_java(both, "led")
    first, second = map(int, replicas.split(","))
    assert leader == first
    with both.cluster.session() as session:
        session.admin.placement.reassign({TopicPartition("led", 0): [second, first]})
    assert partitions_by_java(both, "led")[0][1] == first
    path = both.kappa.home / "led.json"
    path.write_text(json.dumps({"partitions": [{"topic": "led", "partition": 0}]}))
    plan = both.plan("topics", "elect-leaders", "--path-to-json-file", str(path))
    assert partitions_by_java(both, "led")[0][1] == second
    assert "cannot be taken back" in both.kappa("plan", "undo", plan, code=3)
    both.kappa("topics", "delete", "led", "--confirm", "led")


def configs_by_java(both: Both, kind: str, name: str) -> dict[str, str]:
    shown = both.java(CONFIGS, "--describe", "--entity-type", kind, "--entity-name", name, "--all")
    return dict(re.findall(r"^  ([\w.]+)=(.*?) sensitive=", shown, re.MULTILINE))


@pytest.mark.parametrize(("kind", "name"), [("topic", "orders"), ("broker", "1")])
def test_configs(both: Both, kind: str, name: str) -> None:
    key = {"topic": "segment.ms", "broker": "log.cleaner.threads"}[kind]
    before = configs_by_java(both, f"{kind}s", name)
    ours = {row["key"]: row["value"] for row in both.data("configs", "describe", kind, name, "--all")}
    assert {key: value or "" for key, value in ours.items()} == {k: v.replace("null", "") for k, v in before.items()}
    plan = both.plan("configs", "alter", kind, name, "--set", f"{key}=2")
    assert configs_by_java(both, f"{kind}s", name)[key] == "2"
    both.kappa("plan", "undo", plan)
    assert configs_by_java(both, f"{kind}s", name) == before


def test_configurations_from_a_file_and_levels_of_loggers(both: Both) -> None:
    path = both.kappa.home / "more.properties"
    path.write_text("# a comment\nretention.ms=120000\ncleanup.policy=compact,delete\n")
    before = configs_by_java(both, "topics", "extra")
    plan = both.plan("configs", "alter", "topic", "extra", "--set-file", str(path))
    now = configs_by_java(both, "topics", "extra")
    assert (now["retention.ms"], now["cleanup.policy"]) == ("120000", "compact,delete")
    both.kappa("plan", "undo", plan)
    assert configs_by_java(both, "topics", "extra") == before
    logger = "kafka.log.LogCleaner" if both.kind == ZOOKEEPER else "kafka.server.ReplicaManager"
    levels = configs_by_java(both, "broker-loggers", "1")
    ours = {row["key"]: row["value"] for row in both.data("configs", "describe", "broker-logger", "1")}
    assert ours[logger] == levels[logger]
    plan = both.plan("configs", "alter", "broker-logger", "1", "--set", f"{logger}=DEBUG")
    assert configs_by_java(both, "broker-loggers", "1")[logger] == "DEBUG"
    both.kappa("plan", "undo", plan)
    assert configs_by_java(both, "broker-loggers", "1")[logger] == levels[logger]


def offsets_by_java(both: Both, group: str) -> set[tuple[str, ...]]:
    shown = both.java(GROUPS, "--describe", "--group", group)
    return set(re.findall(rf"{group}\s+orders\s+(\d)\s+(\d+)\s+(\d+)\s+(\d+)", shown))


def test_groups(both: Both) -> None:
    assert {row["group"] for row in both.data("groups", "list")} == set(both.java(GROUPS, "--list").split())
    ours = [r for r in both.data("groups", "describe", "readers")["partitions"] if r["topic"] == "orders"]
    assert {tuple(str(r[k]) for k in ("partition", "committed", "end", "lag")) for r in ours} == offsets_by_java(
        both, "readers"
    )
    before = offsets_by_java(both, "readers")
    shown = both.java(
        GROUPS, "--reset-offsets", "--group", "readers", "--topic", "orders", "--to-offset", "20", "--dry-run"
    )
    expected = set(re.findall(r"readers\s+orders\s+(\d)\s+(\d+)", shown))
    plan = both.plan("groups", "reset", "readers", "--topic", "orders", "--to-offset", "20")
    assert {row[:2] for row in offsets_by_java(both, "readers")} == expected != {row[:2] for row in before}
    both.kappa("plan", "undo", plan)
    assert offsets_by_java(both, "readers") == before
    plan = both.plan("groups", "delete-offsets", "readers", "--topic", "orders", "--confirm", "readers")
    assert offsets_by_java(both, "readers") == set()
    both.kappa("plan", "undo", plan)
    plan = both.plan("groups", "delete", "readers", "--confirm", "readers")
    assert "readers" not in both.java(GROUPS, "--list").split()
    both.kappa("plan", "undo", plan)
    assert offsets_by_java(both, "readers") == before


def test_all_groups_and_the_offsets_of_a_reset_as_a_file(both: Both) -> None:
    both.kappa("groups", "reset", "second", "--topic", "orders:0", "--to-offset", "5")
    both.kappa("groups", "reset", "third", "--topic", "extra", "--to-earliest")
    shown = both.java(GROUPS, "--describe", "--all-groups")
    theirs = set(re.findall(r"^(\S+)\s+(orders|extra)\s+(\d)\s+(\d+)\s+(\d+)\s+(\d+)", shown, re.MULTILINE))
    ours = {
        (group["group"], row["topic"], *(str(row[key]) for key in ("partition", "committed", "end", "lag")))
        for group in both.data("groups", "describe", "--all-groups", "--no-time")
        for row in group["partitions"]
    }
    assert ours == theirs
    assert {row[0] for row in theirs} == {"readers", "second", "third"}
    states = both.java(GROUPS, "--list", "--state", "Empty").splitlines()[1:]
    assert {row["group"] for row in both.data("groups", "list", "--state", "empty,dead")} == {
        s.split()[0] for s in states
    }
    words = ("--group", "readers", "--topic", "orders", "--shift-by", "-2", "--export")
    exported = both.java(GROUPS, "--reset-offsets", *words, "--dry-run").split()
    path = both.kappa.home / "offsets.csv"
    both.kappa(
        "groups", "reset", "readers", "--topic", "orders", "--shift-by", "-2", "--dry-run", "--export", str(path)
    )
    assert sorted(row.replace('"', "") for row in exported) == path.read_text().split()
    words = ("--group", "second", "--topic", "orders", "--shift-by", "2")  # of orders:0 alone there is an offset
    with pytest.raises(ConfigError, match="Cannot shift offset for partition orders-"):
        both.java(GROUPS, "--reset-offsets", *words, "--dry-run")
    refused = both.kappa("groups", "reset", "second", "--topic", "orders", "--shift-by", "2", "--dry-run", code=2)
    assert "nothing was committed for orders-1" in refused
    both.kappa("groups", "delete", "second", "third", "--confirm", "second,third")
    assert set(both.java(GROUPS, "--list").split()) == {"readers"}


def test_members_of_a_group(both: Both) -> None:
    settings = {"bootstrap.servers": both.cluster.bootstrap_servers, "group.id": "live", "client.id": "app-7"}
    consumer = Consumer(settings)
    consumer.subscribe(["orders"])
    while not consumer.assignment():
        consumer.poll(0.2)
    shown = both.java(GROUPS, "--describe", "--group", "live", "--members")
    theirs = re.findall(r"live\s+(\S+)\s+(\S+)\s+(\S+)\s+(\d+)", shown)
    ours = both.data("groups", "describe", "live")["members"]
    assert [(m["member_id"], m["host"], m["client_id"], str(len(m["partitions"]))) for m in ours] == theirs
    assert len(theirs) == 1
    consumer.close()


def test_sizes_on_disk(both: Both) -> None:
    described = json.loads(both.java("LogDirsCommand", "--describe").splitlines()[-1])
    theirs = {
        f"{replica['partition']}@{broker['broker']}": replica["size"]
        for broker in described["brokers"]
        for directory in broker["logDirs"]
        for replica in directory["partitions"]
    }
    ours = {row["name"]: row["size_bytes"] for row in both.data("disk", "usage", "--by", "partition")}
    assert ours == theirs
    paths = {f"{d['logDir']}" for broker in described["brokers"] for d in broker["logDirs"]}
    assert {row["name"].partition(":")[2] for row in both.data("disk", "usage", "--by", "directory")} == paths


def test_sizes_of_a_topic_on_a_broker(both: Both) -> None:
    words = ("--broker-list", "2", "--topic-list", "orders")
    described = json.loads(both.java("LogDirsCommand", "--describe", *words).splitlines()[-1])
    ((directory,),) = [broker["logDirs"] for broker in described["brokers"]]
    theirs = {(f"{row['partition']}@2", row["size"], row["offsetLag"]) for row in directory["partitions"]}
    rows = both.data("disk", "usage", "--by", "partition", "--broker", "2", "--topic", "orders")
    assert {(row["name"], row["size_bytes"], row["offset_lag"]) for row in rows} == theirs
    assert len(rows) == 3


def test_acls(both: Both) -> None:
    tool = "AclCommand" if both.kind == KRAFT else "kafka.admin.AclCommand"
    plan = both.plan("acls", "add", "--topic", "orders", "--principal", "alice", "--operation", "read", "--allow")
    shown = both.java(tool, "--list", "--topic", "orders")
    assert "principal=User:alice, host=*, operation=READ, permissionType=ALLOW" in shown
    both.java(tool, "--add", "--deny-principal", "User:bob", "--operation", "Write", "--topic", "ord",
              "--resource-pattern-type", "prefixed", "--force")  # fmt: skip
    rows = {
        (r["principal"], r["operation"], r["permission"], r["pattern"], r["resource_name"])
        for r in both.data("acls", "list")
    }
    assert rows == {
        ("User:alice", "Read", "allow", "literal", "orders"),
        ("User:bob", "Write", "deny", "prefixed", "ord"),
    }
    both.kappa("plan", "undo", plan)
    assert "alice" not in both.java(tool, "--list")
    assert both.data("acls", "list", "--pattern", "literal") == both.data("acls", "list", "--host", "10.0.0.1") == []
    both.kappa("acls", "remove", "--principal", "bob", "--deny", "--pattern", "prefixed", "--confirm", "remove")
    assert "bob" not in both.java(tool, "--list")


def acls_by_java(both: Both, *words: str) -> set[tuple[str, ...]]:
    tool = "AclCommand" if both.kind == KRAFT else "kafka.admin.AclCommand"
    shown = both.java(tool, "--list", *words)
    found: set[tuple[str, ...]] = set()
    resource: tuple[str, ...] = ()
    for line in shown.splitlines():
        if named := re.search(r"resourceType=(\w+), name=(\S+), patternType=(\w+)", line):
            resource = named[1].lower(), named[2], named[3].lower()
        elif entry := re.search(r"principal=(\S+), host=(\S+), operation=(\w+), permissionType=(\w+)", line):
            found.add((*resource, entry[1], entry[2], entry[3].replace("_", "").lower(), entry[4].lower()))
    return found


def acls_by_kappa(both: Both, *words: str) -> set[tuple[str, ...]]:
    keys = ("resource_kind", "resource_name", "pattern", "principal", "host", "operation", "permission")
    rows = [[row[key] for key in keys] for row in both.data("acls", "list", *words)]
    return {(*row[:5], row[5].lower(), row[6]) for row in rows}


def test_acls_by_filters(both: Both) -> None:
    who = ("acls", "add", "--principal", "dora")
    for words in (
        ("--topic", "orders", "--operation", "describe", "--host", "10.0.0.1"),
        ("--topic", "ord", "--prefixed", "--operation", "write", "--deny"),
        ("--topic", "*", "--operation", "describeconfigs"),
        ("--topic", "extra", "--consumer", "readers"),
    ):
        both.kappa(*who, *words)
    everything = acls_by_java(both)
    assert len(everything) == 6
    assert acls_by_kappa(both) == everything
    questions: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
        (("--topic", "orders"), ("--topic", "orders")),
        (("--topic", "orders", "--resource-pattern-type", "match"), ("--topic", "orders", "--matching")),
        (("--topic", "ord", "--resource-pattern-type", "prefixed"), ("--topic", "ord", "--pattern", "prefixed")),
        (("--group", "readers", "--principal", "User:dora"), ("--group", "readers", "--principal", "dora")),
        (("--topic", "extra", "--principal", "User:nobody"), ("--topic", "extra", "--principal", "nobody")),
    ]
    for theirs, ours in questions:
        assert acls_by_kappa(both, *ours) == acls_by_java(both, *theirs), (theirs, ours)
    assert len(acls_by_kappa(both, "--topic", "orders", "--matching")) == 3
    both.kappa("acls", "remove", "--principal", "dora", "--confirm", "remove")
    assert acls_by_java(both) == set()


def test_a_file_of_properties_serves_both(both: Both) -> None:
    path = both.kappa.home / "client.properties"
    path.write_text("# who asks\nsecurity.protocol=PLAINTEXT\nclient.id = asker\nrequest.timeout.ms=20000\n")
    theirs = both.java("TopicCommand", "--list", "--command-config", str(path)).split()
    shown = both.data("topics", "list", "--internal", "--command-config", str(path))
    assert [row["name"] for row in shown] == sorted(theirs)


def test_transactions(both: Both) -> None:
    shown = both.java("TransactionsCommand", "list")
    theirs = {(row[0], row[2], row[3]) for line in shown.splitlines()[1:] if len(row := line.split()) == 4}
    ours = {(r["transactional_id"], str(r["producer_id"]), r["state"]) for r in both.data("transactions", "list")}
    assert ours == theirs
    assert len(ours) == 1
    assert both.data("transactions", "hanging") == []


def leave_hanging(both: Both, topic: str, producer_id: int) -> None:
    """Write a record of a transaction that no coordinator knows."""
    leader = partitions_by_java(both, topic)[0][1]
    (address,) = (row["address"] for row in both.data("brokers", "list") if row["broker"] == leader)
    batch = build_batch(
        [(b"k", b"v")],
        timestamp_ms=int(time.time() * 1000) - 60_000,
        attributes=TRANSACTIONAL_BIT,
        producer_id=producer_id,
        producer_epoch=0,
        base_sequence=0,
    )
    with RawClient(int(address.rpartition(":")[2])) as client:
        answer = client.ask(PRODUCE, PRODUCE_VERSION, produce_request((topic, 0), batch, "forgotten"))
    assert answer.responses[0].partition_responses[0].error_code == 0


def test_hanging_transactions(both: Both) -> None:
    both.kappa("topics", "create", "hung", "--partitions", "1")
    words = ("--topic", "hung", "--partition", "0")
    for producer_id, aborts in ((987_654_321, "kappa"), (987_654_322, "java")):
        leave_hanging(both, "hung", producer_id)
        shown = both.java("TransactionsCommand", "find-hanging", *words, "--max-transaction-timeout", "0")
        theirs = [line.split() for line in shown.splitlines()[1:] if line.startswith("hung")]
        ours = json.loads(both.kappa("transactions", "hanging", "hung", "--idle", "0s", "--json", code=1))
        keys = ("producer_id", "producer_epoch", "coordinator_epoch", "transaction_start")
        assert [["hung", "0", *(str(row[key]) for key in keys)] for row in ours] == [row[:6] for row in theirs]
        assert [row["producer_id"] for row in ours] == [producer_id]
        shown = both.java("TransactionsCommand", "describe-producers", *words)
        theirs = sorted(line.split() for line in shown.splitlines()[1:] if line.strip())
        ours = both.data("transactions", "producers", "hung:0")
        found = sorted([str(r[k]) for k in ("producer_id", "producer_epoch", "coordinator_epoch")] for r in ours)
        assert found == [row[:3] for row in theirs]
        start = next(row["transaction_start"] for row in ours if row["producer_id"] == producer_id)
        if aborts == "kappa":
            told = ("--start-offset", str(start), "--confirm", str(producer_id))
            both.kappa("transactions", "abort", "hung:0", *told)
        else:
            both.java("TransactionsCommand", "abort", *words, "--start-offset", str(start))
        shown = both.java("TransactionsCommand", "find-hanging", *words, "--max-transaction-timeout", "0")
        assert "hung" not in shown
        assert both.data("transactions", "hanging", "hung", "--idle", "0s") == []
    both.kappa("topics", "delete", "hung", "--confirm", "hung")


def test_quotas_and_users(both: Both, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    quota = both.plan("quotas", "set", "--user", "carol", "--consumer-rate", "1MB/s")
    user = both.plan("users", "add", "carol", "--password-file", str(tmp_path / "password"))
    shown = both.java(CONFIGS, "--describe", "--entity-type", "users", "--entity-name", "carol")
    assert "consumer_byte_rate=1048576" in shown
    assert "SCRAM-SHA-" in shown
    both.java(
        CONFIGS, "--alter", "--entity-type", "clients", "--entity-name", "app", "--add-config", "request_percentage=70"
    )
    rows = {(r["user"], r["client_id"]): r["quotas"] for r in both.data("quotas", "list")}
    assert rows == {("carol", ""): {"consumer_byte_rate": 1048576.0}, ("", "app"): {"request_percentage": 70.0}}
    both.kappa("plan", "undo", user)
    both.kappa("plan", "undo", quota)
    assert "carol" not in both.java(CONFIGS, "--describe", "--entity-type", "users")
    both.kappa("quotas", "remove", "--client-id", "app")
    assert "app" not in both.java(CONFIGS, "--describe", "--entity-type", "clients")


def test_reassignments(both: Both) -> None:
    tool = f"{TOOLS}reassign.ReassignPartitionsCommand"
    both.kappa("topics", "create", "moved", "--partitions", "1", "--replication-factor", "1")
    ((_, leader, _, _),) = partitions_by_java(both, "moved")
    producer = Producer({"bootstrap.servers": both.cluster.bootstrap_servers})
    for _ in range(40):
        producer.produce("moved", b"x" * 100_000)
    assert producer.flush(60) == 0
    with both.cluster.session() as session:
        from_java = {"version": 1, "partitions": [{"topic": "moved", "partition": 0, "replicas": [3 - leader]}]}
        path = both.kappa.home / "moves.json"
        path.write_text(json.dumps(from_java))
        both.java(tool, "--execute", "--reassignment-json-file", str(path), "--throttle", "1000")
        shown = both.java(tool, "--list")
        ours = both.data("reassign", "status")
        assert re.findall(r"(\S+)-(\d+): replicas: (\S+?)\. adding: (\S+?)\. removing: (\S+?)\.", shown) == [
            (r["topic"], str(r["partition"]), *(",".join(map(str, r[k])) for k in ("replicas", "adding", "removing")))
            for r in ours["reassignments"]
        ]
        assert len(ours["reassignments"]) == 1
        assert {"leader.replication.throttled.rate", "follower.replication.throttled.rate"} <= {
            t["key"] for t in ours["throttles"]
        }
        both.kappa("reassign", "cancel", "--confirm", "cancel")
        assert "No partition reassignments found" in both.java(tool, "--list")
        both.kappa("reassign", "clean-throttles")
        assert session.admin.placement.reassignments() == []
    assert both.data("reassign", "status") == {"reassignments": [], "throttles": []}
    both.kappa("topics", "delete", "moved", "--confirm", "moved")


def test_the_cluster_and_its_brokers(both: Both) -> None:
    info = both.data("cluster", "info")
    version = both.cluster.layout.of_role("broker")[0].version
    words = ["cluster-id", "--bootstrap-server", both.cluster.bootstrap_servers]
    assert f"Cluster ID: {info['cluster_id']}" in java_tool(f"{TOOLS}ClusterTool", *words, version=version)
    tool = "BrokerApiVersionsCommand" if both.kind == KRAFT else "kafka.admin.BrokerApiVersionsCommand"
    theirs = set(re.findall(r"^(\S+) \(id: (\d+) rack: ", both.java(tool), re.MULTILINE))
    assert {(row["address"], str(row["broker"])) for row in both.data("brokers", "list")} == theirs


def test_the_quorum_or_its_absence(both: Both) -> None:
    if both.kind == ZOOKEEPER:
        status = both.data("zookeeper", "status")
        assert [row["mode"] for row in status["servers"]] == ["standalone"]
        return
    shown = both.java("MetadataQuorumCommand", "describe", "--replication")
    theirs = {(line.split()[0], line.split()[-1]) for line in shown.splitlines()[1:] if line.strip()}
    ours = {(str(m["node_id"]), m["role"].capitalize()) for m in both.data("quorum", "status")["members"]}
    assert ours == theirs
    status = both.java("MetadataQuorumCommand", "describe", "--status")
    assert int(re.findall(r"LeaderId:\s+(\d+)", status)[0]) == both.data("quorum", "status")["leader_id"]


def test_features(both: Both) -> None:
    tool = "FeatureCommand" if both.kind == KRAFT else "kafka.admin.FeatureCommand"
    shown = java_tool(
        tool if "." in tool else TOOLS + tool,
        *("--bootstrap-server", both.cluster.bootstrap_servers, "describe"),
        version=both.cluster.layout.of_role("broker")[0].version,
    )
    theirs = dict(re.findall(r"Feature: (\S+)\s.*FinalizedVersionLevel: (\S+)", shown))
    with both.cluster.session() as session:
        levels = {name: str(state.level) for name, state in session.admin.features.describe().items()}
    assert set(levels) == set(theirs)
    # The tool prints the level of metadata.version as the version that it belongs to.
    assert {name: level for name, level in levels.items() if name != "metadata.version"} == {
        name: level for name, level in theirs.items() if name != "metadata.version"
    }
