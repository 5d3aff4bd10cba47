"""Ranges of each topic's partitions, side by side.

Members that subscribe to the same topics with as many partitions get the same numbers of each, so that records of
one key in several topics meet in one member. Static members come first, by instance id: they keep their ranges when
they come back under another member id.

Source: KIP-848, "Server Side Assignors".
"""

from __future__ import annotations

from uuid import UUID

from kappaflow.broker.coordinators.consumer_groups.assignors.problem import Assignment, AssignmentProblem


def assign_ranges(problem: AssignmentProblem) -> Assignment:
    """Deal out each topic in ranges; the first members get one more where it does not divide."""
    order = sorted(problem.members, key=lambda member_id: _rank(problem, member_id))
    assignment: Assignment = {member_id: {} for member_id in problem.members}
    for topic_id, count in problem.partition_counts.items():
        subscribers = [member_id for member_id in order if topic_id in problem.members[member_id].topic_ids]
        _deal_out(assignment, topic_id, count, subscribers)
    return assignment


def _rank(problem: AssignmentProblem, member_id: str) -> tuple[bool, str]:
    instance_id = problem.members[member_id].instance_id
    return (instance_id is None, member_id if instance_id is None else instance_id)


def _deal_out(assignment: Assignment, topic_id: UUID, count: int, subscribers: list[str]) -> None:
    if not subscribers:
        return
    size, larger = divmod(count, len(subscribers))
    start = 0
    for position, member_id in enumerate(subscribers):
        end = start + size + (position < larger)
        if start < end:
            assignment[member_id][topic_id] = frozenset(range(start, end))
        start = end
