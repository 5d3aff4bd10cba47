"""As many partitions for each member as for any other, and as few moves as that allows.

Source: KIP-848, "Server Side Assignors".
"""

from __future__ import annotations

from uuid import UUID

from kappaflow.broker.coordinators.consumer_groups.assignors.mixed_subscriptions import assign_mixed
from kappaflow.broker.coordinators.consumer_groups.assignors.problem import (
    Assignment,
    AssignmentProblem,
    SubscribedMember,
)

_Partition = tuple[UUID, int]


def assign_uniformly(problem: AssignmentProblem) -> Assignment:
    """Balance the group; members keep what they have as far as the balance allows."""
    if not any(member.topic_ids for member in problem.members.values()):
        return {member_id: {} for member_id in problem.members}
    if problem.is_homogeneous:
        return _SameSubscriptions(problem).assign()
    return assign_mixed(problem)


class _SameSubscriptions:
    """Everybody may get anything, so that each member has one of two quotas, which differ by one."""

    def __init__(self, problem: AssignmentProblem) -> None:
        self._members = problem.members
        self._counts = problem.partition_counts
        self._quota, self._extras = divmod(sum(self._counts.values()), len(self._members))
        self._kept: dict[str, dict[UUID, set[int]]] = {}
        self._wanting: list[tuple[str, int]] = []
        taken = {
            (topic_id, number)
            for member in self._members.values()
            for topic_id, numbers in member.current.items()
            for number in numbers
        }
        self._free: list[_Partition] = [
            (topic_id, number)
            for topic_id, count in self._counts.items()
            for number in range(count)
            if (topic_id, number) not in taken
        ]

    def assign(self) -> Assignment:
        for position, (member_id, member) in enumerate(self._members.items()):
            self._keep_up_to_quota(member_id, member, members_left=len(self._members) - position)
        free = iter(self._free)
        for member_id, wanted in self._wanting:
            for _, (topic_id, number) in zip(range(wanted), free, strict=False):
                self._kept[member_id].setdefault(topic_id, set()).add(number)
        return {
            member_id: {topic_id: frozenset(numbers) for topic_id, numbers in kept.items()}
            for member_id, kept in self._kept.items()
        }

    def _keep_up_to_quota(self, member_id: str, member: SubscribedMember, *, members_left: int) -> None:
        has_extra = self._extras > 0
        quota = self._quota + has_extra
        kept: dict[UUID, set[int]] = {}
        for topic_id, numbers in member.current.items():
            if topic_id not in self._counts:
                continue
            held = sorted(numbers)
            if held[:quota]:
                kept[topic_id] = set(held[:quota])
            self._free += [(topic_id, number) for number in held[quota:]]
            quota -= min(quota, len(held))
        if quota > 0 and has_extra and members_left > self._extras:
            # Somebody later in the list may have the extra partition already; only the last ones must take it.
            quota -= 1
            has_extra = False
        self._extras -= has_extra
        self._kept[member_id] = kept
        if quota > 0:
            self._wanting.append((member_id, quota))
