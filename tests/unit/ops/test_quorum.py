"""The metadata quorum of KRaft: its arithmetic, the order of changes, and crashes anywhere in them."""

from __future__ import annotations

import doctest
from contextlib import nullcontext
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.cli.quorum import texts as cli_texts
from kappaflow.errors import BrokerError, BrokerUnreachable, PlanError, RetriableBrokerError, UnsafeError, UsageError
from kappaflow.ops.admin import kafka_quorum
from kappaflow.ops.admin.faces import QuorumListener, QuorumMember, QuorumState
from kappaflow.ops.admin.kafka_quorum import KafkaQuorum
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner, StepState
from kappaflow.ops.quorum import QuorumStatus, controllers, plan_add, plan_remove, quorum_status, status
from kappaflow.ops.quorum import texts as ops_texts
from kappaflow.ops.quorum.plans import removal_order
from kappaflow.ops.quorum.status import status_of
from kappaflow.wire.codec import decode, encode_bytes
from kappaflow.wire.message import Message
from quorum_world import Crash, QuorumWorld


def work(world: Any, plan: Plan, path: Path, *, undo: bool = False) -> list[StepState]:
    """One process works on a plan, until its end or its crash."""
    with PlanJournal(plan, path / "journal") as journal:
        runner = PlanRunner(world.session(), plan, journal, AuditLog(path / "audit.jsonl"))
        (runner.undo if undo else runner.apply)()
        assert undo or runner.verify() == []
        return journal.states


def state(*ages_ms: int, leader: int = 1, observers: tuple[QuorumMember, ...] = ()) -> QuorumStatus:
    """Voters 1.. that had all records so long ago; a negative age for never."""
    rows = [
        QuorumMember(n, f"d{n}", 100 if age == 0 else 90, -1, 60_000 - age if age >= 0 else -1)
        for n, age in enumerate(ages_ms, start=1)
    ]
    return status_of(QuorumState(leader, 3, 100, tuple(rows), observers))


@pytest.mark.parametrize("module", [kafka_quorum, controllers, status])
def test_examples_in_docstrings(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert (found.failed, found.attempted > 0) == (0, True)


@pytest.mark.parametrize(
    ("ages", "leader", "quorum", "can_lose", "says"),
    [
        ((0, 0, 0), 1, 2, 1, []),
        ((0, 400, 4_900), 1, 2, 1, []),
        ((0, 0, 9_000), 1, 2, 0, ["behind", "last"]),
        ((0, -1, -1), 1, 2, -1, ["behind", "behind", "no_quorum"]),
        ((0, 0, 0, 0), 2, 3, 1, ["even"]),
        ((0, 0, 0, 0, 0), 5, 3, 2, []),
        ((0, 0, 0), -1, 2, 1, ["no_leader"]),
        ((0,), 1, 1, 0, []),
    ],
)
def test_quorum_arithmetic(ages: tuple[int, ...], leader: int, quorum: int, can_lose: int, says: list[str]) -> None:
    found = state(*ages, leader=leader)
    assert (found.quorum, found.can_lose) == (quorum, can_lose)
    assert [problem.key.removeprefix("quorum.") for problem in found.problems()] == says
    assert all(str(problem) for problem in found.problems())


@pytest.mark.parametrize("voters", range(2, 8))
def test_a_removal_is_refused_just_where_those_that_stay_have_no_majority(voters: int) -> None:
    for up in product((True, False), repeat=voters - 1):
        ages = [0, *(0 if runs else 60_000 for runs in up)]
        for gone in range(1, voters + 1):
            stay = [age for node, age in enumerate(ages, start=1) if node != gone]
            allowed = 2 * sum(age == 0 for age in stay) > len(stay)
            assert (state(*ages).against_removal(gone) == []) == allowed


def test_members_are_told_apart_by_role_and_lag() -> None:
    observers = (
        QuorumMember(7, "old", 20, 1, -1),
        QuorumMember(7, "new", 99, 60_000, 59_900),
        QuorumMember(2, "d2", 5, 1, 1),
    )
    found = state(0, 0, 0, leader=2, observers=observers)
    assert [(m.node_id, m.role, m.directory_id) for m in found.members] == [
        (2, "leader", "d2"),
        (1, "voter", "d1"),
        (3, "voter", "d3"),
        (7, "observer", "old"),
        (7, "observer", "new"),
    ]
    reader = found.observer(7)
    assert reader is not None
    assert (reader.directory_id, reader.lag, reader.behind_ms, reader.fresh) == ("new", 1, 100, True)
    assert found.voter(7) is None


def test_leaders_that_do_not_tell_times_are_judged_by_the_high_watermark() -> None:
    rows = [QuorumMember(n, "", end, -1, -1) for n, end in ((1, 100), (2, 100), (3, 40))]
    found = status_of(QuorumState(1, 3, 100, tuple(rows), ()))
    assert [(m.node_id, m.fresh, m.lag) for m in found.members] == [(1, True, 0), (2, True, 0), (3, False, 60)]


def test_the_dead_go_first_and_the_leader_last() -> None:
    assert removal_order(state(0, 0, 60_000, 0, 0, leader=1), [1, 2, 3]) == [3, 2, 1]


def test_new_controllers_start_catch_up_and_vote_one_by_one(tmp_path: Path) -> None:
    world = QuorumWorld(3, 2)
    plan = plan_add(world.session(), [105, 104])
    work(world, plan, tmp_path)
    assert world.events == ["start 104", "add 104", "start 105", "add 105"]
    assert world.added_listeners == [QuorumListener("CONTROLLER", "10.0.0.105", 9093)]
    assert quorum_status(world.session()).problems() == []
    work(world, plan, tmp_path, undo=True)
    assert world.events[4:] == ["remove 105", "stop 105", "remove 104", "stop 104"]
    assert world.lost_majority == []


def test_a_controller_that_ran_before_runs_after_undo(tmp_path: Path) -> None:
    world = QuorumWorld(3, 2)
    world.running[104] = True
    plan = plan_add(world.session(), [104])
    work(world, plan, tmp_path)
    work(world, plan, tmp_path, undo=True)
    assert world.events == ["add 104", "remove 104"]


def test_the_leader_leaves_last_and_comes_back(tmp_path: Path) -> None:
    world = QuorumWorld(5)
    plan = plan_remove(world.session(), [101, 104])
    assert plan.confirmation == "101,104"
    work(world, plan, tmp_path)
    assert world.events == ["remove 104", "stop 104", "remove 101", "stop 101"]
    assert world.leader == 102
    work(world, plan, tmp_path, undo=True)
    assert (world.voters, all(world.running.values())) == ({101, 102, 103, 104, 105}, True)
    assert world.lost_majority == []


def test_a_step_waits_for_a_new_leader_to_hear_of_all_and_refuses_what_stays_unsafe(tmp_path: Path) -> None:
    world = QuorumWorld(5)
    plan = plan_remove(world.session(), [104])
    world.behind |= {102: 3, 103: 3}
    work(world, plan, tmp_path)
    assert world.events == ["remove 104", "stop 104"]
    other = plan_remove(world.session(), [105])
    world.running[102] = world.running[103] = False
    world.behind |= {102: 1, 103: 1}
    with pytest.raises(UnsafeError, match="behind: 102, 103"):
        work(world, other, tmp_path / "other")
    assert 105 in world.voters


def test_brokers_and_those_that_shall_run_on_are_not_stopped(tmp_path: Path) -> None:
    world = QuorumWorld(5, combined=[104])
    plan = plan_remove(world.session(), [104])
    work(world, plan, tmp_path)
    assert world.events == ["remove 104"]
    kept = plan_remove(world.session(), [105], stop=False)
    assert [step.action for step in kept.steps] == ["quorum.remove"]
    assert "quorum.stays" in [effect.key for effect in kept.effects]


def test_a_dead_voter_goes_for_good(tmp_path: Path) -> None:
    world = QuorumWorld(3)
    world.running[103] = False
    plan = plan_remove(world.session(), [103])
    work(world, plan, tmp_path)
    assert world.voters == {101, 102}
    with pytest.raises(UnsafeError, match="cannot be taken back"):
        work(world, plan, tmp_path, undo=True)


def test_what_is_unsafe_or_unknown_is_refused() -> None:
    world = QuorumWorld(3, 1)
    session = world.session()
    with pytest.raises(UsageError, match="104 is no voter"):
        plan_remove(session, [104])
    with pytest.raises(UsageError, match="101 is a voter already"):
        plan_add(session, [101])
    with pytest.raises(UsageError, match="node_id 999"):
        plan_add(session, [999])
    with pytest.raises(UnsafeError, match="no voter would stay"):
        plan_remove(session, [101, 102, 103])
    world.running[103] = False
    with pytest.raises(UnsafeError, match="behind: 103"):
        plan_remove(session, [102])
    world.kraft_version = 0
    with pytest.raises(UnsafeError, match=r"controller\.quorum\.voters"):
        plan_add(session, [104])


def test_a_quorum_that_nobody_leads_is_explained_by_its_processes() -> None:
    world = QuorumWorld(3)
    world.running[102] = world.running[103] = False
    world.elections = 1_000
    with pytest.raises(BrokerUnreachable, match="101 active, 102 failed, 103 failed"):
        plan_remove(world.session(), [102])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("node.id=9\ncontroller.listener.names=C\nlisteners=C://h:1\n", "of node 9"),
        ("node.id=104\nlisteners=C://h:1\n", "does not say where"),
        ("node.id=104\ncontroller.listener.names=C\nlisteners=D://h:1\n", "does not say where"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(content: str, says: str) -> None:
    world = QuorumWorld(3, 1)
    world.files[104] = content
    with pytest.raises(UsageError, match=says):
        plan_add(world.session(), [104])


def test_the_machine_is_asked_for_its_name_where_the_file_names_none(tmp_path: Path) -> None:
    world = QuorumWorld(3, 1)
    world.files[104] = "node.id=104\ncontroller.listener.names=C\nlisteners=C://0.0.0.0:9093\n"
    work(world, plan_add(world.session(), [104]), tmp_path)
    assert world.added_listeners == [QuorumListener("C", "host-104.example", 9093)]


def test_one_that_would_vote_again_by_itself_is_refused() -> None:
    world = QuorumWorld(3)
    world.files[103] += "controller.quorum.auto.join.enable=true\n"
    with pytest.raises(UsageError, match=r"auto\.join"):
        plan_remove(world.session(), [103])


def test_a_controller_that_does_not_come_up_stops_the_plan(tmp_path: Path) -> None:
    world = QuorumWorld(3, 2)
    world.broken.add(104)
    plan = plan_add(world.session(), [104, 105])
    with pytest.raises(PlanError, match=r"format -t id -c /104 --no-initial-controllers.*not formatted"):
        work(world, plan, tmp_path)
    assert world.events == ["start 104"]
    world.broken.clear()
    work(world, plan, tmp_path)
    assert world.voters == {101, 102, 103, 104, 105}


def test_an_answer_that_got_lost_is_made_up_for_by_resuming(tmp_path: Path) -> None:
    world = QuorumWorld(3, 1)
    world.lose_answer = True
    plan = plan_add(world.session(), [104])
    with pytest.raises(Exception, match="the answer was lost"):
        work(world, plan, tmp_path)
    work(world, plan, tmp_path)
    assert world.events == ["start 104", "add 104"]


@settings(max_examples=60, deadline=None)
@given(budgets=st.lists(st.integers(0, 6), max_size=5), undo=st.booleans(), removal=st.booleans())
def test_a_crash_anywhere_is_resumed_or_taken_back(
    tmp_path_factory: pytest.TempPathFactory, budgets: list[int], undo: bool, removal: bool
) -> None:
    path = tmp_path_factory.mktemp("plan")
    world = QuorumWorld(5) if removal else QuorumWorld(3, 2)
    voters, running = set(world.voters), dict(world.running)
    plan = (plan_remove if removal else plan_add)(world.session(), [101, 104] if removal else [104, 105])
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
    changed = ({102, 103, 105} if removal else {101, 102, 103, 104, 105}) if not undo else voters
    assert world.voters == changed
    assert world.running == (running if undo else {node: node in changed for node in running})
    assert world.lost_majority == []


class Leader:
    """Answers changes of the voters with these error codes, one after the other; keeps what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *codes: int) -> None:
        self.asked: list[Any] = []
        self._codes = list(codes)
        monkeypatch.setattr(kafka_quorum, "request_by_schema", self._answer)
        connection = SimpleNamespace(retry=self._retry)
        self.face = KafkaQuorum(SimpleNamespace(connection=connection))  # type: ignore[arg-type]

    def _answer(self, _connection: object, api_key: int, versions: range, body: Message, _what: str) -> Any:
        for version in versions:
            encoded = encode_bytes(api_key, version, "request", body)
            self.asked.append(decode(api_key, version, "request", memoryview(encoded)))
        return SimpleNamespace(error_code=self._codes.pop(0), error_message="why")

    def _retry(self, attempt: Any) -> None:
        while True:
            try:
                return attempt()
            except RetriableBrokerError:
                continue


def test_an_added_voter_is_told_with_directory_and_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    leader = Leader(monkeypatch, 7, 126)  # timed out, but done: the voter is there at the next attempt
    listeners = [QuorumListener("CONTROLLER", "10.0.0.4", 9093)]
    leader.face.add_voter("id", 104, kafka_quorum.kafka_uuid(UUID(int=77)), listeners)
    assert len(leader.asked) == 4
    for request in leader.asked:
        assert (request.cluster_id, request.voter_id, request.voter_directory_id) == ("id", 104, UUID(int=77))
        assert [(x.name, x.host, x.port) for x in request.listeners] == [("CONTROLLER", "10.0.0.4", 9093)]
    assert leader.asked[1].ack_when_committed


@pytest.mark.parametrize(("code", "refused"), [(0, False), (127, False), (31, True)])
def test_a_removed_voter_may_be_gone_already(monkeypatch: pytest.MonkeyPatch, code: int, refused: bool) -> None:
    leader = Leader(monkeypatch, code)
    with pytest.raises(BrokerError, match="CLUSTER_AUTHORIZATION_FAILED") if refused else nullcontext():
        leader.face.remove_voter("id", 104, kafka_quorum.kafka_uuid(UUID(int=77)))
    assert [(r.voter_id, r.voter_directory_id) for r in leader.asked] == [(104, UUID(int=77))]


def test_texts_exist_in_both_languages() -> None:
    for texts in (ops_texts, cli_texts):
        assert set(texts.ENGLISH) == set(texts.KOREAN)
