"""What can be said about groups, as data.

Members, topics and groups are named by short names; a conversation makes them unique on its broker.  Where a number
depends on earlier answers it is given relative to them: ``epoch=KNOWN`` is the epoch of the member's last answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

KNOWN = 1_000_000
"""The epoch or generation that the member was last told; ``KNOWN - 1`` is the one before, and so on."""


class Owned(Enum):
    """What a member says that it owns."""

    UNSAID = "unsaid"
    NOTHING = "nothing"
    GIVEN = "what it was last given"
    FIRST_HALF = "the first half of what it was last given"
    OTHERS = "partition 0 of every topic"


@dataclass(frozen=True, slots=True)
class MemberHeartbeat:
    """ConsumerGroupHeartbeat.

    Attributes:
        member: who speaks.
        epoch: 0 joins, -1 leaves, -2 leaves for a while, ``KNOWN`` stays.
        instance: its static name.
        rack: where it runs.
        topics: what it subscribes to; None leaves it unsaid.
        regex: the expression that it subscribes to.
        assignor: the assignor that it asks for.
        owned: what it says that it owns.
        rebalance_ms: its rebalance time-out; -1 leaves it unsaid.
        version: of the request.
        group: which group.
        unnamed: whether the broker is to make the member id, as in version 0.
    """

    member: str
    epoch: int = KNOWN
    instance: str | None = None
    rack: str | None = None
    topics: tuple[str, ...] | None = None
    regex: str | None = None
    assignor: str | None = None
    owned: Owned = Owned.UNSAID
    rebalance_ms: int = -1
    version: int = 1
    group: str = "g"
    unnamed: bool = False


def joining(member: str, *topics: str, **more: object) -> MemberHeartbeat:
    """The first heartbeat of a member."""
    said: dict[str, object] = {"topics": topics if topics or "regex" not in more else None} | more
    return MemberHeartbeat(member, 0, owned=Owned.NOTHING, rebalance_ms=60_000, **said)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Describe:
    """ConsumerGroupDescribe."""

    version: int = 1
    group: str = "g"


@dataclass(frozen=True, slots=True)
class DescribeClassic:
    """DescribeGroups."""

    version: int = 6
    group: str = "g"


@dataclass(frozen=True, slots=True)
class ListAll:
    """ListGroups, of the groups of this conversation."""

    states: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    version: int = 5


@dataclass(frozen=True, slots=True)
class DeleteGroup:
    """DeleteGroups."""

    group: str = "g"


@dataclass(frozen=True, slots=True)
class Commit:
    """OffsetCommit of one offset for some partitions of a topic; by the topic's id since version 10.

    Attributes:
        member: in whose name; empty for none.
        epoch: generation or member epoch.
        topic: which topic.
        partitions: which partitions.
        offset: what to commit.
        instance: its static name.
        version: of the request.
        group: which group.
    """

    member: str
    epoch: int = KNOWN
    topic: str = "t"
    partitions: tuple[int, ...] = (0,)
    offset: int = 1
    instance: str | None = None
    version: int = 9
    group: str = "g"


@dataclass(frozen=True, slots=True)
class FetchOffsets:
    """OffsetFetch; of all topics where none is named."""

    member: str | None = None
    epoch: int = -1
    topic: str | None = None
    partitions: tuple[int, ...] = (0,)
    stable: bool = False
    version: int = 9
    group: str = "g"


@dataclass(frozen=True, slots=True)
class DeleteOffsets:
    """OffsetDelete."""

    topic: str = "t"
    partitions: tuple[int, ...] = (0,)
    group: str = "g"


@dataclass(frozen=True, slots=True)
class CommitInTransaction:
    """AddOffsetsToTxn and TxnOffsetCommit in the transaction of this conversation, which begins with the first.

    Attributes:
        member: in whose name; empty for none.
        epoch: generation or member epoch.
        topic: which topic.
        offset: what to commit, for partition 0.
        commits: whether the transaction is then committed; None leaves it open.
        instance: its static name.
        group: which group.
    """

    member: str
    epoch: int = KNOWN
    topic: str = "t"
    offset: int = 1
    commits: bool | None = True
    instance: str | None = None
    group: str = "g"


@dataclass(frozen=True, slots=True)
class EndTransaction:
    """EndTxn of the transaction that was left open."""

    commits: bool = True


@dataclass(frozen=True, slots=True)
class Join:
    """JoinGroup of a classic consumer; where the answer does not come at once, it can be collected later.

    Attributes:
        member: who joins; its member id is the one it was last given.
        topics: what it subscribes to.
        owned: what it says that it owns, from version 1 of the subscription on.
        protocols: the assignors that it supports.
        instance: its static name.
        session_ms: its session time-out.
        protocol_type: ``consumer``, or something else.
        forgets: whether it has lost its member id.
        version: of the request.
        group: which group.
    """

    member: str
    topics: tuple[str, ...] = ("t",)
    owned: Owned = Owned.NOTHING
    protocols: tuple[str, ...] = ("range",)
    instance: str | None = None
    session_ms: int = 45_000
    protocol_type: str = "consumer"
    forgets: bool = False
    version: int = 9
    group: str = "g"


@dataclass(frozen=True, slots=True)
class Sync:
    """SyncGroup; where the answer does not come at once, it can be collected later.

    Attributes:
        member: who speaks.
        epoch: its generation.
        assignments: topics and partitions for each member; only a leader has them.
        protocol: the protocol that it names; None for none.
        version: of the request.
        instance: its static name.
        group: which group.
    """

    member: str
    epoch: int = KNOWN
    assignments: Mapping[str, Mapping[str, tuple[int, ...]]] = field(
        default_factory=dict[str, Mapping[str, tuple[int, ...]]]
    )
    protocol: str | None = "range"
    version: int = 5
    instance: str | None = None
    group: str = "g"


@dataclass(frozen=True, slots=True)
class Collect:
    """The answer to the last JoinGroup or SyncGroup of a member, or that there is none yet."""

    member: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Heartbeat of a classic member."""

    member: str
    epoch: int = KNOWN
    instance: str | None = None
    version: int = 4
    group: str = "g"


@dataclass(frozen=True, slots=True)
class Leave:
    """LeaveGroup of one member; of a static one by its instance id alone where the member is empty."""

    member: str
    instance: str | None = None
    version: int = 5
    group: str = "g"


@dataclass(frozen=True, slots=True)
class CreateTopic:
    """A new topic; the conversation goes on once coordinators know it."""

    topic: str
    partitions: int


@dataclass(frozen=True, slots=True)
class GrowTopic:
    """More partitions; the conversation goes on once coordinators know them."""

    topic: str
    partitions: int


@dataclass(frozen=True, slots=True)
class DeleteTopic:
    """A topic goes; the conversation goes on once coordinators know that."""

    topic: str


@dataclass(frozen=True, slots=True)
class AwaitGroupEpoch:
    """Go on once the group's epoch is that high: what regular expressions mean is looked up beside the answers."""

    epoch: int
    group: str = "g"


Operation = (
    MemberHeartbeat | Describe | DescribeClassic | ListAll | DeleteGroup | Commit | FetchOffsets | DeleteOffsets
    | CommitInTransaction | EndTransaction | Join | Sync | Collect | Heartbeat | Leave | CreateTopic | GrowTopic
    | DeleteTopic | AwaitGroupEpoch
)  # fmt: skip
