"""One member of a consumer group: what it asked for, what it has, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from uuid import UUID

Owned = Mapping[UUID, Mapping[int, int]]
"""Topic id -> partition -> the epoch in which the member got it."""

Target = Mapping[UUID, frozenset[int]]
"""Topic id -> partitions that the member should own."""

JOINING_EPOCH = 0
LEAVING_EPOCH = -1
LEAVING_STATIC_EPOCH = -2
"""Member epochs that are requests rather than epochs."""


class MemberState(Enum):
    """How far a member is on its way to the target assignment."""

    STABLE = "stable"
    UNREVOKED_PARTITIONS = "unrevoked_partitions"
    UNRELEASED_PARTITIONS = "unreleased_partitions"


@dataclass(frozen=True, slots=True)
class ClassicMembership:
    """What a member that speaks the classic protocol joined with.

    Attributes:
        session_timeout_ms: how long it may be silent.
        protocols: (assignor, subscription) by preference.
    """

    session_timeout_ms: int
    protocols: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class ConsumerMember:
    """A member as of its last heartbeat.

    Attributes:
        member_id: its id.
        epoch: the assignment epoch that it has reached; `LEAVING_STATIC_EPOCH` while a static member is away.
        previous_epoch: the one before, which it may still name where an answer was lost.
        state: how far it is.
        instance_id: its name across restarts; None for a dynamic member.
        rack_id: where it runs.
        rebalance_timeout_ms: how long it may take to revoke partitions; -1 until it said so.
        client_id: the client's name for itself.
        client_host: the client's address.
        topics: names that it subscribes to.
        regex: the expression that it subscribes to; empty for none.
        assignor: the assignor that it prefers; None for the group's default.
        assigned: what it owns or may take.
        pending_revocation: what it still owns and must give up.
        classic: set for a member that speaks the classic protocol.
    """

    member_id: str
    epoch: int = 0
    previous_epoch: int = -1
    state: MemberState = MemberState.STABLE
    instance_id: str | None = None
    rack_id: str | None = None
    rebalance_timeout_ms: int = -1
    client_id: str = ""
    client_host: str = ""
    topics: frozenset[str] = frozenset()
    regex: str = ""
    assignor: str | None = None
    assigned: Owned = field(default_factory=dict[UUID, Mapping[int, int]])
    pending_revocation: Owned = field(default_factory=dict[UUID, Mapping[int, int]])
    classic: ClassicMembership | None = None

    def is_reconciled_to(self, epoch: int) -> bool:
        """Whether it has what the target of that epoch gives it."""
        return self.state is MemberState.STABLE and self.epoch == epoch

    def assignment_epoch(self, topic_id: UUID, partition: int) -> int | None:
        """The epoch in which it got a partition that it has not given up yet; None where it has none."""
        for owned in (self.assigned, self.pending_revocation):
            if (epoch := owned.get(topic_id, {}).get(partition)) is not None:
                return epoch
        return None


def contains(owned: Owned, partitions: Mapping[UUID, frozenset[int]]) -> bool:
    """Whether every one of the partitions is among those owned."""
    return all(owned.get(topic_id, {}).keys() >= numbers for topic_id, numbers in partitions.items())


def overlaps(owned: Owned, partitions: Mapping[UUID, frozenset[int]]) -> bool:
    """Whether any of the partitions is among those owned."""
    return any(owned.get(topic_id, {}).keys() & numbers for topic_id, numbers in partitions.items())
