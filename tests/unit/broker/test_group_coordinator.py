"""The classic group protocol, with a clock that the test moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from kappaflow.broker.config import BrokerConfig
from kappaflow.broker.coordinators.group_coordinator import GroupCoordinator
from kappaflow.broker.coordinators.group_members import JoinRequest, JoinResult, SyncResult
from kappaflow.broker.coordinators.group_states import (
    COMMIT_ERROR,
    HEARTBEAT_ERROR,
    SYNC_ERROR,
    TRANSITIONS,
    GroupEvent,
    GroupState,
    next_state,
)
from kappaflow.client.consumer_protocol import Subscription, encode_subscription
from kappaflow.testing.manual_timers import ManualTimers
from kappaflow.wire.error_codes import ErrorCode


class Cluster:
    """A coordinator and what it has answered."""

    def __init__(self, **settings: int) -> None:
        self.timers = ManualTimers()
        self._ids = 0
        self.coordinator = GroupCoordinator(BrokerConfig(Path(), **settings), self.timers, self._suffix)

    def _suffix(self) -> str:
        self._ids += 1
        return str(self._ids)

    @property
    def group(self):
        return self.coordinator.groups["g"]

    def join(
        self,
        member_id: str = "",
        *,
        instance: str | None = None,
        protocols: tuple[tuple[str, bytes], ...] = (("range", b"m"),),
        protocol_type: str = "consumer",
        session_ms: int = 10_000,
        rebalance_ms: int = 30_000,
        id_required: bool = False,
        skip: bool = False,
        group: str = "g",
    ) -> list[JoinResult]:
        answers: list[JoinResult] = []
        request = JoinRequest(
            group,
            member_id,
            instance,
            "client",
            "/127.0.0.1",
            session_ms,
            rebalance_ms,
            protocol_type,
            protocols,
            id_required,
            skip,
        )
        self.coordinator.join(request, answers.append)
        return answers

    def sync(
        self, member_id: str, generation: int, assignment: dict[str, bytes] | None = None, instance: str | None = None
    ) -> list[SyncResult]:
        answers: list[SyncResult] = []
        self.coordinator.sync(
            "g", member_id, instance, generation, None, None, (assignment or {}).items(), answers.append
        )
        return answers

    def heartbeat(self, member_id: str, generation: int, instance: str | None = None) -> ErrorCode:
        return self.coordinator.heartbeat("g", member_id, instance, generation)

    def stable_pair(self) -> tuple[str, str, int]:
        """A stable group of two members; (leader, follower, generation)."""
        first = self.join()[0]
        second_answers = self.join()
        first_answers = self.join(first.member_id)
        second = second_answers[0]
        generation = second.generation_id
        assert first_answers[0].generation_id == generation
        waiting = self.sync(second.member_id, generation)
        self.sync(first.member_id, generation, {first.member_id: b"a1", second.member_id: b"a2"})
        assert waiting[0].assignment == b"a2"
        assert self.group.state is GroupState.STABLE
        return first.member_id, second.member_id, generation


def test_every_state_has_an_answer_and_every_step_is_in_the_table() -> None:
    for table in (HEARTBEAT_ERROR, SYNC_ERROR, COMMIT_ERROR):
        assert set(table) == set(GroupState)
    for state in GroupState:
        for event in GroupEvent:
            if (state, event) not in TRANSITIONS:
                with pytest.raises(LookupError):
                    next_state(state, event)


def test_the_first_member_leads_at_once() -> None:
    cluster = Cluster()
    (joined,) = cluster.join()
    assert (joined.error_code, joined.generation_id, joined.leader) == (ErrorCode.NONE, 1, joined.member_id)
    assert joined.protocol_name == "range"
    assert joined.members == ((joined.member_id, None, b"m"),)
    (synced,) = cluster.sync(joined.member_id, 1, {joined.member_id: b"all"})
    assert synced.assignment == b"all"
    assert cluster.group.state is GroupState.STABLE


def test_a_new_client_learns_its_id_first() -> None:
    cluster = Cluster()
    (refused,) = cluster.join(id_required=True)
    assert refused.error_code is ErrorCode.MEMBER_ID_REQUIRED
    assert not cluster.group.members
    (joined,) = cluster.join(refused.member_id, id_required=True)
    assert joined.error_code is ErrorCode.NONE
    assert joined.member_id == refused.member_id


def test_an_id_that_is_never_used_expires() -> None:
    cluster = Cluster()
    (refused,) = cluster.join(id_required=True)
    cluster.timers.advance(10_001)
    (answer,) = cluster.join(refused.member_id, id_required=True)
    assert answer.error_code is ErrorCode.UNKNOWN_MEMBER_ID


def test_a_second_member_makes_the_first_one_join_again() -> None:
    cluster = Cluster()
    (first,) = cluster.join()
    cluster.sync(first.member_id, 1, {first.member_id: b"all"})
    waiting = cluster.join()
    assert waiting == []
    assert cluster.heartbeat(first.member_id, 1) is ErrorCode.REBALANCE_IN_PROGRESS
    (again,) = cluster.join(first.member_id)
    assert again.generation_id == waiting[0].generation_id == 2
    assert again.leader == waiting[0].leader == first.member_id
    assert len(again.members) == 2
    assert waiting[0].members == ()


def test_members_that_do_not_join_again_in_time_are_left_behind() -> None:
    cluster = Cluster()
    (first,) = cluster.join(session_ms=60_000, rebalance_ms=5_000)
    cluster.sync(first.member_id, 1, {})
    waiting = cluster.join(session_ms=60_000, rebalance_ms=5_000)
    cluster.timers.advance(5_000)
    assert waiting[0].leader == waiting[0].member_id
    assert cluster.heartbeat(first.member_id, 2) is ErrorCode.UNKNOWN_MEMBER_ID


def test_silence_ends_a_session_and_heartbeats_keep_it() -> None:
    cluster = Cluster()
    leader, follower, generation = cluster.stable_pair()
    for _ in range(5):
        cluster.timers.advance(9_000)
        assert cluster.heartbeat(leader, generation) is ErrorCode.NONE
        assert cluster.heartbeat(follower, generation) is ErrorCode.NONE
    cluster.timers.advance(9_000)
    cluster.heartbeat(leader, generation)
    cluster.timers.advance(1_500)
    assert cluster.heartbeat(leader, generation) is ErrorCode.REBALANCE_IN_PROGRESS
    (alone,) = cluster.join(leader)
    assert len(alone.members) == 1


def test_members_that_wait_are_not_silent() -> None:
    cluster = Cluster()
    (first,) = cluster.join(session_ms=6_000, rebalance_ms=60_000)
    cluster.sync(first.member_id, 1, {})
    waiting = cluster.join(session_ms=6_000, rebalance_ms=60_000)
    for _ in range(6):
        cluster.timers.advance(5_000)
        cluster.heartbeat(first.member_id, 1)
    assert waiting == []
    cluster.join(first.member_id)
    assert waiting[0].error_code is ErrorCode.NONE


def test_members_that_never_sync_are_removed() -> None:
    cluster = Cluster()
    (first,) = cluster.join(rebalance_ms=8_000)
    waiting_join = cluster.join(rebalance_ms=8_000)
    cluster.join(first.member_id, rebalance_ms=8_000)
    (second,) = waiting_join
    waiting = cluster.sync(second.member_id, 2)
    cluster.timers.advance(8_001)
    assert waiting[0].error_code is ErrorCode.REBALANCE_IN_PROGRESS
    assert first.member_id not in cluster.group.members


def test_leave_starts_a_rebalance_and_the_last_one_empties_the_group() -> None:
    cluster = Cluster()
    leader, follower, generation = cluster.stable_pair()
    assert cluster.coordinator.leave("g", [(leader, None)]) == [ErrorCode.NONE]
    assert cluster.heartbeat(follower, generation) is ErrorCode.REBALANCE_IN_PROGRESS
    (alone,) = cluster.join(follower)
    assert alone.leader == follower
    assert cluster.coordinator.leave("g", [(follower, None)]) == [ErrorCode.NONE]
    assert cluster.group.state is GroupState.EMPTY
    assert cluster.timers.running() == 0
    assert cluster.coordinator.leave("g", [(follower, None)]) == [ErrorCode.UNKNOWN_MEMBER_ID]


def test_errors_in_the_order_that_clients_expect() -> None:
    cluster = Cluster()
    leader, _, generation = cluster.stable_pair()
    assert cluster.heartbeat("stranger", generation + 5) is ErrorCode.UNKNOWN_MEMBER_ID
    assert cluster.heartbeat(leader, generation + 5) is ErrorCode.ILLEGAL_GENERATION
    assert cluster.sync("stranger", generation)[0].error_code is ErrorCode.UNKNOWN_MEMBER_ID
    assert cluster.sync(leader, generation - 1)[0].error_code is ErrorCode.ILLEGAL_GENERATION
    assert cluster.coordinator.heartbeat("no-such-group", leader, None, 1) is ErrorCode.UNKNOWN_MEMBER_ID
    assert cluster.join("", group="")[0].error_code is ErrorCode.INVALID_GROUP_ID
    assert cluster.join("", session_ms=10)[0].error_code is ErrorCode.INVALID_SESSION_TIMEOUT
    assert cluster.join("stranger", group="new")[0].error_code is ErrorCode.UNKNOWN_MEMBER_ID
    assert "new" not in cluster.coordinator.groups


@pytest.mark.parametrize(
    ("protocols", "protocol_type"),
    [((("sticky", b""),), "consumer"), ((("range", b""),), "connect"), ((), "consumer"), ((("range", b""),), "")],
)
def test_a_member_without_a_shared_protocol_is_refused(
    protocols: tuple[tuple[str, bytes], ...], protocol_type: str
) -> None:
    cluster = Cluster()
    cluster.join()
    (refused,) = cluster.join(protocols=protocols, protocol_type=protocol_type)
    assert refused.error_code is ErrorCode.INCONSISTENT_GROUP_PROTOCOL


def test_the_protocol_is_the_one_that_most_prefer_among_the_shared() -> None:
    cluster = Cluster()
    (first,) = cluster.join(protocols=(("a", b""), ("b", b""), ("c", b"")))
    waiting = cluster.join(protocols=(("c", b""), ("b", b"")))
    more = cluster.join(protocols=(("b", b""), ("c", b"")))
    cluster.join(first.member_id, protocols=(("a", b""), ("b", b""), ("c", b"")))
    assert waiting[0].protocol_name == more[0].protocol_name == "b"


def test_a_follower_whose_answer_was_lost_gets_it_again() -> None:
    cluster = Cluster()
    _, follower, generation = cluster.stable_pair()
    (again,) = cluster.join(follower)
    assert (again.error_code, again.generation_id) == (ErrorCode.NONE, generation)
    assert cluster.group.state is GroupState.STABLE
    assert cluster.sync(follower, generation)[0].assignment == b"a2"


def test_a_leader_that_joins_again_or_a_changed_follower_starts_a_rebalance() -> None:
    cluster = Cluster()
    leader, _, _ = cluster.stable_pair()
    assert cluster.join(leader) == []
    assert cluster.group.state is GroupState.PREPARING_REBALANCE
    cluster = Cluster()
    _, follower, _ = cluster.stable_pair()
    assert cluster.join(follower, protocols=(("range", b"other topics"),)) == []
    assert cluster.group.state is GroupState.PREPARING_REBALANCE


def stable_static(cluster: Cluster) -> tuple[JoinResult, JoinResult, int]:
    first = cluster.join(instance="i1")[0]
    second_answers = cluster.join(instance="i2")
    cluster.join(first.member_id, instance="i1")
    second = second_answers[0]
    cluster.sync(second.member_id, 2, instance="i2")
    cluster.sync(first.member_id, 2, {first.member_id: b"a1", second.member_id: b"a2"}, instance="i1")
    assert cluster.group.state is GroupState.STABLE
    return first, second, 2


def test_a_static_member_restarts_without_a_rebalance() -> None:
    cluster = Cluster()
    first, second, generation = stable_static(cluster)
    (again,) = cluster.join(instance="i2")
    assert again.error_code is ErrorCode.NONE
    assert again.member_id != second.member_id
    assert again.generation_id == generation
    assert cluster.group.state is GroupState.STABLE
    assert cluster.heartbeat(first.member_id, generation, "i1") is ErrorCode.NONE
    assert cluster.sync(again.member_id, generation, instance="i2")[0].assignment == b"a2"


def test_the_old_incarnation_of_a_static_member_is_fenced() -> None:
    cluster = Cluster()
    _, second, generation = stable_static(cluster)
    cluster.join(instance="i2")
    assert cluster.heartbeat(second.member_id, generation, "i2") is ErrorCode.FENCED_INSTANCE_ID
    assert cluster.join(second.member_id, instance="i2")[0].error_code is ErrorCode.FENCED_INSTANCE_ID
    commit = cluster.coordinator.check_commit("g", second.member_id, "i2", generation)
    assert commit is ErrorCode.FENCED_INSTANCE_ID


@pytest.mark.parametrize("can_skip", [True, False])
def test_a_static_leader_that_restarts_does_not_assign_again(can_skip: bool) -> None:
    cluster = Cluster()
    first, _, generation = stable_static(cluster)
    (again,) = cluster.join(instance="i1", skip=can_skip)
    assert again.generation_id == generation
    assert again.skip_assignment is can_skip
    if can_skip:
        assert again.leader == again.member_id
        assert len(again.members) == 2
    else:
        assert again.leader == first.member_id
        assert again.members == ()
    assert cluster.sync(again.member_id, generation, instance="i1")[0].assignment == b"a1"


def test_a_waiting_static_member_is_replaced_by_its_new_incarnation() -> None:
    cluster = Cluster()
    stable_static(cluster)
    cluster.join()
    old = cluster.join(instance="i2")
    cluster.join(instance="i2")
    assert old[0].error_code is ErrorCode.FENCED_INSTANCE_ID


def test_a_static_member_stays_through_a_rebalance_until_its_session_ends() -> None:
    cluster = Cluster()
    first = cluster.join(instance="i1", session_ms=40_000, rebalance_ms=10_000)[0]
    cluster.sync(first.member_id, 1, {}, instance="i1")
    newcomer = cluster.join(session_ms=60_000, rebalance_ms=10_000)
    cluster.timers.advance(10_000)
    assert len(newcomer[0].members) == 2
    assert newcomer[0].leader == newcomer[0].member_id
    (synced,) = cluster.sync(newcomer[0].member_id, newcomer[0].generation_id, {first.member_id: b"its part"})
    assert synced.error_code is ErrorCode.NONE
    cluster.timers.advance(9_000)
    assert "i1" in cluster.group.static_members
    assert cluster.sync(first.member_id, newcomer[0].generation_id, instance="i1")[0].assignment == b"its part"
    cluster.timers.advance(39_000)
    assert "i1" in cluster.group.static_members
    cluster.timers.advance(2_000)
    assert "i1" not in cluster.group.static_members


def test_a_static_member_that_is_away_is_removed_when_it_does_not_sync() -> None:
    cluster = Cluster()
    first = cluster.join(instance="i1", session_ms=60_000, rebalance_ms=10_000)[0]
    cluster.sync(first.member_id, 1, {}, instance="i1")
    newcomer = cluster.join(session_ms=60_000, rebalance_ms=10_000)
    cluster.timers.advance(10_000)
    cluster.sync(newcomer[0].member_id, newcomer[0].generation_id, {})
    cluster.timers.advance(10_000)
    assert "i1" not in cluster.group.static_members
    assert cluster.heartbeat(newcomer[0].member_id, newcomer[0].generation_id) is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_static_member_can_be_removed_by_its_instance_id() -> None:
    cluster = Cluster()
    _, second, _ = stable_static(cluster)
    errors = cluster.coordinator.leave("g", [("", "i2"), ("", "i9")])
    assert errors == [ErrorCode.NONE, ErrorCode.UNKNOWN_MEMBER_ID]
    assert second.member_id not in cluster.group.members


def test_commits_are_accepted_as_kafka_does() -> None:
    cluster = Cluster()
    check = cluster.coordinator.check_commit
    assert check("simple", "", None, -1) is ErrorCode.NONE
    assert check("simple", "m", None, 3) is ErrorCode.ILLEGAL_GENERATION
    leader, follower, generation = cluster.stable_pair()
    assert check("g", leader, None, generation) is ErrorCode.NONE
    assert check("g", leader, None, generation - 1) is ErrorCode.ILLEGAL_GENERATION
    assert check("g", "stranger", None, generation) is ErrorCode.UNKNOWN_MEMBER_ID
    assert check("g", "", None, -1) is ErrorCode.UNKNOWN_MEMBER_ID
    cluster.join(leader)
    assert check("g", follower, None, generation) is ErrorCode.NONE
    cluster.join(follower)
    assert cluster.group.state is GroupState.COMPLETING_REBALANCE
    assert check("g", leader, None, generation + 1) is ErrorCode.REBALANCE_IN_PROGRESS
    assert check("g", leader, None, generation + 1, transactional=True) is ErrorCode.NONE
    assert check("g", "", None, -1, transactional=True) is ErrorCode.NONE
    assert check("g", "stranger", None, -1, transactional=True) is ErrorCode.UNKNOWN_MEMBER_ID


def test_whoever_names_no_generation_may_commit_for_an_empty_group() -> None:
    cluster = Cluster()
    assert cluster.coordinator.check_commit("simple", "m", "i", -1) is ErrorCode.NONE
    cluster.coordinator.restore_empty("simple")
    assert cluster.coordinator.check_commit("simple", "m", "i", -1) is ErrorCode.NONE


def test_a_group_takes_no_more_members_than_it_may() -> None:
    cluster = Cluster(group_max_size=2)
    late = cluster.join(id_required=True)[0].member_id
    cluster.coordinator.leave("g", [(late, None)])
    leader, follower, generation = cluster.stable_pair()
    assert cluster.join()[0] == JoinResult(ErrorCode.GROUP_MAX_SIZE_REACHED, "")
    assert cluster.join(id_required=True)[0].error_code is ErrorCode.GROUP_MAX_SIZE_REACHED
    cluster.join(leader)
    assert cluster.join(follower)[0].generation_id == generation + 1
    cluster.coordinator.leave("g", [(follower, None)])
    assert not cluster.join(), "it waits for the leader to join again"


def test_an_id_given_out_for_a_group_that_is_full_meanwhile_is_worth_nothing() -> None:
    cluster = Cluster(group_max_size=1)
    first, second = (cluster.join(id_required=True)[0].member_id for _ in range(2))
    cluster.join(first)
    assert cluster.join(second)[0].error_code is ErrorCode.GROUP_MAX_SIZE_REACHED
    assert not cluster.group.pending_members
    assert cluster.join(second)[0].error_code is not ErrorCode.NONE


def test_a_refused_join_begins_a_group_all_the_same() -> None:
    cluster = Cluster()
    assert cluster.join(protocols=())[0].error_code is ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert cluster.group.state is GroupState.EMPTY
    assert cluster.join("m", group="other")[0].error_code is ErrorCode.UNKNOWN_MEMBER_ID
    assert "other" not in cluster.coordinator.groups


def test_what_a_generation_reads_is_known_until_the_next_one() -> None:
    def reads(*topics: str) -> tuple[tuple[str, bytes], ...]:
        return (("range", encode_subscription(Subscription(topics))),)

    cluster = Cluster()
    first = cluster.join(protocols=reads("t"))[0].member_id
    assert cluster.group.subscribed_topics == {"t"}
    cluster.join(protocols=reads("u"))
    assert cluster.group.subscribed_topics == {"t"}
    cluster.join(first, protocols=reads("t", "v"))
    assert cluster.group.subscribed_topics == {"t", "u", "v"}


def test_assignments_stand_until_members_are_assigned_again() -> None:
    cluster = Cluster()
    leader, follower, _ = cluster.stable_pair()
    cluster.join(leader)
    cluster.join(follower)
    assert cluster.group.state is GroupState.COMPLETING_REBALANCE
    assert [cluster.group.members[each].assignment for each in (leader, follower)] == [b"a1", b"a2"]
    # A rebalance that begins before the leader has assigned takes them back.
    cluster.join()
    assert [cluster.group.members[each].assignment for each in (leader, follower)] == [b"", b""]


def test_only_an_empty_group_can_be_deleted() -> None:
    cluster = Cluster()
    leader, follower, _ = cluster.stable_pair()
    assert cluster.coordinator.check_delete("g") is ErrorCode.NON_EMPTY_GROUP
    assert cluster.coordinator.check_delete("other") is ErrorCode.GROUP_ID_NOT_FOUND
    cluster.coordinator.leave("g", [(leader, None), (follower, None)])
    assert cluster.coordinator.check_delete("g") is ErrorCode.NONE
    cluster.coordinator.delete("g")
    assert "g" not in cluster.coordinator.groups


def test_an_initial_delay_gathers_the_first_members() -> None:
    cluster = Cluster(group_initial_rebalance_delay_ms=3_000)
    first = cluster.join()
    second = cluster.join()
    assert first == []
    cluster.timers.advance(3_000)
    assert first[0].generation_id == second[0].generation_id == 1
    assert len(first[0].members) == 2
