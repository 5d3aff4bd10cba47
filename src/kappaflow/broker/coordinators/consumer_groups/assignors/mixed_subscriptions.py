"""The uniform assignor for members that subscribe to different topics.

What members may keep they keep. What is free goes to the least loaded subscribers, topics with the most partitions
for each subscriber first. Then partitions move from the most to the least loaded subscribers of each topic until no
move makes the topic's subscribers more even, or `MAX_ROUNDS` is reached.

Source: KIP-848, "Server Side Assignors".
"""

from __future__ import annotations

import heapq
from uuid import UUID

from kappaflow.broker.coordinators.consumer_groups.assignors.problem import Assignment, AssignmentProblem

MAX_ROUNDS = 16
"""Overlapping subscriptions can take long to settle; each round about halves what is uneven."""


def assign_mixed(problem: AssignmentProblem) -> Assignment:
    """Balance a group whose members subscribe to different topics."""
    return _MixedSubscriptions(problem).assign()


class _MixedSubscriptions:
    def __init__(self, problem: AssignmentProblem) -> None:
        self._members = problem.members
        self._load = dict.fromkeys(problem.members, 0)
        self._rank = {member_id: position for position, member_id in enumerate(problem.members)}
        self._subscribers: dict[UUID, list[str]] = {}
        self._owner: dict[UUID, list[str | None]] = {}
        for topic_id, count in problem.partition_counts.items():
            subscribers = [each for each, member in problem.members.items() if topic_id in member.topic_ids]
            if subscribers:
                self._subscribers[topic_id] = subscribers
                self._owner[topic_id] = [None] * count

    def assign(self) -> Assignment:
        self._keep()
        order = sorted(self._owner, key=self._priority)
        for topic_id in order:
            self._give_out(topic_id)
        shared = [topic_id for topic_id in order if len(self._subscribers[topic_id]) > 1]
        for _ in range(MAX_ROUNDS):
            if not sum(self._even_out(topic_id) for topic_id in shared):
                break
        return self._result()

    def _priority(self, topic_id: UUID) -> tuple[float, int, UUID]:
        subscribers = len(self._subscribers[topic_id])
        return (-len(self._owner[topic_id]) / subscribers, subscribers, topic_id)

    def _keep(self) -> None:
        for member_id, member in self._members.items():
            for topic_id, numbers in member.current.items():
                if topic_id in member.topic_ids:
                    for number in numbers:
                        self._give(topic_id, number, member_id)

    def _give(self, topic_id: UUID, number: int, member_id: str) -> None:
        owners = self._owner[topic_id]
        if (before := owners[number]) is not None:
            self._load[before] -= 1
        owners[number] = member_id
        self._load[member_id] += 1

    def _by_load(self, topic_id: UUID) -> list[str]:
        return sorted(self._subscribers[topic_id], key=lambda each: (self._load[each], self._rank[each]))

    def _give_out(self, topic_id: UUID) -> None:
        heap = [(self._load[member_id], place, member_id) for place, member_id in enumerate(self._by_load(topic_id))]
        for number, owner in enumerate(self._owner[topic_id]):
            if owner is None:
                load, place, member_id = heap[0]
                self._give(topic_id, number, member_id)
                heapq.heapreplace(heap, (load + 1, place, member_id))

    def _even_out(self, topic_id: UUID) -> int:
        """Move partitions of one topic to those of its subscribers with less to do; how many moved."""
        order = self._by_load(topic_id)
        if self._load[order[-1]] - self._load[order[0]] <= 1:
            return 0
        given: dict[str, list[int]] = {member_id: [] for member_id in order}
        for number, owner in enumerate(self._owner[topic_id]):
            if owner is not None:
                given[owner].append(number)
        least = [(self._load[member_id], place, member_id) for place, member_id in enumerate(order)]
        most = [(-self._load[member_id], -place, member_id) for place, member_id in enumerate(order)]
        heapq.heapify(most)
        moves = 0
        while most:
            load, place, giver = most[0]
            if not given[giver]:
                heapq.heappop(most)
                continue
            low, low_place, taker = least[0]
            if -load - low <= 1:
                break
            self._give(topic_id, given[giver].pop(), taker)
            heapq.heapreplace(most, (load + 1, place, giver))
            heapq.heapreplace(least, (low + 1, low_place, taker))
            moves += 1
        return moves

    def _result(self) -> Assignment:
        numbers: dict[str, dict[UUID, set[int]]] = {member_id: {} for member_id in self._members}
        for topic_id, owners in self._owner.items():
            for number, owner in enumerate(owners):
                if owner is not None:
                    numbers[owner].setdefault(topic_id, set()).add(number)
        return {
            member_id: {topic_id: frozenset(held) for topic_id, held in topics.items()}
            for member_id, topics in numbers.items()
        }
