"""Topics, groups, disks and transactions beyond their plain verbs: patterns, ids, several at once, files."""

from __future__ import annotations

from pathlib import Path

import pytest

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import PlanError, UsageError
from kappaflow.ops import disk, groups, topics, transactions
from kappaflow.ops.admin import ConfigResource, ProducerState, TransactionState
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner, write_plan
from kappaflow.ops.plans.journal import journal_path
from kappaflow.ops.session import OpsSession
from kappaflow.testing.simulated_cluster import SimulatedCluster

MIB = 1 << 20


@pytest.fixture(name="cluster")
def with_topics_and_groups() -> SimulatedCluster:
    cluster = SimulatedCluster(brokers=3)
    for name in ("orders", "orders-eu", "clicks"):
        cluster.add_topic(name, partitions=2, replication_factor=2, size_bytes=MIB, records=100)
    cluster.add_group("readers", {TopicPartition("orders", 0): 40, TopicPartition("orders", 1): 60}, {})
    cluster.add_group("others", {TopicPartition("clicks", 0): 10}, {})
    return cluster


def apply(session: OpsSession, plan: Plan, path: Path) -> None:
    write_plan(plan, path)
    with PlanJournal(plan, journal_path(path)) as journal:
        runner = PlanRunner(session, plan, journal, AuditLog(path.parent / "audit.jsonl"))
        runner.apply()
        assert runner.verify() == []


def undo(session: OpsSession, plan: Plan, path: Path) -> None:
    with PlanJournal(plan, journal_path(path)) as journal:
        PlanRunner(session, plan, journal, AuditLog(path.parent / "audit.jsonl")).undo()


def test_topics_are_found_by_a_pattern_of_the_whole_name(cluster: SimulatedCluster) -> None:
    session = cluster.session()
    assert [row.name for row in topics.list_topics(session, match="orders")] == ["orders"]
    assert [row.name for row in topics.list_topics(session, match="orders.*")] == ["orders", "orders-eu"]
    assert [d.topic.name for d in topics.describe_topics(session, match="orders-..|clicks")] == ["clicks", "orders-eu"]
    found = topics.get_offsets(session, (), topics.POSITIONS["latest"], match="cl.*")
    assert [str(row.partition) for row in found] == ["clicks-0", "clicks-1"]
    with pytest.raises(UsageError, match="no regular expression"):
        topics.list_topics(session, match="(")


def test_a_topic_is_found_by_its_id_and_by_having_configurations(cluster: SimulatedCluster) -> None:
    session = cluster.session()
    topic_id = session.admin.topics.describe(["clicks"])["clicks"].topic_id
    assert [d.topic.name for d in topics.describe_topics(session, [topic_id, "orders"])] == ["clicks", "orders"]
    with pytest.raises(UsageError, match="there is no topic"):
        topics.describe_topics(session, ["AAAAAAAAAAAAAAAAAAAAAA"])
    session.admin.configs.alter({ConfigResource("topic", "orders"): {"retention.ms": "1000"}})
    assert [d.topic.name for d in topics.describe_topics(session, overrides=True)] == ["orders"]


def test_offsets_of_named_partitions(cluster: SimulatedCluster) -> None:
    session = cluster.session()
    latest = topics.POSITIONS["latest"]
    found = topics.get_offsets(session, ["clicks"], latest, partitions=[TopicPartition("orders", 1)])
    assert [str(row.partition) for row in found] == ["clicks-0", "clicks-1", "orders-1"]
    with pytest.raises(UsageError, match="orders-9"):
        topics.get_offsets(session, (), latest, partitions=[TopicPartition("orders", 9)])


def test_a_topic_is_created_where_the_replicas_are_wanted(cluster: SimulatedCluster, tmp_path: Path) -> None:
    session = cluster.session()
    plan = topics.plan_create(session, "placed", assignments=[[3, 1], [2, 3]])
    apply(session, plan, tmp_path / "plan.json")
    placed = session.admin.topics.describe(["placed"])["placed"]
    assert [p.replicas for p in placed.partitions] == [(3, 1), (2, 3)]
    undo(session, plan, tmp_path / "plan.json")
    assert session.admin.topics.describe(["placed"]) == {}


@pytest.mark.parametrize(
    ("assignments", "said"),
    [
        ([], "at least one partition"),
        ([[1, 2], [3]], "as many replicas"),
        ([[1, 1]], "on another broker"),
        ([[1, 9]], "broker 9, which is not in the cluster"),
    ],
)
def test_assignments_that_cannot_be_are_refused(
    cluster: SimulatedCluster, assignments: list[list[int]], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        topics.plan_create(cluster.session(), "placed", assignments=assignments)


def test_the_offsets_of_a_reset_are_written_and_read(cluster: SimulatedCluster, tmp_path: Path) -> None:
    session = cluster.session()
    plan = groups.plan_reset(session, "readers", groups.ResetTarget("shift", -5))
    groups.write_offsets(plan, tmp_path / "offsets.csv")
    assert (tmp_path / "offsets.csv").read_text() == "orders,0,35\norders,1,55\n"
    again = groups.plan_reset(session, "readers", groups.ResetTarget.from_file(tmp_path / "offsets.csv"))
    assert again.steps == plan.steps
    with pytest.raises(UsageError, match="cannot be written"):
        groups.write_offsets(plan, tmp_path / "none" / "offsets.csv")


def test_several_groups_are_deleted_and_come_back(cluster: SimulatedCluster, tmp_path: Path) -> None:
    session = cluster.session()
    before = [d.partitions for d in groups.list_groups(session)]
    plan = groups.plan_delete(session, "readers", "others", "readers")
    assert plan.confirmation == "readers,others"
    apply(session, plan, tmp_path / "plan.json")
    assert groups.list_groups(session) == []
    undo(session, plan, tmp_path / "plan.json")
    assert [d.partitions for d in groups.list_groups(session)] == before


def test_all_groups_are_described_with_their_kind(cluster: SimulatedCluster) -> None:
    found = groups.describe_groups(cluster.session(), seconds=False)
    assert [(d.group.group_id, d.kind, d.lag) for d in found] == [
        ("others", "classic", 90),
        ("readers", "classic", 100),
    ]


def test_disk_usage_of_some_brokers_and_topics(cluster: SimulatedCluster) -> None:
    session = cluster.session()
    rows = disk.disk_usage(session, "partition", topics=["orders"])
    assert {row.name.partition("@")[0] for row in rows} == {"orders-0", "orders-1"}
    assert {(row.size_bytes, row.offset_lag, row.moving) for row in rows} == {(MIB, 0, 0)}
    assert [row.name for row in disk.disk_usage(session, brokers=[2])] == ["2"]
    with pytest.raises(UsageError, match="broker 7"):
        disk.disk_usage(session, brokers=[7])
    with pytest.raises(UsageError, match="there is no topic nothing"):
        disk.disk_usage(session, topics=["nothing"])


def test_an_open_transaction_is_terminated_everywhere(cluster: SimulatedCluster, tmp_path: Path) -> None:
    session = cluster.session()
    where = (TopicPartition("clicks", 0), TopicPartition("orders", 1))
    start = cluster.clock.time_ms() - 90_000
    cluster.state.transactions["loader"] = TransactionState("loader", 7, 0, "Ongoing", 60_000, start, where)
    cluster.state.transactions["idle"] = TransactionState("idle", 8, 0, "Empty", 60_000, None, ())
    for name in where:
        cluster.state.producers[name] = [ProducerState(7, 0, start, -1, 90)]
    assert [r.transaction.transactional_id for r in transactions.list_transactions(session, open_for_s=80)] == [
        "loader"
    ]
    assert transactions.list_transactions(session, open_for_s=100) == []
    assert [r.transaction.transactional_id for r in transactions.list_transactions(session, match="i.*")] == ["idle"]
    assert [(r.partition, r.producer.producer_id) for r in transactions.list_producers(session, where)] == [
        (where[0], 7),
        (where[1], 7),
    ]
    plan = transactions.plan_terminate(session, "loader")
    assert plan.confirmation == "loader"
    assert len(plan.effects) == 2
    apply(session, plan, tmp_path / "plan.json")
    assert session.admin.transactions.stable_offsets(where) == dict.fromkeys(where, 100)
    assert transactions.describe_transaction(session, "loader").open_s is None
    for name, said in (("loader", "no open transaction"), ("unknown", "no coordinator knows")):
        with pytest.raises(UsageError, match=said):
            transactions.plan_terminate(session, name)


def test_a_plan_file_that_cannot_be_written_is_an_error_of_ours(cluster: SimulatedCluster, tmp_path: Path) -> None:
    plan = topics.plan_create(cluster.session(), "made")
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanError, match="cannot be written"):
        write_plan(plan, tmp_path / "file" / "plan.json")
