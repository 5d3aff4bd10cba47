"""Elections of preferred leaders: who can lead now, who cannot, and what is said of these."""

from __future__ import annotations

from pathlib import Path

import pytest

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UnsafeError, UsageError
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner, StepProblem
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import plan_preferred
from kappaflow.ops.topics.elections import PARTITIONS_SHOWN
from kappaflow.testing.simulated_cluster import SimulatedCluster


def led_by_others(partitions: int = 3) -> SimulatedCluster:
    """Each partition of ``orders`` is led by its second replica."""
    cluster = SimulatedCluster(brokers=3)
    cluster.add_topic("orders", partitions, 2)
    for partition in cluster.state.topics["orders"]:
        partition.leader = partition.replicas[1]
    return cluster


def fall_behind(cluster: SimulatedCluster, number: int) -> int:
    """The preferred leader of a partition is not in sync any more; returns it."""
    partition = cluster.state.topics["orders"][number]
    partition.in_sync = {partition.replicas[1]}
    return partition.replicas[0]


def apply(session: OpsSession, plan: Plan, path: Path) -> list[StepProblem]:
    with PlanJournal(plan, path / "journal") as journal:
        runner = PlanRunner(session, plan, journal, AuditLog(path / "audit"))
        runner.apply()
        return runner.verify()


def test_who_is_not_in_sync_is_left_out_and_named(tmp_path: Path) -> None:
    cluster = led_by_others()
    broker = fall_behind(cluster, 1)
    session = cluster.session()
    plan = plan_preferred(session)
    assert [row["partition"] for row in plan.steps[0].arguments["partitions"]] == [0, 2]
    assert len(plan.warnings) == 1
    assert "orders-1" in str(plan.warnings[0])
    assert f"broker {broker} is not in sync" in str(plan.warnings[0])
    assert apply(session, plan, tmp_path) == []
    led = [p.leader == p.replicas[0] for p in cluster.state.topics["orders"]]
    assert led == [True, False, True]


def test_where_nobody_can_lead_the_reason_is_said_and_no_plan_made() -> None:
    cluster = led_by_others()
    for number in range(3):
        fall_behind(cluster, number)
    with pytest.raises(UsageError, match=r"orders-0 .* is not in sync .*orders-2"):
        plan_preferred(cluster.session())
    with pytest.raises(UsageError, match=r"orders-1 .* is not in sync"):
        plan_preferred(cluster.session(), [TopicPartition("orders", 1)])


def test_of_many_that_cannot_lead_some_are_named_and_the_others_counted() -> None:
    cluster = led_by_others(PARTITIONS_SHOWN + 6)
    for number in range(PARTITIONS_SHOWN + 5):
        fall_behind(cluster, number)
    plan = plan_preferred(cluster.session())
    assert len(plan.warnings) == PARTITIONS_SHOWN + 1
    assert "5 partitions more" in str(plan.warnings[-1])


def test_all_led_as_preferred_is_said() -> None:
    cluster = SimulatedCluster(brokers=3)
    cluster.add_topic("orders", 3, 2)
    with pytest.raises(UsageError, match="every partition is led by its preferred replica"):
        plan_preferred(cluster.session())


def test_who_fell_behind_after_the_plan_is_named_and_nothing_is_elected(tmp_path: Path) -> None:
    cluster = led_by_others()
    session = cluster.session()
    plan = plan_preferred(session)
    before = [p.leader for p in cluster.state.topics["orders"]]
    fall_behind(cluster, 2)
    with pytest.raises(UnsafeError, match=r"orders-2 .* is not in sync"):
        apply(session, plan, tmp_path)
    assert [p.leader for p in cluster.state.topics["orders"]] == before
