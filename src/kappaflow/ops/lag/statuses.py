"""The state of each partition of a group, by Burrow's rules over a window of looks.

Source: the rules of lag evaluation in Burrow's documentation. Its window is of commits; ours is of looks, so that a
group that has stopped to commit is seen as what it is without waiting for a commit that does not come.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.lag.sampling import GroupWindow


class Status(StrEnum):
    """Of one partition, from well to bad."""

    OK = "ok"
    WARN = "warn"
    STALL = "stall"
    STOP = "stop"
    REWIND = "rewind"
    UNREAD = "unread"


class PartitionStatus(NamedTuple):
    """A partition with its status, lag and rates.

    Attributes:
        partition: which.
        status: by the rules.
        lag: records that are not read yet.
        growth: how much the lag grew while it was looked.
        produced_per_s: records that came.
        consumed_per_s: how fast the committed offset went.
    """

    partition: TopicPartition
    status: Status
    lag: int
    growth: int
    produced_per_s: float
    consumed_per_s: float


def status_of(window: GroupWindow, partition: TopicPartition) -> PartitionStatus:
    """The status of a partition.

    1. Where the lag was nothing at any look it is well.
    2. Where the committed offset went back it was rewound.
    3. Where nobody reads it, it has stopped.
    4. Where nothing was ever committed it is unread.
    5. Where the committed offset stood still it is stalled.
    6. Where it moves and the lag is larger than it was, commit by commit, the reader is too slow: a warning.
    """
    series = window.series(partition)
    lags = [max(0, end - committed) for _, committed, end in series]
    offsets = [committed for _, committed, _ in series]
    seconds = max(window.seconds, 0.001)
    readers = {p for m in window.last.group.members for p in m.assignment or ()}
    if not series:
        status = Status.OK if window.lag(partition) == 0 else Status.UNREAD if partition in readers else Status.STOP
    elif any(later < earlier for earlier, later in pairwise(offsets)):
        status = Status.REWIND
    elif 0 in lags:
        status = Status.OK
    elif partition not in readers:
        status = Status.STOP
    elif offsets[0] == offsets[-1]:
        status = Status.STALL
    elif _is_growing(lags, window.produced(partition)):
        status = Status.WARN
    else:
        status = Status.OK
    growth = lags[-1] - lags[0] if lags else window.produced(partition)
    return PartitionStatus(
        partition,
        status,
        window.lag(partition),
        growth,
        window.produced(partition) / seconds,
        window.consumed(partition) / seconds,
    )


def _is_growing(lags: Sequence[int], produced: int) -> bool:
    """Whether lag grows.

    Between two commits lag grows by itself, so the least lag of both halves is compared. Where that is no more than
    what comes between two looks it may be chance, unless the group is further behind than all that came.

    Args:
        lags: of every look.
        produced: records that came from the first look to the last.
    """
    half = len(lags) // 2
    if half == 0 or lags[-1] <= lags[0]:
        return False
    growth = min(lags[half:]) - min(lags[:half])
    return growth > (0 if min(lags) > produced else produced / (len(lags) - 1))
