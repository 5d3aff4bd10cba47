"""How far the restore of a query's state is, as people read it."""

from __future__ import annotations

from kappaflow.cli.messages import message
from kappaflow.cli.sql import texts as _texts

assert _texts


def progress_text(restored: int, total: int, seconds_left: float | None) -> str:
    """Return how much of a restore is done, and about how long the rest takes where that is known.

    >>> progress_text(25, 100, 30.4)
    '25 %, 30 s left'
    >>> progress_text(1, 3_000_000, 7265.0)
    '0 %, 2:01:05 left'
    """
    percent = 100 * restored // total
    if seconds_left is None:
        return f"{percent} %"
    seconds = round(seconds_left)
    left = f"{seconds} s" if seconds < 60 else f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return message("restore.progress", percent=percent, left=left)
