"""What the topics of the application hold in the end, against what the batch says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kappaflow.testing.handover.batch import CLOSER, Batch
from kappaflow.testing.handover.topics import Row, Topics

SHOWN_MAX = 5


def check_exact(topics: Topics, batch: Batch) -> None:
    """Each record counted once, and each result was written once.

    Raises:
        AssertionError: says what is missing and what is too much.
    """
    totals = [(row[0].decode(), _total(row)) for row in topics.read("totals-out")]
    wanted = batch.totals()
    counts = ((item, n) for item, (count, _) in wanted.items() for n in range(1, count + 1))
    _same("totals", Counter((item, count) for item, (count, _) in totals), Counter(counts))
    last = {item: max(total for name, total in totals if name == item) for item in wanted}
    _same("sums", Counter(last.items()), Counter(wanted.items()))
    windows = batch.windows()
    steps = Counter((window, n) for window, count in windows.items() for n in range(1, count + 1))
    _same("windows", Counter((_window(row), _number(row)) for row in topics.read("windows-out")), steps)
    closed = {window: count for window, count in windows.items() if not window[0].startswith(CLOSER)}
    final = Counter((_window(row), _number(row)) for row in topics.read("final-out"))
    _same("final results", final, Counter(closed.items()))
    _same("sessions", Counter(_open_sessions(topics).items()), Counter(batch.sessions().items()))
    _same("enriched events", _pairs(topics.read("enriched-out")), batch.enriched())
    _same("near clicks", _pairs(topics.read("near-out")), batch.near())


def check_nothing_lost(topics: Topics, batch: Batch) -> None:
    """What at-least-once promises after a kill: all results are there; some were written, or counted, once more.

    Raises:
        AssertionError: says what is missing.
    """
    totals = {row[0].decode(): _total(row)[0] for row in topics.read("totals-out")}
    _at_least("totals", totals, {item: count for item, (count, _) in batch.totals().items()})
    windows = batch.windows()
    _at_least("windows", {_window(row): _number(row) for row in topics.read("windows-out")}, windows)
    closed = {window for window in windows if not window[0].startswith(CLOSER)}
    _same("closed windows", Counter({_window(row) for row in topics.read("final-out")}), Counter(closed))
    _same("enriched events", Counter(set(_pairs(topics.read("enriched-out")))), Counter(set(batch.enriched())))
    missing = batch.near().keys() - _pairs(topics.read("near-out")).keys()
    _same("near clicks that are missing", Counter(missing), Counter())


def _same(what: str, found: Counter[Any], wanted: Counter[Any]) -> None:
    missing, surplus = wanted - found, found - wanted
    if missing or surplus:
        raise AssertionError(
            f"{what}: {missing.total()} missing, such as {list(missing)[:SHOWN_MAX]};"
            f" {surplus.total()} too much, such as {list(surplus)[:SHOWN_MAX]}"
        )


def _at_least(what: str, found: dict[Any, int], wanted: dict[Any, int]) -> None:
    low = [(key, found.get(key, 0), count) for key, count in wanted.items() if found.get(key, 0) < count]
    if low or found.keys() != wanted.keys():
        raise AssertionError(f"{what}: too low are {low[:SHOWN_MAX]}; not known {found.keys() - wanted.keys()}")


def _window(row: Row) -> tuple[str, int]:
    return row[0][:-8].decode(), int.from_bytes(row[0][-8:], "big")


def _number(row: Row) -> int:
    return int.from_bytes(row[1] or b"", "big")


def _total(row: Row) -> tuple[int, int]:
    count, _, amount = (row[1] or b"").partition(b",")
    return int(count), int(amount)


def _pairs(rows: Sequence[Row]) -> Counter[tuple[str, str]]:
    return Counter((key.decode(), (value or b"").decode()) for key, value in rows)


def _open_sessions(topics: Topics) -> dict[tuple[str, int, int], int]:
    """The sessions that nobody deleted; only what is there is deleted."""
    found: dict[tuple[str, int, int], int] = {}
    for row in topics.read("sessions-out"):
        end, start = int.from_bytes(row[0][-16:-8], "big"), int.from_bytes(row[0][-8:], "big")
        session = (row[0][:-16].decode(), start, end)
        if row[1] is None:
            del found[session]
        else:
            found[session] = _number(row)
    return found
