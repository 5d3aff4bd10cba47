"""Members of many groups over one connection: a join that is held back holds nobody else back."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace

import pytest

from kappaflow.client import io_threads
from kappaflow.client.admin import Admin
from kappaflow.client.assignors import StickyAssignor
from kappaflow.client.connection import ClientConfig
from kappaflow.client.consumer_protocol import decode_assignment
from kappaflow.client.groups import describe_group
from kappaflow.client.io_threads import IoThreads
from kappaflow.client.membership import GroupMembership
from kappaflow.client.offsets import GroupGeneration

WAIT_S = 30.0


class Member:
    """A member that keeps what it was told."""

    def __init__(self, config: ClientConfig, group_id: str, topic: str, instance: str | None = None) -> None:
        self.partitions: set[int] = set()
        self.history: list[str] = []
        self.membership = GroupMembership(
            config,
            group_id,
            [topic],
            StickyAssignor(),
            self.assigned,
            self.revoked,
            group_instance_id=instance,
            session_timeout_ms=6_000,
            heartbeat_interval_ms=200,
        )

    def assigned(self, assignment: bytes, _generation: GroupGeneration) -> None:
        self.partitions = {p.partition for p in decode_assignment(assignment).partitions}
        self.history.append(f"assigned {sorted(self.partitions)}")

    def revoked(self, lost: bool) -> None:
        self.partitions = set()
        self.history.append("lost" if lost else "revoked")

    @property
    def heard(self) -> float:
        """When the coordinator answered the last heartbeat."""
        return self.membership._coordinator.heartbeat.last_receive


def until(members: list[Member], condition: Callable[[], bool]) -> None:
    """Poll members in turn until something holds."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, [member.history for member in members]
        for member in members:
            member.membership.poll(0.02)


@pytest.fixture
def one(config: ClientConfig, monkeypatch: pytest.MonkeyPatch) -> Generator[ClientConfig]:
    """Everything of one process over one connection."""
    monkeypatch.setattr(io_threads, "MOST_LENT", 1)
    threads = IoThreads(most=1)
    yield replace(config, io=threads)
    assert not threads._lent, "a member has not given its connection back"


def sockets(member: Member) -> list[object]:
    manager = member.membership._connection.manager
    return member.membership._connection.run(lambda: sorted(map(str, manager._conns)))


def test_groups_share_a_connection_and_go_one_by_one(one: ClientConfig, new_topic: Callable[..., str]) -> None:
    topics = [new_topic(2) for _ in range(4)]
    members = [Member(one, f"shared-{topic}", topic) for topic in topics]
    until(members, lambda: all(member.partitions == {0, 1} for member in members))
    assert len([name for name in sockets(members[0]) if str(name).startswith("join-")]) == 1, "the next may join by it"
    assert len(sockets(members[0])) <= 3  # besides to the broker, and to the coordinator on it
    gone = members.pop()
    gone.membership.close()
    before = {member: member.heard for member in members}
    until(members, lambda: all(member.heard > before[member] for member in members))
    again = Member(one, f"shared-{topics[-1]}", topics[-1])
    until([*members, again], lambda: again.partitions == {0, 1})
    assert [member.history for member in members] == [["assigned [0, 1]"]] * 3
    for member in (*members, again):
        member.membership.close()


def test_a_join_that_waits_for_others_holds_no_other_group_back(
    config: ClientConfig, admin: Admin, one: ClientConfig, new_topic: Callable[..., str]
) -> None:
    topic, other_topic = new_topic(2), new_topic(1)
    first, slow = Member(one, "waits", topic), Member(config, "waits", topic)
    other = Member(one, "goes-on", other_topic)
    until([first, slow, other], lambda: len(first.partitions) == len(slow.partitions) == len(other.partitions) == 1)
    # A third member: the coordinator answers the first one's join only when the slow one has joined as well.
    third = Member(config, "waits", topic)
    until([first, third, other], lambda: first.history[-1] == "revoked")
    joined = time.monotonic()
    until([first, third, other], lambda: other.heard > joined + 1)
    assert first.history[-1] == "revoked"
    assert describe_group(admin.connection, "goes-on").state == "Stable"
    until([first, slow, third, other], lambda: first.history[-1] != "revoked")
    for member in (first, slow, third, other):
        member.membership.close()


def test_a_member_that_goes_while_it_joins_is_not_heard_of_again(
    config: ClientConfig, one: ClientConfig, new_topic: Callable[..., str]
) -> None:
    topic, other_topic = new_topic(2), new_topic(1)
    other = Member(one, "stays", other_topic)
    first, slow = Member(one, "left", topic), Member(config, "left", topic)
    until([first, slow, other], lambda: len(first.partitions) == len(slow.partitions) == len(other.partitions) == 1)
    third = Member(config, "left", topic)
    until([first, third, other], lambda: first.history[-1] == "revoked")
    first.membership.close()
    until([slow, third, other], lambda: len(slow.partitions) == len(third.partitions) == 1)
    joins = [name for name in sockets(other) if str(name).startswith("join-")]
    assert joins == other.membership._connection.manager.idle_joins, "that of the member that has gone is closed"
    before = other.heard
    until([slow, third, other], lambda: other.heard > before)
    assert slow.partitions != third.partitions
    for member in (slow, third, other):
        member.membership.close()
