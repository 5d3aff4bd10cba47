"""Reassignment on a simulated cluster: what plans hold, whatever crashes between."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import PlanError, RequestNotSentError, UnsafeError, UsageError
from kappaflow.ops import reassignment
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner, find_action
from kappaflow.ops.reassignment import MoveOptions
from kappaflow.ops.reassignment.balancing import balance_moves
from kappaflow.ops.reassignment.hours import HourWindow
from kappaflow.ops.reassignment.layout import Layout, distinct_racks, observe_layout
from kappaflow.ops.reassignment.planning import busiest_bytes
from kappaflow.ops.session import OpsSession
from kappaflow.testing.simulated_cluster import SimulatedCluster

MIB = 1 << 20
THROTTLED = MoveOptions(throttle_bytes_per_s=10 * MIB, batch=3)


class Crash(BaseException):
    """The process ends here."""


def run(session: OpsSession, plan: Plan, home: Path, work: str = "apply") -> list[Any]:
    with PlanJournal(plan, home / "journal") as journal:
        runner = PlanRunner(session, plan, journal, AuditLog(home / "audit.jsonl"))
        getattr(runner, work)()
        return runner.verify()


def placement(cluster: SimulatedCluster) -> dict[TopicPartition, tuple[list[int], int]]:
    return {
        TopicPartition(topic, number): (list(p.replicas), p.leader)
        for topic, rows in cluster.state.topics.items()
        for number, p in enumerate(rows)
    }


def counts(cluster: SimulatedCluster) -> Counter[int]:
    return Counter(b for replicas, _ in placement(cluster).values() for b in replicas)


def is_free_of_throttles(cluster: SimulatedCluster) -> bool:
    return not any(key for values in cluster.state.configs.values() for key in values if "throttled" in key)


@pytest.fixture(name="cluster")
def three_brokers() -> SimulatedCluster:
    cluster = SimulatedCluster(brokers=3)
    cluster.add_topic("orders", partitions=8, replication_factor=2, size_bytes=20 * MIB)
    cluster.add_topic("payments", partitions=4, replication_factor=2, size_bytes=5 * MIB)
    return cluster


def test_more_replicas_leave_every_leader_where_it_is(cluster: SimulatedCluster, tmp_path: Path) -> None:
    before = placement(cluster)
    plan = reassignment.plan_replication_factor(cluster.session(), ["orders"], 3, THROTTLED)
    assert run(cluster.session(), plan, tmp_path) == []
    after = placement(cluster)
    for name, (replicas, leader) in before.items():
        wanted = 3 if name.topic == "orders" else 2
        assert len(after[name][0]) == wanted
        assert after[name][0][:2] == replicas, "the preferred order"
        assert after[name][1] == leader
    assert is_free_of_throttles(cluster)
    run(cluster.session(), plan, tmp_path, "undo")
    assert placement(cluster) == before


def test_a_throttle_holds(cluster: SimulatedCluster, tmp_path: Path) -> None:
    started = cluster.clock.time_ms()
    plan = reassignment.plan_replication_factor(cluster.session(), ["orders"], 3, MoveOptions(4 * MIB))
    run(cluster.session(), plan, tmp_path)
    seconds = (cluster.clock.time_ms() - started) / 1000
    assert seconds >= 20 * 8 / 3 / 4 * 0.8, "160 MiB to three brokers at 4 MiB/s each"


def test_fewer_replicas_lose_the_least_useful_ones(cluster: SimulatedCluster, tmp_path: Path) -> None:
    cluster.add_topic("wide", partitions=3, replication_factor=3)
    cluster.state.topics["wide"][0].in_sync.discard(cluster.state.topics["wide"][0].replicas[1])
    lagging = cluster.state.topics["wide"][0].replicas[1]
    plan = reassignment.plan_replication_factor(cluster.session(), ["wide"], 2)
    assert run(cluster.session(), plan, tmp_path) == []
    assert lagging not in cluster.state.topics["wide"][0].replicas


def test_new_brokers_get_their_share_with_the_fewest_moves(cluster: SimulatedCluster, tmp_path: Path) -> None:
    cluster.add_broker(4)
    before = placement(cluster)
    plan = reassignment.plan_scale_out(cluster.session(), [4], THROTTLED)
    assert run(cluster.session(), plan, tmp_path) == []
    after = placement(cluster)
    moved = sum(len(set(after[n][0]) - set(before[n][0])) for n in before)
    assert moved == counts(cluster)[4] == sum(counts(cluster).values()) // 4
    assert max(counts(cluster).values()) - min(counts(cluster).values()) <= 1
    leaders = Counter(leader for _, leader in after.values())
    assert max(leaders.values()) - min(leaders.values()) <= 1


@pytest.mark.parametrize("partitions", [10, 15, 20])
def test_no_leader_sends_to_new_brokers_much_more_than_the_others(partitions: int) -> None:
    cluster = SimulatedCluster(brokers=3)
    cluster.add_topic("data", partitions, replication_factor=2)
    for number, partition in enumerate(cluster.state.topics["data"]):
        partition.size_bytes = 20 * MIB + 1000 * (number * 7 % 5)
    cluster.add_broker(4)
    cluster.add_broker(5)
    layout = observe_layout(cluster.session())
    sent = Counter[int]()
    for name, after in balance_moves(layout, receivers=[4, 5]).items():
        sent[layout.leaders[name]] += len(set(after) - set(layout.replicas[name]))
    assert max(sent.values()) - min(sent.values()) <= 1


def test_the_time_is_that_of_the_broker_that_sends_or_takes_most(cluster: SimulatedCluster) -> None:
    cluster.add_broker(4)
    one, two = TopicPartition("orders", 0), TopicPartition("orders", 1)
    layout = observe_layout(cluster.session())
    taker = {one: (*layout.replicas[one], 4), two: (*layout.replicas[two], 4)}
    assert layout.leaders[one] != layout.leaders[two]
    assert busiest_bytes(layout, taker) == 40 * MIB, "broker 4 takes both"
    other = ({1, 2, 3} - set(layout.replicas[one])).pop()
    assert busiest_bytes(layout, {one: (*layout.replicas[one], 4, other)}) == 40 * MIB, "its leader sends it twice"
    assert busiest_bytes(layout, {one: tuple(reversed(layout.replicas[one]))}) == 0


def test_a_drained_broker_holds_nothing(cluster: SimulatedCluster, tmp_path: Path) -> None:
    plan = reassignment.plan_drain(cluster.session(), [2])
    assert plan.confirmation == "2"
    assert run(cluster.session(), plan, tmp_path) == []
    assert counts(cluster)[2] == 0
    assert all(len(replicas) == 2 for replicas, _ in placement(cluster).values())


def test_a_dead_broker_is_drained(cluster: SimulatedCluster, tmp_path: Path) -> None:
    cluster.stop_broker(3)
    assert run(cluster.session(), reassignment.plan_drain(cluster.session(), [3]), tmp_path) == []
    assert counts(cluster)[3] == 0


def test_a_drain_without_room_is_refused(cluster: SimulatedCluster) -> None:
    with pytest.raises(UsageError, match="reduce its replicas"):
        reassignment.plan_drain(cluster.session(), [1, 2])


def test_racks_stay_apart(tmp_path: Path) -> None:
    cluster = SimulatedCluster(brokers=6, racks=3)
    cluster.add_topic("t", partitions=12, replicas=[[1, 2, 3]] * 12)
    layout = observe_layout(cluster.session())
    assert run(cluster.session(), reassignment.plan_balance(cluster.session()), tmp_path) == []
    for name, (replicas, _) in placement(cluster).items():
        assert distinct_racks(layout, replicas) == 3, name
    assert max(counts(cluster).values()) == min(counts(cluster).values()) == 6


def test_others_reassignments_are_left_alone(cluster: SimulatedCluster) -> None:
    name = TopicPartition("orders", 0)
    cluster.placement.reassign({name: [1, 2, 3]})
    session = cluster.session()
    with pytest.raises(UnsafeError, match="somebody else"):
        reassignment.plan_replication_factor(session, ["orders"], 3)
    cancel = reassignment.plan_cancel(session)
    assert len(cancel.steps[0].arguments["partitions"]) == 1


def test_a_move_begun_by_others_meanwhile_is_refused(cluster: SimulatedCluster, tmp_path: Path) -> None:
    session = cluster.session()
    plan = reassignment.plan_replication_factor(session, ["payments"], 3)
    cluster.placement.reassign({TopicPartition("payments", 0): [3]})
    cluster.advance(1000)
    with pytest.raises(UnsafeError, match="was on"):
        run(session, plan, tmp_path)


def test_throttles_that_were_left_behind_are_lifted_and_static_ones_named(
    cluster: SimulatedCluster, tmp_path: Path
) -> None:
    rate = "follower.replication.throttled.rate"
    cluster.state.configs["broker", "1"] = {rate: "1000"}
    cluster.state.configs["topic", "orders"] = {"leader.replication.throttled.replicas": "0:1"}
    cluster.state.brokers[2].static[rate] = "5"
    plan = reassignment.plan_clean_throttles(cluster.session())
    assert "broker 2" in str(plan.warnings[0])
    assert run(cluster.session(), plan, tmp_path) == []
    assert is_free_of_throttles(cluster)
    assert cluster.state.brokers[2].static == {rate: "5"}
    run(cluster.session(), plan, tmp_path, "undo")
    assert cluster.state.configs["broker", "1"] == {rate: "1000"}


def test_a_limit_that_somebody_else_has_set_is_there_again_at_the_end(
    cluster: SimulatedCluster, tmp_path: Path
) -> None:
    rate, replicas = "leader.replication.throttled.rate", "leader.replication.throttled.replicas"
    cluster.state.configs["broker", "1"] = {rate: "1000"}
    cluster.state.configs["topic", "orders"] = {replicas: "77:1"}
    before = {key: dict(values) for key, values in cluster.state.configs.items()}
    plan = reassignment.plan_replication_factor(cluster.session(), ["orders"], 3, THROTTLED)
    assert "broker 1, topic orders" in str(plan.warnings[0])
    meanwhile = plan.steps[0].arguments["topics"]["orders"][replicas].split(",")
    assert meanwhile[0] == "77:1"
    assert len(meanwhile) > 8, "theirs and the plan's own"
    assert run(cluster.session(), plan, tmp_path) == []
    assert {key: values for key, values in cluster.state.configs.items() if values} == before
    run(cluster.session(), plan, tmp_path, "undo")
    assert {key: values for key, values in cluster.state.configs.items() if values} == before


def test_a_file_of_kafkas_own_tool_is_taken(cluster: SimulatedCluster, tmp_path: Path) -> None:
    rows = [{"topic": "payments", "partition": 0, "replicas": [2, 1], "log_dirs": ["any", "any"]}]
    (tmp_path / "move.json").write_text(json.dumps({"version": 1, "partitions": rows}))
    assert (
        run(cluster.session(), reassignment.plan_from_file(cluster.session(), tmp_path / "move.json"), tmp_path) == []
    )
    assert cluster.state.topics["payments"][0].replicas == [2, 1]


@settings(max_examples=40, deadline=None)
@given(pauses=st.lists(st.integers(0, 12), max_size=4), undo=st.booleans(), kind=st.sampled_from(["factor", "drain"]))
def test_crashes_in_the_middle_of_moves_change_nothing_about_the_end(
    tmp_path_factory: pytest.TempPathFactory, pauses: list[int], undo: bool, kind: str
) -> None:
    home = tmp_path_factory.mktemp("plan")
    cluster = SimulatedCluster(brokers=4)
    cluster.add_topic("orders", partitions=7, replication_factor=2, size_bytes=30 * MIB)
    before = placement(cluster)
    session = cluster.session()
    plan = (
        reassignment.plan_replication_factor(session, ["orders"], 3, THROTTLED)
        if kind == "factor"
        else reassignment.plan_drain(session, [1], THROTTLED)
    )

    def until_done(work: str) -> None:
        for budget in [*pauses, None]:
            left = budget

            def pause(seconds: float) -> None:
                nonlocal left
                if left is not None:
                    if left == 0:
                        raise Crash
                    left -= 1
                cluster.advance(seconds)

            crashing = OpsSession(session.context, admin=cluster, clock=cluster.clock, pause=pause)
            try:
                assert run(crashing, plan, home, work) == []
                return
            except Crash:
                cluster.advance(0.3)

    until_done("apply")
    if undo:
        until_done("undo")
        assert placement(cluster) == before
    elif kind == "factor":
        assert all(len(replicas) == 3 for replicas, _ in placement(cluster).values())
    else:
        assert counts(cluster)[1] == 0
    assert is_free_of_throttles(cluster)
    assert cluster.placement.reassignments() == []


@settings(max_examples=60, deadline=None)
@example(brokers=6, racks=3, topics=[(1, 1, 0), (4, 3, 0)], new=1)
@given(
    brokers=st.integers(2, 7),
    racks=st.sampled_from([0, 2, 3]),
    topics=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(0, 9)), min_size=1, max_size=6),
    new=st.integers(0, 3),
)
def test_balancing_is_level_keeps_racks_and_moves_no_more_than_needed(
    brokers: int, racks: int, topics: list[tuple[int, int, int]], new: int
) -> None:
    cluster = SimulatedCluster(brokers, racks=racks)
    for number, (partitions, factor, size) in enumerate(topics):
        cluster.add_topic(f"t{number}", partitions, min(factor, brokers), size_bytes=size)
    for number in range(new):
        cluster.add_broker(brokers + 1 + number, f"r{number % racks}" if racks else None)
    layout = observe_layout(cluster.session())
    try:
        moves = balance_moves(layout, leaders=False)
    except UsageError:
        moves = {}
    after = {name: moves.get(name, replicas) for name, replicas in layout.replicas.items()}
    load = Counter(dict.fromkeys(layout.racks, 0))
    load.update(b for replicas in after.values() for b in replicas)
    held = Counter(b for replicas in layout.replicas.values() for b in replicas)
    for name, replicas in after.items():
        assert len(set(replicas)) == len(layout.replicas[name])
        assert distinct_racks(layout, replicas) >= distinct_racks(layout, layout.replicas[name])
    moved = sum(len(set(after[n]) - set(layout.replicas[n])) for n in after)
    assert moved == sum(max(0, load[b] - held[b]) for b in load), "no broker gives what it took"
    if not racks:
        assert max(load.values()) - min(load.values()) <= 1 + _forced(layout, load)


def _forced(layout: Layout, load: Counter[int]) -> int:
    """How far from level a placement must stay where partitions have a replica on every broker."""
    full = sum(len(replicas) == len(layout.racks) for replicas in layout.replicas.values())
    return full and max(load.values())


def test_a_scale_out_of_forty_thousand_partitions_is_planned_quickly() -> None:
    cluster = SimulatedCluster(brokers=30, racks=3)
    for number in range(9_000):
        cluster.add_topic(f"t{number}", partitions=4 if number % 2 else 5, replication_factor=3, size_bytes=MIB)
    for number in (31, 32, 33):
        cluster.add_broker(number, f"r{number % 3}")
    started = time.process_time()
    plan = reassignment.plan_scale_out(cluster.session(), [31, 32, 33])
    assert time.process_time() - started < 30
    moved = sum(len(set(r["to"]) - set(r["from"])) for s in plan.steps[:-1] for r in s.arguments["partitions"])
    total = 9_000 * 9 // 2 * 3
    assert abs(moved - total * 3 // 33) <= 33


def test_moves_wait_for_their_hours_and_a_begun_one_is_not_kept_waiting(
    cluster: SimulatedCluster, tmp_path: Path
) -> None:
    session = cluster.session()
    now = cluster.clock.time_ms() // 60_000 % 1440
    begin = (now + 300) % 1440
    hours = HourWindow(begin, (begin + 60) % 1440, 10, 900)
    options = MoveOptions(10 * MIB, batch=3, hours=hours)
    plan = reassignment.plan_replication_factor(session, ["orders"], 3, options)
    assert any("900" in str(effect) for effect in plan.effects)
    started: list[int] = []
    reassign = cluster.placement.reassign

    def note(wanted: Any) -> Any:
        started.append(cluster.clock.time_ms() // 60_000 % 1440)
        return reassign(wanted)

    cluster.placement.reassign = note  # type: ignore[method-assign]
    assert run(session, plan, tmp_path) == []
    assert len(started) == 3
    assert all((minute - begin) % 1440 < 60 for minute in started)
    assert is_free_of_throttles(cluster)

    again = reassignment.plan_replication_factor(session, ["payments"], 3, MoveOptions(hours=hours))
    cluster.advance(7200)  # beyond the hours: what is under way already is waited for at once
    step = next(s for s in again.steps if s.action == "reassign.move")
    reassign({TopicPartition(r["topic"], r["partition"]): r["to"] for r in step.arguments["partitions"]})
    before = cluster.clock.time_ms()
    (tmp_path / "again").mkdir()
    assert run(session, again, tmp_path / "again") == []
    assert cluster.clock.time_ms() - before < 3_600_000


def test_what_changed_during_the_wait_is_refused(cluster: SimulatedCluster, tmp_path: Path) -> None:
    now = cluster.clock.time_ms() // 60_000 % 1440
    options = MoveOptions(hours=HourWindow((now + 30) % 1440, (now + 60) % 1440))
    plan = reassignment.plan_replication_factor(cluster.session(), ["payments"], 3, options)

    def pause(seconds: float) -> None:
        cluster.advance(seconds)
        cluster.state.topics.pop("payments", None)

    session = OpsSession(cluster.session().context, admin=cluster, clock=cluster.clock, pause=pause)
    with pytest.raises(PlanError, match="payments-0"):
        run(session, plan, tmp_path)


def test_what_was_on_a_broker_that_is_gone_goes_back_when_it_is_there(
    cluster: SimulatedCluster, tmp_path: Path
) -> None:
    before = placement(cluster)
    plan = reassignment.plan_drain(cluster.session(), [2], THROTTLED)
    run(cluster.session(), plan, tmp_path)
    cluster.stop_broker(2)
    with pytest.raises(PlanError, match="broker 2 is away"):
        run(cluster.session(), plan, tmp_path, "undo")
    cluster.start_broker(2)
    run(cluster.session(), plan, tmp_path, "undo")
    assert placement(cluster) == before


def test_a_broker_that_is_away_is_drained_under_a_throttle(cluster: SimulatedCluster, tmp_path: Path) -> None:
    """Only a broker itself takes its own settings, so nobody can be told the limit of one that is away."""
    cluster.stop_broker(3)
    assert run(cluster.session(), reassignment.plan_drain(cluster.session(), [3], THROTTLED), tmp_path) == []
    assert counts(cluster)[3] == 0
    assert is_free_of_throttles(cluster)


def test_a_move_is_taken_back_from_the_middle_while_a_broker_is_away(cluster: SimulatedCluster, tmp_path: Path) -> None:
    """A move that has not ended is given up, which needs nobody; another target would wait for the broker for ever."""
    before = placement(cluster)
    plan = reassignment.plan_replication_factor(cluster.session(), ["orders"], 3, THROTTLED)

    def dies(_seconds: float) -> None:
        cluster.stop_broker(3)
        raise Crash

    with pytest.raises(Crash):
        run(OpsSession(cluster.session().context, admin=cluster, clock=cluster.clock, pause=dies), plan, tmp_path)
    assert cluster.placement.reassignments()
    run(cluster.session(), plan, tmp_path, "undo")
    assert cluster.placement.reassignments() == []
    assert {n: row[0] for n, row in placement(cluster).items()} == {n: row[0] for n, row in before.items()}


def test_a_move_that_waits_for_a_broker_says_for_which(cluster: SimulatedCluster, tmp_path: Path) -> None:
    plan = reassignment.plan_replication_factor(cluster.session(), ["orders"], 3, THROTTLED)
    target = next(b for r in plan.steps[1].arguments["partitions"] for b in r["to"] if b not in r["from"])
    said: list[str] = []

    def pause(seconds: float) -> None:
        cluster.stop_broker(target)
        cluster.advance(seconds)

    session = OpsSession(cluster.session().context, admin=cluster, clock=cluster.clock, pause=pause)
    with PlanJournal(plan, tmp_path / "journal") as journal:
        audit = AuditLog(tmp_path / "audit.jsonl")
        runner = PlanRunner(session, plan, journal, audit, lambda _i, _state, what: said.append(str(what)))
        with pytest.raises(PlanError, match=f"broker {target} is away.*kappa plan undo"):
            runner.apply()
    assert any(f"when broker {target}, which is away, is back" in line for line in said)


def test_what_has_ended_goes_back_only_when_its_replicas_can_be_in_sync(
    cluster: SimulatedCluster, tmp_path: Path
) -> None:
    before = placement(cluster)
    plan = reassignment.plan_replication_factor(cluster.session(), ["orders"], 3, THROTTLED)
    run(cluster.session(), plan, tmp_path)
    cluster.stop_broker(2)
    with pytest.raises(PlanError, match="broker 2 is away"):
        run(cluster.session(), plan, tmp_path, "undo")
    cluster.start_broker(2)
    run(cluster.session(), plan, tmp_path, "undo")
    assert {n: row[0] for n, row in placement(cluster).items()} == {n: row[0] for n, row in before.items()}


def test_a_broker_that_has_just_died_is_not_told_its_limit(
    cluster: SimulatedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as alive until the controller has missed it for a while."""
    plan = reassignment.plan_replication_factor(cluster.session(), ["orders"], 3, THROTTLED)
    run(cluster.session(), plan, tmp_path)
    alter, refused = cluster.configs.alter, [3]

    def refuses(changes: Any) -> None:
        if refused and any(r.kind == "broker" for r in changes):
            refused.pop()
            if not refused:
                cluster.stop_broker(2)
            raise RequestNotSentError(-1, "NETWORK", "connection refused")
        assert not any(r.kind == "broker" and r.name == "2" and not cluster.state.brokers[2].alive for r in changes)
        alter(changes)

    monkeypatch.setattr(cluster.configs, "alter", refuses)
    said: list[str] = []
    with PlanJournal(plan, tmp_path / "journal") as journal:
        lift = next(index for index, step in enumerate(plan.steps) if step.action == "reassign.unthrottle")
        action = find_action("reassign.unthrottle")
        captured = journal.captured[lift]
        action.undo(cluster.session(), plan.steps[lift].arguments, captured, lambda what: said.append(str(what)))
    assert any("broker 2" in line for line in said)
