"""Take every replica off brokers, each to the broker that is best for it."""

from __future__ import annotations

from collections.abc import Collection

from kappaflow.errors import UsageError
from kappaflow.ops.reassignment.layout import Layout, Load, Moves, best_broker
from kappaflow.runtime.messages import message


def drain_moves(layout: Layout, brokers: Collection[int]) -> Moves:
    """New replicas so that none is on these brokers.

    A broker that led hands its place to the next replica that is in sync, so that leadership does not wait for a copy;
    the new replica stands last.

    Args:
        layout: the placement.
        brokers: who is to carry nothing; they may be away.

    Raises:
        UsageError: a partition would have nowhere to go, or nothing is on these brokers.
    """
    staying = [b for b in layout.racks if b not in brokers]
    load = Load.of(layout)
    moves: Moves = {}
    for name in sorted(layout.replicas):
        before = layout.replicas[name]
        leaving = [b for b in before if b in brokers]
        if not leaving:
            continue
        after = list(before)
        for broker in leaving:
            kept = [b for b in after if b != broker]
            best = best_broker(layout, load, name, kept, staying)
            if best is None:
                raise UsageError(
                    message("reassign.nowhere", partition=str(name), replicas=len(before), brokers=len(staying))
                )
            if after[0] == broker and any(b in layout.in_sync[name] and b not in brokers for b in kept):
                after = [
                    *sorted(kept, key=lambda b: (b not in layout.in_sync[name] or b in brokers, load.leaders[b])),
                    best,
                ]
            else:
                after[after.index(broker)] = best
        load.change(name, before, after, layout.sizes[name])
        moves[name] = tuple(after)
    if not moves:
        raise UsageError(message("reassign.empty_brokers", brokers=", ".join(map(str, sorted(brokers)))))
    return moves
