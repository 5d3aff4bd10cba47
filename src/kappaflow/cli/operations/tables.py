"""Print answers: a plain table for people, JSON for programs."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

GAP = "  "


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = ()) -> None:
    """Print rows under their column names; the width of Korean letters is counted as terminals show them.

    Args:
        columns: the names.
        rows: the values; None is shown as a dash.
        right: the places of columns that are set right, such as numbers.
    """
    cells = [[_text(value) for value in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(columns, *cells, strict=True)]
    for row in [list(columns), *cells]:
        padded = (_pad(cell, width, at in right) for at, (cell, width) in enumerate(zip(row, widths, strict=True)))
        sys.stdout.write(GAP.join(padded).rstrip() + "\n")


def print_json(data: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def bytes_text(size: int) -> str:
    """A size as people read it, in powers of 1024.

    >>> bytes_text(0), bytes_text(1536), bytes_text(5 * 1024**3)
    ('0 B', '1.5 KiB', '5.0 GiB')
    """
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(amount) < 1024 or unit == "TiB":
            return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError


def duration_text(seconds: float) -> str:
    """A duration as people read it.

    >>> duration_text(42), duration_text(3700), duration_text(200_000)
    ('42s', '1h01m', '2d07h')
    """
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3_600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"
