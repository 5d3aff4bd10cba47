"""Level replicas over brokers with the fewest moves; new brokers get their share.

A replica goes from a broker with more than its share to one with less. The topic with the most replicas on the giving
broker gives first, so that topics spread, too. Leadership is levelled afterwards by the order of replicas, which copies
nothing.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Collection

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.reassignment.layout import Layout, Load, Moves, chosen_partitions, distinct_racks
from kappaflow.runtime.messages import message

SAME_SIZE = 1.1
"""Partitions whose sizes differ by less than this factor copy about the same."""


def _magnitude(size: int) -> int:
    return round(math.log(max(1, size), SAME_SIZE))


class _Levelling:
    """One levelling under way.

    For each giving broker the topics stand in a heap by how many replicas they have there; a count that has changed
    since is put right when the topic comes up.
    """

    def __init__(self, layout: Layout, names: Collection[TopicPartition]) -> None:
        self.layout = layout
        self.load = Load.of(layout)
        self.replicas = {name: list(layout.replicas[name]) for name in names}
        self.held: dict[tuple[str, int], set[TopicPartition]] = defaultdict(set)
        for name, replicas in self.replicas.items():
            for broker in replicas:
                self.held[name.topic, broker].add(name)
        self.heaps: dict[int, list[tuple[int, str]]] = {broker: [] for broker in layout.racks}
        for (topic, broker), held in self.held.items():
            if broker in self.heaps:
                self.heaps[broker].append((-len(held), topic))
        for heap in self.heaps.values():
            heapq.heapify(heap)
        self.read: dict[int, int] = defaultdict(int)
        """What each leader sends to those that take replicas."""

    def move_one(self, giver: int, taker: int) -> bool:
        """Move some replica from one broker to another; False where none may go there."""
        heap = self.heaps[giver]
        passed: list[tuple[int, str]] = []
        moved = False
        while heap and not moved:
            count, topic = heapq.heappop(heap)
            held = self.held[topic, giver]
            if -count != len(held):
                if held:
                    heapq.heappush(heap, (-len(held), topic))
                continue
            name = self._pick(topic, giver, taker)
            if name is not None:
                self._replace(name, giver, taker)
                moved = True
            if held:
                passed.append((-len(held), topic))
        for entry in passed:
            heapq.heappush(heap, entry)
        return moved

    def _pick(self, topic: str, giver: int, taker: int) -> TopicPartition | None:
        """A partition of a topic that may go: one that copies little, and of these one whose leader sends least.

        A limit holds for what a broker sends, too: where one leader sends most of it, the takers wait for that one.
        """
        best: tuple[int, int, TopicPartition] | None = None
        for name in self.held[topic, giver]:
            replicas = self.replicas[name]
            if taker in replicas:
                continue
            after = [taker if b == giver else b for b in replicas]
            if distinct_racks(self.layout, after) < distinct_racks(self.layout, replicas):
                continue
            rank = (_magnitude(self.layout.sizes[name]), self.read[self.layout.leaders[name]], name)
            if best is None or rank < best:
                best = rank
        return None if best is None else best[2]

    def _replace(self, name: TopicPartition, giver: int, taker: int) -> None:
        before = self.replicas[name]
        after = [taker if b == giver else b for b in before]
        self.load.change(name, before, after, self.layout.sizes[name])
        self.read[self.layout.leaders[name]] += self.layout.sizes[name]
        self.replicas[name] = after
        self.held[name.topic, giver].discard(name)
        self.held[name.topic, taker].add(name)
        heapq.heappush(self.heaps[taker], (-len(self.held[name.topic, taker]), name.topic))

    def level_leaders(self) -> None:
        """Put another replica first where its broker leads less, as long as that makes leadership more even."""
        for name in sorted(self.replicas):
            replicas = self.replicas[name]
            if len(replicas) < 2:
                continue
            first = replicas[0]
            lightest = min(replicas[1:], key=lambda b: (self.load.leaders[b], b))
            if self.load.leaders[first] - self.load.leaders[lightest] > 1:
                after = [lightest, *(b for b in replicas if b != lightest)]
                self.load.change(name, replicas, after, self.layout.sizes[name])
                self.replicas[name] = after

    def moves(self) -> Moves:
        """What is different by now."""
        return {
            name: tuple(replicas)
            for name, replicas in self.replicas.items()
            if tuple(replicas) != self.layout.replicas[name]
        }


def balance_moves(
    layout: Layout,
    *,
    receivers: Collection[int] | None = None,
    topics: Collection[str] | None = None,
    leaders: bool = True,
) -> Moves:
    """New replicas so that brokers carry the same number, give or take one.

    Args:
        layout: the placement.
        receivers: who may take replicas, such as new brokers; everybody by default.
        topics: whose replicas may move; all by default.
        leaders: whether preferred leadership is levelled, too.

    Raises:
        UsageError: a receiver is not alive, or nothing would change.
    """
    unknown = sorted(set(receivers or ()) - set(layout.racks))
    if unknown:
        brokers = ", ".join(map(str, sorted(layout.racks)))
        raise UsageError(message("reassign.not_alive", broker=unknown[0], brokers=brokers))
    work = _Levelling(layout, chosen_partitions(layout, topics))
    takers = set(layout.racks if receivers is None else receivers)
    counts = work.load.replicas
    stuck: set[tuple[int, int]] = set()
    gave: set[int] = set()
    took: set[int] = set()
    while True:
        # Nobody gives what it took: where racks stand in the way, some unevenness is better than copying twice.
        pairs = (
            (giver, taker)
            for taker in sorted(takers - gave, key=lambda b: (counts[b], b))
            for giver in sorted((set(layout.racks) - takers or set(layout.racks)) - took, key=lambda b: (-counts[b], b))
            if counts[giver] - counts[taker] > 1 and (giver, taker) not in stuck
        )
        pair = next(pairs, None)
        if pair is None:
            break
        if work.move_one(*pair):
            gave.add(pair[0])
            took.add(pair[1])
        else:
            stuck.add(pair)
    if leaders:
        work.level_leaders()
    moves = work.moves()
    if not moves:
        raise UsageError(message("reassign.balanced"))
    return moves
