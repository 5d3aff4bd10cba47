"""What has to hold: after every step of the broker, after each restart, and when all is quiet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kappaflow.client.fetched_chunk import AbortedTransaction, FetchedChunk
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.streams.execution.fetched_columns import decode_fetched
from kappaflow.testing.simulation.history import History, Key, Outcome

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker
    from kappaflow.testing.simulation.client import SimulatedClient

HALVES = 2
Records = list[tuple[int, bytes | None, bytes | None]]
"""Offset, key and value."""


class StepChecks:
    """Holds the broker to what must be so between any two of its steps.

    Args:
        strict: whether committed offsets survive everything.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._stable: dict[Key, int] = {}
        self._ends: dict[Key, int] = {}
        self._offsets: dict[tuple[str, Key], int] = {}

    def restarted(self) -> None:
        """Unacknowledged records may be gone."""
        self._stable.clear()
        self._ends.clear()
        if not self._strict:
            self._offsets.clear()

    def check(self, broker: Broker) -> Iterator[str]:
        """Yield what is wrong."""
        for log in broker._logs:  # pyright: ignore[reportPrivateUsage]
            key = (log.topic, log.partition)
            stable, end = log.last_stable_offset, log.high_watermark
            if stable > end:
                yield f"{key}: the last stable offset {stable} is beyond the high watermark {end}"
            if stable < self._stable.get(key, 0):
                yield f"{key}: the last stable offset went from {self._stable[key]} back to {stable}"
            if end < self._ends.get(key, 0):
                yield f"{key}: the high watermark went from {self._ends[key]} back to {end}"
            self._stable[key], self._ends[key] = stable, end
        for group in broker.offsets.groups():
            for key, held in broker.offsets.of_group(group).items():
                if held.offset < self._offsets.get((group, key), -1):
                    before = self._offsets[group, key]
                    yield f"group {group}, {key}: the offset went from {before} back to {held.offset}"
                self._offsets[group, key] = held.offset


def check_restart(broker: Broker, history: History) -> Iterator[str]:
    """After a restart: no acknowledged record beyond the end of its log, no acknowledged offset forgotten."""
    for (topic, partition), acknowledged in history.acknowledged.items():
        found = broker.topics.by_name(topic)
        end = -1 if found is None else found.partitions[partition].log.log_end_offset
        last = max(acknowledged.values(), default=-1)
        if last >= end:
            yield f"{topic}-{partition}: offset {last} was acknowledged, the log ends at {end}"
    for (group, key), offset in history.offsets.items():
        held = broker.offsets.of_group(group).get(key)
        if held is None or held.offset < offset:
            yield f"group {group}, {key}: offset {offset} was committed, {held.offset if held else 'none'} is left"


async def read_all(client: SimulatedClient, key: Key, *, committed: bool) -> Records:
    """Offset, key and value of all records of a partition, by fetches as a consumer makes them."""
    records: Records = []
    position = await client.log_start(key)
    while True:
        ((_, row),) = await client.fetch({key: position}, committed=committed, max_wait_ms=0, max_bytes=1 << 20)
        if row.error_code:
            raise AssertionError(f"{key} cannot be read at {position}: error {row.error_code}")
        end = row.last_stable_offset if committed else row.high_watermark
        data = bytes(row.records or b"")
        if not data:
            if position < end:
                raise AssertionError(f"{key}: nothing comes at {position}, before the end {end}")
            return records
        aborted = tuple(
            AbortedTransaction(each.producer_id, each.first_offset) for each in row.aborted_transactions or ()
        )
        chunk = FetchedChunk(TopicPartition(*key), position, position, data, end, end, aborted)
        columns = decode_fetched(chunk)
        offsets = columns.offset.tolist()
        records += zip(offsets, columns.key.to_pylist(), columns.value.to_pylist(), strict=True)
        position = columns.next_offset


def check_records(
    history: History, key: Key, records: Records, *, strict: bool, expires: bool = False
) -> Iterator[str]:
    """Records of idempotent producers: none lost, none twice, none out of order, none that nobody sent.

    Args:
        expires: whether the oldest of them may be gone.
    """
    begin = records[0][0] if records and expires else 0
    found: dict[str, int] = {}
    last: dict[str, int] = {}
    sent = history.sent.get(key, {})
    for offset, _, value in records:
        text = (value or b"").decode()
        producer, _, number = text.rpartition(":")
        if text in found:
            yield f"{key}: {text} is there twice, at {found[text]} and {offset}"
        if text not in sent:
            yield f"{key}: {text} at {offset} was never sent"
        if int(number) <= last.get(producer, -1):
            yield f"{key}: {text} at {offset} comes after number {last[producer]}"
        elif strict and (producer in last or not expires) and int(number) != last.get(producer, -1) + 1:
            yield f"{key}: before {text} at {offset} comes number {last.get(producer, -1)}"
        found[text], last[producer] = offset, int(number)
    if strict:
        for text, offset in history.acknowledged.get(key, {}).items():
            if found.get(text) != offset and offset >= begin:
                yield f"{key}: {text} was acknowledged at {offset} and is at {found.get(text)}"


def check_bank(history: History, committed: dict[Key, Records], *, strict: bool) -> Iterator[str]:
    """Transfers that readers of committed records see: whole or not at all, decided as their banker was told."""
    halves: dict[str, dict[Key, int]] = {}
    for key, records in committed.items():
        for _, _, value in records:
            name, _, amount = (value or b"").decode().partition(",")[2].rpartition("=")
            if int(amount):
                seen = halves.setdefault(name, {})
                if key in seen:
                    yield f"{key}: half of transfer {name} is there twice"
                seen[key] = int(amount)
    for name, seen in halves.items():
        transfer = history.transfers.get(name)
        if transfer is None:
            yield f"transfer {name} was never made"
            continue
        if strict and transfer.outcome is Outcome.ABORTED:
            yield f"transfer {name} was aborted and is visible in {sorted(seen)}"
        if strict and (len(seen) != HALVES or sum(seen.values())):
            yield f"transfer {name} is there in part: {seen}"
    if strict:
        for name, transfer in history.transfers.items():
            if transfer.outcome is Outcome.COMMITTED and name not in halves:
                yield f"transfer {name} was committed and is not there"
