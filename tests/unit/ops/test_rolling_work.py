"""Rolling work on a small cluster: gates, order, drains, and crashes anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_world import BrokerWorld, Crash
from kappaflow.cli.brokers import texts as cli_texts
from kappaflow.errors import PlanError, UnsafeError, UsageError
from kappaflow.ops.admin.faces import PartitionState, QuorumMember, QuorumState, TopicState
from kappaflow.ops.brokers import texts as broker_texts
from kappaflow.ops.brokers.gates import ensemble_not_now, may_go, never_safe, not_now, quorum_not_now
from kappaflow.ops.brokers.listing import list_brokers
from kappaflow.ops.brokers.restart import plan_maintenance, plan_restart
from kappaflow.ops.brokers.rollout import plan_rollout
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner, StepState


def three(min_in_sync: int = 2) -> Any:
    return BrokerWorld(3, {"orders": ([[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 3, 2]], min_in_sync)})


def work(world: Any, plan: Plan, path: Path, *, undo: bool = False) -> list[StepState]:
    """One process works on a plan, until its end or its crash."""
    with PlanJournal(plan, path / "journal") as journal:
        runner = PlanRunner(world.session(), plan, journal, AuditLog(path / "audit.jsonl"))
        (runner.undo if undo else runner.apply)()
        return journal.states


def topic(*rows: tuple[int, tuple[int, ...], tuple[int, ...]]) -> list[TopicState]:
    partitions = tuple(PartitionState("t", n, leader, r, s, ()) for n, (leader, r, s) in enumerate(rows))
    return [TopicState("t", "", False, partitions)]


def said(reasons: list) -> list[str]:
    return [reason.key for reason in reasons]


def test_gates_say_per_partition_why_a_broker_waits() -> None:
    healthy = topic((1, (1, 2, 3), (1, 2, 3)))
    assert not_now(healthy, {"t": 2}, 1) == []
    behind = topic((1, (1, 2, 3), (1, 2)), (2, (2, 3, 1), (1, 2, 3)))
    (reason,) = not_now(behind, {"t": 1}, 1)
    assert (reason.key, reason.values["partition"], reason.values["missing"]) == (
        "broker.wait.under_replicated",
        0,
        "3",
    )
    assert said(not_now(topic((-1, (2, 3), (2,))), {"t": 1}, 1)) == ["broker.wait.offline"]
    assert said(not_now(topic((1, (1, 2), (1, 2))), {"t": 2}, 1)) == ["broker.wait.min_in_sync"]


def test_what_only_the_broker_itself_lacks_does_not_hold_it_back() -> None:
    assert not_now(topic((2, (1, 2, 3), (2, 3))), {"t": 2}, 1) == []
    assert not_now(topic((-1, (1,), (1,))), {"t": 1}, 1, accepted=["t"]) == []


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sets(st.integers(1, 4), min_size=1), st.sets(st.integers(1, 4)), st.booleans()), max_size=4),
    st.integers(0, 3),
)
def test_who_may_go_is_the_same_for_all_at_once(rows: list[tuple[set[int], set[int], bool]], wanted: int) -> None:
    told = [(min(r & s) if led and r & s else -1, tuple(sorted(r)), tuple(sorted(r & s))) for r, s, led in rows]
    topics = topic(*told)
    each = {broker for broker in range(1, 5) if not not_now(topics, {"t": wanted}, broker)}
    assert may_go(topics, {"t": wanted}, range(1, 5)) == each


@pytest.mark.parametrize(
    ("replicas", "min_in_sync", "unsafe"),
    [
        ((1,), 1, True),
        ((1, 2), 2, True),
        ((1, 2), 1, False),
        ((1, 2, 3), 2, False),
        ((1, 2, 3), 3, True),
        ((2,), 1, False),
    ],
)
def test_topics_without_a_replica_to_spare_are_never_safe(
    replicas: tuple[int, ...], min_in_sync: int, unsafe: bool
) -> None:
    found = never_safe(topic((replicas[0], replicas, replicas)), {"t": min_in_sync}, 1)
    assert bool(found) is unsafe


def quorum(*caught_up: int, leader: int = 1) -> QuorumState:
    voters = tuple(QuorumMember(n, "", 100, at, at) for n, at in enumerate(caught_up, start=1))
    return QuorumState(leader, 1, 100, voters, ())


def test_a_controller_waits_while_the_others_are_no_majority() -> None:
    assert quorum_not_now(quorum(90_000, 90_000, 90_000), 1) == []
    (reason,) = quorum_not_now(quorum(90_000, 90_000, 10_000), 2)
    assert (reason.key, reason.values["behind"]) == ("broker.wait.quorum", "3")
    assert quorum_not_now(quorum(90_000, 90_000, 10_000), 3) == []
    assert quorum_not_now(quorum(90_000), 1) == []
    assert quorum_not_now(quorum(90_000, 90_000), 9) == []


def test_a_zookeeper_server_waits_while_the_others_are_no_majority() -> None:
    modes = {1: "leader", 2: "follower", 3: "follower"}
    assert ensemble_not_now(modes, 1) == []
    (reason,) = ensemble_not_now(modes | {3: ""}, 1)
    assert reason.values["silent"] == "3"


def test_brokers_restart_one_by_one_the_controller_last(tmp_path: Path) -> None:
    world = three()
    world.controller = 2
    before = {key: list(row) for key, row in world.replicas.items()}
    work(world, plan_restart(world.session()), tmp_path)
    moves = [event for event in world.events if event[:4] in ("stop", "star")]
    assert moves == ["stop 1", "start 1", "stop 3", "start 3", "stop 2", "start 2"]
    assert world.written_out == []
    assert world.replicas == before
    assert world.leader == {key: row[0] for key, row in before.items()}


def test_leaders_are_away_before_their_broker_is(tmp_path: Path) -> None:
    world = three()
    led_at_stop: list[int] = []
    stop = world.stop

    def watched(broker: int) -> None:
        led_at_stop.append(sum(leader == broker for leader in world.leader.values()))
        stop(broker)

    world.stop = watched  # type: ignore[method-assign]
    work(world, plan_restart(world.session()), tmp_path)
    assert led_at_stop == [0, 0, 0]


def test_unsafe_topics_are_refused_by_name_and_forced_ones_confirmed(tmp_path: Path) -> None:
    world = BrokerWorld(3, {"safe": ([[1, 2, 3]], 2), "single": ([[2]], 1), "tight": ([[1, 2]], 2)})
    with pytest.raises(UnsafeError, match=r"single.*tight") as refused:
        plan_restart(world.session())
    assert "safe " not in str(refused.value)
    plan = plan_restart(world.session(), force=True)
    assert plan.confirmation == "prod"
    work(world, plan, tmp_path)
    assert all(world.running.values())


def test_a_topic_that_became_unsafe_since_the_plan_stops_it(tmp_path: Path) -> None:
    world = three()
    plan = plan_restart(world.session())
    world.min_in_sync["orders"] = 3
    with pytest.raises(UnsafeError, match="orders"):
        work(world, plan, tmp_path)
    assert all(world.running.values())


def test_a_gate_that_stays_shut_stops_the_plan_and_says_why(tmp_path: Path) -> None:
    world = three()
    world.in_sync["orders", 1] = [2, 1]
    world.slow_catch_up = 10_000
    with pytest.raises(PlanError, match=r"orders-1.*3"):
        work(world, plan_restart(world.session(), [1], timeout_s=0.01), tmp_path)
    assert world.running[1]


def test_a_broker_that_nobody_can_reach_is_refused_before_anything_is_done() -> None:
    world = three()
    with pytest.raises(UsageError, match="9"):
        plan_restart(world.session(), [9])


def test_dynamic_options_need_no_restart(tmp_path: Path) -> None:
    world = three()
    plan = plan_rollout(world.session(), {"num.io.threads": "16"})
    assert [step.action for step in plan.steps] == ["config.set"]
    work(world, plan, tmp_path)
    assert world.dynamic == {("", "num.io.threads"): "16"}
    assert not any(event.startswith("stop") for event in world.events)


def test_options_read_at_the_start_restart_only_who_lacks_them(tmp_path: Path) -> None:
    world = three()
    world.files[2] += "num.partitions=6\n"
    plan = plan_rollout(world.session(), {"num.partitions": "6"})
    work(world, plan, tmp_path)
    assert [event for event in world.events if event.startswith("stop")] == ["stop 1", "stop 3"]
    assert all("num.partitions=6\n" in world.started_with[n] for n in (1, 3))
    assert "# a comment" in world.files[1]


def test_taking_a_rollout_back_restarts_with_the_old_file(tmp_path: Path) -> None:
    world = three()
    before = dict(world.files)
    plan = plan_rollout(world.session(), {"num.partitions": "6", "num.io.threads": "16"})
    work(world, plan, tmp_path)
    work(world, plan, tmp_path, undo=True)
    assert world.files == before
    assert world.started_with == before
    assert world.dynamic == {}
    assert world.written_out == []


def test_an_option_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match=r"num\.io\.treads"):
        plan_rollout(three().session(), {"num.io.treads": "1"})


def test_maintenance_goes_on_when_the_service_runs_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = three()
    plan = plan_maintenance(world.session(), 2)

    def somebody_works(holds: object, timeout_s: float = 0, poll_s: float = 0) -> bool:
        world.start(2)
        return True

    import kappaflow.ops.brokers.node_actions as actions

    real = actions.wait_until
    monkeypatch.setattr(
        actions, "wait_until", lambda s, h, t=15.0, p=0.05: somebody_works(h) if t == 3_600.0 else real(s, h, t, p)
    )
    work(world, plan, tmp_path)
    assert [e for e in world.events if e[:4] in ("stop", "star")] == ["stop 2", "start 2"]
    assert world.leader == {key: row[0] for key, row in world.replicas.items()}


def test_the_list_says_who_could_go() -> None:
    world = three()
    world.in_sync["orders", 0] = [1, 2]
    world.slow_catch_up = 10_000
    assert [(row.broker, row.behind, row.may_go) for row in list_brokers(world.session())] == [
        (1, 0, False),
        (2, 0, False),
        (3, 1, True),
    ]


@settings(max_examples=100, deadline=None)
@given(budgets=st.lists(st.integers(0, 14), max_size=5), undo=st.booleans(), rollout=st.booleans())
def test_a_crash_anywhere_is_resumed_or_taken_back(
    tmp_path_factory: pytest.TempPathFactory, budgets: list[int], undo: bool, rollout: bool
) -> None:
    path = tmp_path_factory.mktemp("plan")
    world = three()
    files, replicas, leaders = dict(world.files), {k: list(r) for k, r in world.replicas.items()}, dict(world.leader)
    session = world.session()
    plan = plan_rollout(session, {"num.partitions": "6"}) if rollout else plan_restart(session)
    taking_back = False
    for budget in budgets:
        world.budget = budget
        try:
            work(world, plan, path, undo=taking_back)
        except Crash:
            pass
        except PlanError:
            assert taking_back, "only taking back may find that nothing was done"
        taking_back = undo and any(world.events)
    world.budget = None
    try:
        work(world, plan, path, undo=undo)
    except PlanError:
        assert undo, "only taking back may find that nothing is left to take back"
    assert all(world.running.values())
    assert world.written_out == []
    assert (world.replicas, world.leader) == (replicas, leaders)
    wanted = "num.partitions=6\n" if rollout and not undo else ""
    assert world.files == {n: text + wanted for n, text in files.items()}
    assert world.started_with == world.files


def test_texts_exist_in_both_languages() -> None:
    for texts in (broker_texts, cli_texts):
        assert set(texts.ENGLISH) == set(texts.KOREAN)
