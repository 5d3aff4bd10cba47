"""The least used hours of a day, from what the monitor measured."""

from __future__ import annotations

from kappaflow.errors import UsageError
from kappaflow.ops.monitor import texts as _texts
from kappaflow.ops.monitor.samples import series
from kappaflow.ops.monitor.store import TimeStore
from kappaflow.ops.reassignment.hours import DAY_MINUTES, HourWindow
from kappaflow.runtime.messages import message

assert _texts
TRAFFIC = series("kappa_cluster_records_per_second")
PIECE_MINUTES = 30


def find_quiet_hours(store: TimeStore, hours: float, now_ms: int) -> HourWindow:
    """The stretch of the day in which the fewest records come.

    Days count alike, however full they were: the window is that of the least mean. Of several the first after midnight.

    Args:
        store: what was measured.
        hours: how long the stretch has to be.
        now_ms: the time.

    Raises:
        UsageError: not every half hour of the day was measured, so the least used is not known.
    """
    pieces: list[list[float]] = [[] for _ in range(DAY_MINUTES // PIECE_MINUTES)]
    for point in store.read(TRAFFIC, means=True):
        if point.at_ms <= now_ms:
            pieces[point.at_ms // 60_000 % DAY_MINUTES // PIECE_MINUTES].append(point.value)
    unknown = sum(not piece for piece in pieces)
    if unknown:
        measured = (len(pieces) - unknown) * PIECE_MINUTES / 60
        raise UsageError(message("monitor.not_measured", hours=f"{measured:g}"))
    means = [sum(piece) / len(piece) for piece in pieces]
    length = min(len(means), max(1, round(hours * 60 / PIECE_MINUTES)))
    rates = [sum(means[(start + n) % len(means)] for n in range(length)) / length for start in range(len(means))]
    best = min(range(len(rates)), key=rates.__getitem__)
    begin = best * PIECE_MINUTES
    end = (begin + length * PIECE_MINUTES) % DAY_MINUTES
    return HourWindow(begin, end, rates[best], sum(means) / len(means))
