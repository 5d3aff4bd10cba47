"""Holds what the counting workers made against an independent count of their input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kappaflow.testing.simulation.checks import Records
from kappaflow.testing.simulation.counting import APPLICATION, INPUT, PARTITIONS, STORE
from kappaflow.testing.simulation.history import Key
from kappaflow.wire.record_batch import iterate_headers

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker

CHANGELOG = f"{APPLICATION}-{STORE}-changelog"
Totals = tuple[int, int, int]


def is_behind(broker: Broker) -> bool:
    """Whether there is a committed record beyond the offsets that the workers have committed."""
    topic = broker.topics.by_name(INPUT)
    if topic is None:
        return True
    committed = broker.offsets.of_group(APPLICATION)
    for number in range(PARTITIONS):
        log = topic.partitions[number].log
        held = committed.get((INPUT, number))
        position = 0 if held is None else held.offset
        if position < log.log_end_offset and _has_data(log, position):
            return True
    return bool(broker.offsets.pending(APPLICATION))


def _has_data(log: Any, position: int) -> bool:
    aborted = log.aborted_transactions.overlapping(position, log.log_end_offset)
    while position < log.log_end_offset:
        for _, header in iterate_headers(log.read(position, 1 << 20)):
            gone = any(
                each.producer_id == header.producer_id and each.first_offset <= header.base_offset <= each.last_offset
                for each in aborted
            )
            if not header.is_control and not gone and header.last_offset >= position:
                return True
            position = max(position, header.last_offset + 1)
    return False


def totals_of(records: Records) -> dict[bytes, list[Totals]]:
    """Count, sum and maximum after each record, by account."""
    found: dict[bytes, list[Totals]] = {}
    for _, key, value in records:
        amount = int((value or b"").split(b",", 1)[0])
        rows = found.setdefault(key or b"", [])
        count, total, greatest = rows[-1] if rows else (0, 0, amount)
        rows.append((count + 1, total + amount, max(greatest, amount)))
    return found


def check_counting(
    inputs: Mapping[Key, Records],
    outputs: Mapping[Key, Records],
    changelogs: Mapping[Key, Records],
    states: Sequence[Mapping[tuple[int, bytes], tuple[Any, ...]]],
) -> Iterator[str]:
    """Every input counted once, in order, in the output; the same at last in changelog and local state."""
    expected = {key: rows for (_, number) in inputs for key, rows in totals_of(inputs[INPUT, number]).items()}
    last = {(n, key): rows[-1] for (_, n) in inputs for key, rows in totals_of(inputs[INPUT, n]).items()}
    written: dict[bytes, list[Totals]] = {}
    for records in outputs.values():
        for _, key, value in records:
            written.setdefault(key or b"", []).append(_totals(value))
    yield from (
        f"the results of {key!r} are {written.get(key)}, the input gives {rows}"
        for key, rows in expected.items()
        if written.get(key) != rows
    )
    logged = {(n, key): _totals(value) for (_, n), records in changelogs.items() for _, key, value in records if key}
    yield from _differences("changelog", logged, last)
    held = {key: tuple(row) for state in states for key, row in state.items()}
    yield from _differences("state", held, last)
    if sum(total for _, total, _ in last.values()):
        yield f"the total of all accounts is {sum(total for _, total, _ in last.values())}, not 0"


def _totals(value: bytes | None) -> Totals:
    count, total, greatest = (int(text) for text in (value or b"").split(b","))
    return count, total, greatest


def _differences(name: str, found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> Iterator[str]:
    for key in sorted(found.keys() | expected.keys()):
        if found.get(key) != expected.get(key):
            yield f"the {name} of {key} is {found.get(key)}, the input gives {expected.get(key)}"
