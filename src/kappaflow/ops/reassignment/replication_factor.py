"""Another number of replicas, with every leader and the preferred order unchanged."""

from __future__ import annotations

from collections.abc import Collection

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.reassignment.layout import Layout, Load, Moves, best_broker, chosen_partitions, distinct_racks
from kappaflow.runtime.messages import message


def replication_moves(layout: Layout, factor: int, topics: Collection[str] | None = None) -> Moves:
    """New replicas so that each partition has as many.

    Where there are to be more, they are added behind those that there are, on racks and brokers that carry least. Where
    there are to be fewer, those behind go first, of these the ones that are away or lag, then those that share a rack;
    never the leader, never the preferred one.

    Args:
        layout: the placement.
        factor: how many replicas.
        topics: whose partitions; all by default.

    Raises:
        UsageError: there are fewer brokers, or nothing would change.
    """
    if not 1 <= factor <= len(layout.racks):
        raise UsageError(message("reassign.few_brokers", wanted=factor, brokers=len(layout.racks)))
    load = Load.of(layout)
    moves: Moves = {}
    for name in chosen_partitions(layout, topics):
        before = layout.replicas[name]
        after = list(before)
        while len(after) < factor:
            broker = best_broker(layout, load, name, after, layout.racks)
            assert broker is not None
            after.append(broker)
        while len(after) > factor:
            after.remove(_least_useful(layout, load, name, after))
        if tuple(after) != before:
            load.change(name, before, after, layout.sizes[name])
            moves[name] = tuple(after)
    if not moves:
        raise UsageError(message("reassign.nothing"))
    return moves


def _least_useful(layout: Layout, load: Load, name: TopicPartition, replicas: list[int]) -> int:
    removable = [b for b in replicas[1:] if b != layout.leaders[name]] or replicas[1:]
    racks = distinct_racks(layout, replicas)

    def use(broker: int) -> tuple[bool, bool, bool, int]:
        rest = [b for b in replicas if b != broker]
        return (
            broker in layout.racks,
            broker in layout.in_sync[name],
            distinct_racks(layout, rest) < racks,
            -replicas.index(broker),
        )

    return min(removable, key=use)
