"""Disks on a simulated cluster: usage, what-if, directories; properties files."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.client.listed_offsets import ListedOffset
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops import disk
from kappaflow.ops.disk import segments as segments_module
from kappaflow.ops.disk.segments import Segment, expired_bytes
from kappaflow.ops.hosts import properties
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner
from kappaflow.ops.session import OpsSession
from kappaflow.testing.simulated_cluster import SimulatedCluster

MIB = 1 << 20
HOUR = 3_600_000


@pytest.mark.parametrize("module", [segments_module, properties])
def test_examples_in_docstrings(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@given(
    sizes=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 99)), min_size=1, max_size=8), kept=st.integers(0, 80)
)
def test_what_expires_is_what_a_broker_would_delete(sizes: list[tuple[int, int]], kept: int) -> None:
    rows, base = [], 0
    for records, size in sizes:
        rows.append(Segment(base, size, ""))
        base += records
    kept = min(kept, base)
    # The rule of the brokers: from the oldest on, as long as every record of the segment is too old.
    expected = 0
    for (records, size), row in zip(sizes, rows, strict=True):
        if not all(offset < kept for offset in range(row.base_offset, row.base_offset + records)):
            break
        expected += size
    assert expired_bytes(rows, kept, base) == expected


def run(session: OpsSession, plan: Plan, home: Path, work: str = "apply") -> None:
    with PlanJournal(plan, home / "journal") as journal:
        getattr(PlanRunner(session, plan, journal, AuditLog(home / "audit.jsonl")), work)()


class Ages:
    """Gives a simulated cluster records of every age: one an hour, the newest an hour old."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self.ask = cluster.topics.list_offsets
        cluster.topics.list_offsets = self.list_offsets  # type: ignore[method-assign]

    def list_offsets(self, timestamps: dict[TopicPartition, int]) -> dict[TopicPartition, ListedOffset]:
        found = self.ask(timestamps)
        for name, at in timestamps.items():
            if at >= 0:
                partition = self.cluster.state.topics[name.topic][name.partition]
                age = (self.cluster.clock.time_ms() - at) // HOUR
                offset = max(partition.begin, partition.end - age)
                found[name] = ListedOffset(offset if offset < partition.end else -1, -1, 0)
        return found


@pytest.fixture(name="cluster")
def with_records_of_every_age() -> SimulatedCluster:
    cluster = SimulatedCluster(brokers=2, directories=2)
    cluster.add_topic("large", 1, 2, size_bytes=168 * MIB, records=168)
    cluster.add_topic("small", 1, 1, size_bytes=24 * MIB, records=24)
    Ages(cluster)
    return cluster


def test_usage_is_added_up_by_anything(cluster: SimulatedCluster) -> None:
    session = cluster.session()
    assert [(r.name, r.size_bytes // MIB) for r in disk.disk_usage(session, "topic")] == [("large", 336), ("small", 24)]
    assert sum(r.size_bytes for r in disk.disk_usage(session)) == 360 * MIB
    assert disk.disk_usage(session, "partition")[0].name == "large-0@1"


def test_the_mildest_cut_of_the_largest_topic_is_proposed(cluster: SimulatedCluster) -> None:
    cuts = disk.propose_cuts(disk.RetentionWhatIf(cluster.session()), 100 * MIB)
    assert [(c.topic, c.after_ms // HOUR, c.freed_bytes // MIB, c.exact) for c in cuts] == [("large", 72, 192, False)]


def test_where_one_topic_is_not_enough_the_next_gives_the_rest(cluster: SimulatedCluster) -> None:
    cuts = disk.propose_cuts(disk.RetentionWhatIf(cluster.session()), 340 * MIB)
    assert [c.topic for c in cuts] == ["large", "small"]
    assert sum(c.freed_bytes for c in cuts) >= 340 * MIB


def test_no_group_loses_what_it_has_not_read_unless_that_is_accepted(cluster: SimulatedCluster) -> None:
    cluster.add_group("slow", {TopicPartition("large", 0): 10})
    session = cluster.session()
    assert [c.topic for c in disk.propose_cuts(disk.RetentionWhatIf(session), 100 * MIB)] == ["small"]
    plan = disk.plan_free(session, 100 * MIB, allow_losers=True)
    assert "slow" in " ".join(map(str, plan.warnings))
    assert plan.confirmation == "free"


def test_a_temporary_cut_waits_and_puts_the_old_retention_back(cluster: SimulatedCluster, tmp_path: Path) -> None:
    cluster.state.configs["topic", "large"] = {"retention.ms": str(200 * HOUR)}
    plan = disk.plan_free(cluster.session(), 100 * MIB, topics=["large"], temporary=True)
    seen: list[str] = []

    def pause(seconds: float) -> None:
        seen.append(cluster.state.configs["topic", "large"]["retention.ms"])
        if len(seen) > 3:  # the brokers have looked for old segments
            cluster.state.topics["large"][0].size_bytes = 72 * MIB
        cluster.advance(seconds)

    session = OpsSession(cluster.session().context, admin=cluster, clock=cluster.clock, pause=pause)
    run(session, plan, tmp_path)
    assert set(seen) == {str(72 * HOUR)}
    assert cluster.state.configs["topic", "large"] == {"retention.ms": str(200 * HOUR)}


def test_directories_are_levelled_and_brought_back(cluster: SimulatedCluster, tmp_path: Path) -> None:
    for number in range(6):
        cluster.add_topic(f"t{number}", 1, replicas=[[1]], size_bytes=(number + 1) * 10 * MIB)
    before = {path: set(held) for path, held in cluster.state.brokers[1].directories.items()}
    plan = disk.plan_balance_directories(cluster.session(), 1)
    run(cluster.session(), plan, tmp_path)
    sizes = [row.size_bytes for row in disk.disk_usage(cluster.session(), "directory") if row.name.startswith("1:")]
    assert max(sizes) - min(sizes) <= 0.15 * max(sizes)
    run(cluster.session(), plan, tmp_path, "undo")
    assert cluster.state.brokers[1].directories == before


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(0, 100), min_size=1, max_size=30), directories=st.integers(2, 4))
def test_levelling_never_makes_it_worse(sizes: list[int], directories: int) -> None:
    cluster = SimulatedCluster(brokers=1, directories=directories)
    for number, size in enumerate(sizes):
        cluster.add_topic(f"t{number}", 1, replicas=[[1]], size_bytes=size)
    try:
        plan = disk.plan_balance_directories(cluster.session(), 1)
    except UsageError:
        return
    held = dict.fromkeys(cluster.state.brokers[1].directories, 0)
    held["/data1"] = sum(sizes)
    for step in plan.steps:
        for row in step.arguments["replicas"]:
            held[row["from"]] -= row["bytes"]
            held[row["to"]] += row["bytes"]
    assert max(held.values()) < sum(sizes)
    assert max(held.values()) - min(held.values()) <= max(*sizes, 0.05 * max(held.values()))
