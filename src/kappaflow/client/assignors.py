"""Who gets what: the face that a group's assignor has, and one that spreads partitions evenly and keeps them put."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from kappaflow.client.consumer_protocol import (
    Assignment,
    Subscription,
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from kappaflow.client.topic_partition import TopicPartition


class GroupMember(NamedTuple):
    """A member as the group's leader sees it.

    Attributes:
        member_id: its id in this generation.
        group_instance_id: of a static member.
        metadata: what its assignor's ``subscription`` returned.
    """

    member_id: str
    group_instance_id: str | None
    metadata: bytes


class Assignor(Protocol):
    """Decides what each member works on.  Called on the I/O thread: it must be quick and must not block.

    Attributes:
        name: the group protocol; all members of a group share one.
    """

    name: str

    def subscription(self, topics: Sequence[str], assignment: bytes) -> bytes:
        """What this member tells the leader when it joins.

        Args:
            topics: what the group reads.
            assignment: what it had before, empty at first.
        """
        ...

    def assign(self, members: Mapping[str, GroupMember], partitions: Mapping[str, int]) -> Mapping[str, bytes]:
        """What each member gets; called on the leader only.

        Args:
            members: by member id.
            partitions: the number of partitions of each topic.
        """
        ...

    def partition_counts(self, assignment: bytes) -> Mapping[str, int]:
        """The `partitions` by which an assignment was made; none where it does not tell."""
        ...


class StickyAssignor:
    """Spreads partitions evenly; a member keeps what it has as far as that stays even.

    The user data of an assignment is the number of partitions of each topic: a static member that comes back gets what
    it had, and has to see whether its topics have grown meanwhile.

    Attributes:
        name: the group protocol.
        user_data: sent with the subscription, for other assignors' eyes.
    """

    def __init__(self, user_data: bytes = b"", name: str = "kappaflow-sticky") -> None:
        self.name = name
        self.user_data = user_data

    def subscription(self, topics: Sequence[str], assignment: bytes) -> bytes:
        """The topics, the user data and the partitions owned so far."""
        owned = decode_assignment(assignment).partitions
        return encode_subscription(Subscription(tuple(topics), self.user_data, owned))

    def assign(self, members: Mapping[str, GroupMember], partitions: Mapping[str, int]) -> Mapping[str, bytes]:
        """Give every partition to one member that subscribes to its topic."""
        subscriptions = {m: decode_subscription(member.metadata) for m, member in members.items()}
        # A restarted static member has a new id; its instance id keeps its place in the order.
        order = sorted(members, key=lambda m: (members[m].group_instance_id or m, m))
        spread = spread_evenly({m: subscriptions[m] for m in order}, partitions)
        counts = msgspec.msgpack.encode(dict(partitions))
        return {m: encode_assignment(Assignment(tuple(sorted(spread[m])), counts)) for m in order}

    def partition_counts(self, assignment: bytes) -> Mapping[str, int]:
        """What `assign` wrote into the user data."""
        found = decode_assignment(assignment).user_data
        return msgspec.msgpack.decode(found, type=dict[str, int]) if found else {}


def spread_evenly(
    subscriptions: Mapping[str, Subscription], partitions: Mapping[str, int]
) -> dict[str, list[TopicPartition]]:
    """Every partition to one subscribed member, numbers even, owned partitions kept where possible.

    Args:
        subscriptions: by member, in the order that breaks ties.
        partitions: the number of partitions of each topic.

    >>> both = Subscription(("t",))
    >>> spread = spread_evenly({"a": both, "b": both}, {"t": 3})
    >>> [str(p) for p in spread["a"]], [str(p) for p in spread["b"]]
    (['t-0', 't-2'], ['t-1'])
    """
    everything = [TopicPartition(t, p) for t in sorted(partitions) for p in range(partitions[t])]
    wanted = [p for p in everything if any(p.topic in s.topics for s in subscriptions.values())]
    least, extras = divmod(len(wanted), max(1, len(subscriptions)))
    spread: dict[str, list[TopicPartition]] = {member: [] for member in subscriptions}
    free = dict.fromkeys(wanted)
    for member, subscription in subscriptions.items():
        for partition in sorted(subscription.owned):
            full = len(spread[member]) >= least + (1 if extras > 0 else 0)
            if partition in free and partition.topic in subscription.topics and not full:
                del free[partition]
                spread[member].append(partition)
                if len(spread[member]) > least:
                    extras -= 1
    for partition in free:
        able = [m for m, s in subscriptions.items() if partition.topic in s.topics]
        spread[min(able, key=lambda m: len(spread[m]))].append(partition)
    return spread
