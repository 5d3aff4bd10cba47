"""What an assignor is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from kappaflow.broker.coordinators.consumer_groups.member import Target

Assignment = dict[str, dict[UUID, frozenset[int]]]
"""Member id -> topic id -> partitions."""


@dataclass(frozen=True, slots=True)
class SubscribedMember:
    """A member as assignors see it.

    Attributes:
        instance_id: its name across restarts; None for a dynamic member.
        topic_ids: the topics that it subscribes to and that exist.
        current: its target so far.
    """

    instance_id: str | None
    topic_ids: frozenset[UUID]
    current: Target


@dataclass(frozen=True, slots=True)
class AssignmentProblem:
    """A group to assign partitions to.

    Attributes:
        members: by member id, in the order in which they are served.
        partition_counts: how many partitions each subscribed topic has, in the order in which topics are dealt out.
    """

    members: Mapping[str, SubscribedMember]
    partition_counts: Mapping[UUID, int]

    @property
    def is_homogeneous(self) -> bool:
        """Whether all members subscribe to the same topics."""
        return len({member.topic_ids for member in self.members.values()}) <= 1
