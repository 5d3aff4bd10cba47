"""The whole examination of groups: look for some time, look closer where it is needed, say what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kappaflow.ops.lag.closer import closer_look
from kappaflow.ops.lag.diagnosis import Verdict, diagnose
from kappaflow.ops.lag.sampling import GroupSample, GroupWindow, sample_groups
from kappaflow.ops.lag.statuses import Status, status_of
from kappaflow.ops.session import OpsSession

LOOKED_AT_CLOSELY = 8
"""Partitions of a group, those with most lag, whose records and transactions are looked at."""


def examine_groups(
    session: OpsSession,
    group_ids: Sequence[str],
    *,
    samples: int = 10,
    interval_s: float = 3.0,
    keys: bool = True,
    required: bool = True,
    watch: Callable[[Mapping[str, GroupSample]], None] | None = None,
) -> list[Verdict]:
    """Why groups are behind, all of them looked at together.

    Args:
        session: the cluster.
        group_ids: the groups.
        samples: how often to look.
        interval_s: seconds between two looks.
        keys: whether records are read for their keys where a partition is behind.
        required: whether each has to be there; otherwise those that are not, or go meanwhile, are left out.
        watch: told of every look, by group.

    Returns:
        The verdicts, in the order of the groups.

    Raises:
        UsageError: a group that is required is not there.
    """
    windows = sample_groups(session, group_ids, samples=samples, interval_s=interval_s, required=required, watch=watch)
    return [examine(session, window, keys=keys) for window in windows.values()]


def examine(session: OpsSession, window: GroupWindow, *, keys: bool = True) -> Verdict:
    """The verdict on one group that was looked at, after a closer look at what is behind."""
    statuses = [status_of(window, p) for p in window.partitions()]
    behind = sorted((s for s in statuses if s.status not in (Status.OK, Status.STOP)), key=lambda s: -s.lag)
    names = [s.partition for s in behind[:LOOKED_AT_CLOSELY]]
    return diagnose(window, closer_look(session, window, names, keys=keys)) if names else diagnose(window)
