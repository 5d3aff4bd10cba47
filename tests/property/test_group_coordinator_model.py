"""The classic group coordinator against what its members may believe: whatever they do, and whenever they fall silent.

The model knows who is a member, whether a rebalance is under way, which generation counts and what its leader assigned.
Who was dropped, and whether that caused a rebalance, is looked up after time has passed: all that were silent for a
session are, and nobody who waits for an answer, or is settled in its generation and was heard of.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from kappaflow.broker.config import BrokerConfig
from kappaflow.broker.coordinators.group import Group
from kappaflow.broker.coordinators.group_coordinator import GroupCoordinator
from kappaflow.broker.coordinators.group_members import JoinRequest, JoinResult, SyncResult
from kappaflow.broker.coordinators.group_states import GroupState
from kappaflow.testing.manual_timers import ManualTimers
from kappaflow.wire.error_codes import ErrorCode

SESSION_MS = 10_000
REBALANCE_MS = 8_000  # shorter than sessions: who is heard of but does not join again is dropped too
STEP_MS = 500  # who was dropped is noticed so late
CLIENTS_MAX = 4
PROTOCOLS = ("range", "sticky")


@dataclass(eq=False)
class Client:
    """A member as it sees itself."""

    member_id: str = ""
    instance: str | None = None
    generation: int = -1
    joins: bool = False
    syncs: bool = False
    synced: bool = False
    seen_ms: int = 0
    protocols: tuple[str, ...] = PROTOCOLS


@dataclass
class Generation:
    """What the answers of one generation must agree on."""

    leader: str
    protocol: str
    members: frozenset[str] = frozenset()
    answered: set[str] = field(default_factory=set[str])
    assignment: dict[str, bytes] | None = None


class GroupMachine(RuleBasedStateMachine):
    """`clients` are the members; who left or was dropped is forgotten after one refused request."""

    def __init__(self) -> None:
        super().__init__()
        self.timers = ManualTimers()
        numbers, self.instances = count(1), count(1)
        self.coordinator = GroupCoordinator(BrokerConfig(Path()), self.timers, lambda: str(next(numbers)))
        self.clients: list[Client] = []
        self.gone: list[Client] = []
        self.generations: dict[int, Generation] = {}
        self.latest = 0
        self.preparing = False

    # ---- requests and their answers ----

    def _join(self, client: Client) -> None:
        request = JoinRequest(
            "g", client.member_id, client.instance, "client", "/127.0.0.1", SESSION_MS, REBALANCE_MS, "consumer",
            tuple((name, b"m") for name in client.protocols), False, True,
        )  # fmt: skip
        client.joins, client.seen_ms = True, self.timers.now_ms
        self.coordinator.join(request, lambda result: self._joined(client, result))

    def _joined(self, client: Client, result: JoinResult) -> None:
        client.joins = False
        client.seen_ms = self.timers.now_ms
        if result.error_code is not ErrorCode.NONE:
            assert result.error_code in (ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_INSTANCE_ID), result
            return
        client.member_id = result.member_id
        number = result.generation_id
        assert number >= self.latest, "an answer of an earlier generation"
        if number > self.latest:
            self.latest, self.preparing = number, False
            for static in (each for each in self.clients if each.instance):
                static.seen_ms = self.timers.now_ms  # also one that is away keeps its place for another session
            self.generations[number] = Generation(result.leader, result.protocol_name or "")
        generation = self.generations[number]
        assert (result.leader, result.protocol_name) == (generation.leader, generation.protocol)
        assert result.protocol_name in client.protocols
        if client.generation != number:
            client.synced = client.syncs = False
        client.generation = number
        generation.answered.add(client.member_id)
        if result.leader == client.member_id:
            generation.members = frozenset(member for member, _, _ in result.members)
            assert client.member_id in generation.members
        else:
            assert result.members == (), "only the leader is told who is there"

    def _synced(self, client: Client, number: int, result: SyncResult) -> None:
        client.syncs = False
        client.seen_ms = self.timers.now_ms
        if result.error_code is ErrorCode.NONE:
            assignment = self.generations[number].assignment
            assert assignment is not None, "nobody has assigned yet"
            assert number == self.latest
            assert result.assignment == assignment.get(client.member_id, b"")
            client.synced = True
        else:
            assert result.error_code in (ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.UNKNOWN_MEMBER_ID)

    def _begin_rebalance(self) -> None:
        self.preparing = True

    def _drop(self, client: Client) -> None:
        self.clients.remove(client)
        self.gone.append(client)

    # ---- what may happen ----

    @precondition(lambda self: len(self.clients) < CLIENTS_MAX)
    @rule(static=st.booleans(), protocols=st.sampled_from([PROTOCOLS, PROTOCOLS[::-1], ("range",)]))
    def join_new(self, static: bool, protocols: tuple[str, ...]) -> None:
        instance = f"i{next(self.instances)}" if static else None
        client = Client(instance=instance, protocols=protocols)
        self.clients.append(client)
        self._begin_rebalance()
        self._join(client)

    @precondition(lambda self: any(not c.joins and c.member_id for c in self.clients))
    @rule(data=st.data(), changed=st.booleans())
    def join_again(self, data: st.DataObject, changed: bool) -> None:
        client = data.draw(st.sampled_from([c for c in self.clients if not c.joins and c.member_id]))
        if changed:
            client.protocols = client.protocols[::-1] if len(client.protocols) > 1 else ("range", "sticky")
        generation = self.generations.get(self.latest)
        stable = not self.preparing and generation is not None and generation.assignment is not None
        leads = generation is not None and generation.leader == client.member_id
        if not self.preparing and (changed or (stable and leads)):
            self._begin_rebalance()
        self._join(client)

    @precondition(lambda self: any(c.generation > 0 and not c.joins and not c.syncs for c in self.clients))
    @rule(data=st.data(), old=st.booleans())
    def sync(self, data: st.DataObject, old: bool) -> None:
        able = [c for c in self.clients if c.generation > 0 and not c.joins and not c.syncs]
        client = data.draw(st.sampled_from(able))
        number = client.generation - 1 if old else client.generation
        answers: list[SyncResult] = []
        if number == self.latest and not self.preparing:
            generation = self.generations[number]
            if client.member_id == generation.leader and generation.assignment is None:
                generation.assignment = {member: f"{number} {member}".encode() for member in generation.members}
                for member in self.clients:
                    member.seen_ms = self.timers.now_ms
            client.syncs, client.seen_ms = True, self.timers.now_ms
            given = generation.assignment if client.member_id == generation.leader else None
            self.coordinator.sync(
                "g", client.member_id, client.instance, number, None, None, (given or {}).items(),
                lambda result: self._synced(client, number, result),
            )  # fmt: skip
            assert client.syncs == (generation.assignment is None), "answered once the leader has assigned"
            return
        self.coordinator.sync("g", client.member_id, client.instance, number, None, None, (), answers.append)
        expected = ErrorCode.REBALANCE_IN_PROGRESS if number == self.latest else ErrorCode.ILLEGAL_GENERATION
        assert [answer.error_code for answer in answers] == [expected]

    @precondition(lambda self: any(c.generation > 0 for c in self.clients))
    @rule(data=st.data(), commits=st.booleans())
    def heartbeat_or_commit(self, data: st.DataObject, commits: bool) -> None:
        client = data.draw(st.sampled_from([c for c in self.clients if c.generation > 0]))
        number = data.draw(st.sampled_from(sorted({client.generation, self.latest - 1, self.latest + 1} - {0})))
        ask = self.coordinator.check_commit if commits else self.coordinator.heartbeat
        code = ask("g", client.member_id, client.instance, number)
        unassigned = number in self.generations and self.generations[number].assignment is None
        if number != self.latest:
            expected = ErrorCode.ILLEGAL_GENERATION
        elif self.preparing:
            expected = ErrorCode.NONE if commits else ErrorCode.REBALANCE_IN_PROGRESS
        else:
            expected = ErrorCode.REBALANCE_IN_PROGRESS if commits and unassigned else ErrorCode.NONE
        assert code is expected
        if number == self.latest and (not commits or code is ErrorCode.NONE):
            client.seen_ms = self.timers.now_ms

    @precondition(lambda self: any(c.member_id for c in self.clients))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from([c for c in self.clients if c.member_id]))
        self._begin_rebalance()
        self._drop(client)
        assert self.coordinator.leave("g", [(client.member_id, client.instance)]) == [ErrorCode.NONE]

    @precondition(lambda self: self.gone)
    @rule()
    def who_is_gone_is_refused(self) -> None:
        client = self.gone.pop()
        if client.member_id:
            number = max(client.generation, 1)
            unknown = ErrorCode.UNKNOWN_MEMBER_ID
            assert self.coordinator.heartbeat("g", client.member_id, client.instance, number) is unknown
            assert self.coordinator.check_commit("g", client.member_id, client.instance, number) is unknown
            assert self.coordinator.leave("g", [(client.member_id, client.instance)]) == [unknown]

    @rule(milliseconds=st.sampled_from([500, 4_000, 9_999, 10_000, 15_000, 30_000]))
    def wait(self, milliseconds: int) -> None:
        end = self.timers.now_ms + milliseconds
        while self.timers.now_ms < end:
            self.timers.advance(min(STEP_MS, end - self.timers.now_ms))
            self._look_who_is_there()

    def _look_who_is_there(self) -> None:
        now, preparing = self.timers.now_ms, self.preparing
        there = self.coordinator.groups["g"].members if "g" in self.coordinator.groups else {}
        for client in [c for c in self.clients if c.member_id]:
            silent = now - client.seen_ms >= SESSION_MS and not client.joins and not client.syncs
            if client.member_id not in there:
                settled = client.synced and client.generation == self.latest and not preparing
                assert silent or not (client.joins or settled), "dropped although it was heard of"
                self._drop(client)
            else:
                assert not silent, "kept although it is silent"
        if "g" in self.coordinator.groups:
            self.preparing = self.coordinator.groups["g"].state in (GroupState.EMPTY, GroupState.PREPARING_REBALANCE)

    @invariant()
    def answers_of_a_generation_fit_together(self) -> None:
        generation = self.generations.get(self.latest)
        if generation is not None and generation.members:
            assert generation.answered <= generation.members | {c.member_id for c in self.clients}
        waiting = [client for client in self.clients if client.joins]
        if waiting and len(waiting) == len(self.clients) and not self.preparing:
            raise AssertionError("all have joined, and nobody is answered")


def _whatever_generation(coordinator: Any, group_id: str, member_id: str, instance: str | None, _number: int) -> Any:
    group = coordinator.groups.get(group_id)
    error = ErrorCode.UNKNOWN_MEMBER_ID if group is None else coordinator._check_member(group, member_id, instance)
    return group, error


def _of_the_leader(group: Group, member: Any) -> SyncResult:
    return _SYNC_RESULT(group, group.members.get(group.leader or "", member))


def _with_members(group: Group, member: Any, *, skip_assignment: bool = False) -> JoinResult:
    return replace(_JOIN_RESULT(group, member, skip_assignment=skip_assignment), members=group.member_metadata())


def _same_number(group: Group) -> None:
    before = group.generation_id
    _BEGIN_GENERATION(group)
    group.generation_id = max(1, before)


_SYNC_RESULT: Any = Group.sync_result
_JOIN_RESULT: Any = Group.join_result
_BEGIN_GENERATION: Any = Group.begin_generation

BROKEN: dict[str, tuple[type, str, Any]] = {
    "requests of any generation are taken": (GroupCoordinator, "_current_group", _whatever_generation),
    "sessions never end": (GroupCoordinator, "_keep_alive", lambda *_: None),
    "who leaves causes no rebalance": (GroupCoordinator, "_after_removal", lambda *_: None),
    "all get what the leader gets": (Group, "sync_result", _of_the_leader),
    "all are told who is there": (Group, "join_result", _with_members),
    "a generation has the number of the one before": (Group, "begin_generation", _same_number),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_coordinator_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, broken = BROKEN[name]
    monkeypatch.setattr(owner, attribute, broken)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(
            GroupMachine,
            settings=settings(
                max_examples=3000, stateful_step_count=40, deadline=None, database=None, derandomize=True,
                phases=[Phase.generate], suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip


GroupMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestGroupCoordinatorAgainstModel = GroupMachine.TestCase
