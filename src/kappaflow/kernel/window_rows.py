"""Records exploded into their windows."""

from __future__ import annotations

from typing import NamedTuple

from kappaflow.kernel.record_columns import Int64s


class WindowRows(NamedTuple):
    """One row per record and open window, records in order, windows ascending.

    Attributes:
        row: int64, index of the record.
        start: int64, start of the window in milliseconds.
        late_count: windows left out because they were closed.
        stream_time: the operator's stream time after the records.
    """

    row: Int64s
    start: Int64s
    late_count: int
    stream_time: int


def check_windows(size_ms: int, advance_ms: int) -> None:
    """Refuse sizes that make no windows.

    Raises:
        ValueError: size or advance is not positive.
    """
    if size_ms <= 0 or advance_ms <= 0:
        raise ValueError("the size and the advance of windows must be above 0 ms")
