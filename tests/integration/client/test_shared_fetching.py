"""Many fetchers of a process share connections: everything arrives once and in order, and handles do not grow."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Literal

import pytest

from kappaflow.client import io_threads
from kappaflow.client.admin import Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.fetch import EARLIEST, Fetcher
from kappaflow.client.io_threads import IoThreads
from kappaflow.client.produce import BatchProducer
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.client.transactions import TransactionalProducer
from kappaflow.wire.record_batch import build_batch, iterate_headers, read_records

ALONE, SHARED, LONGEST_S = 2, 3, 20.0
_IDS = count(1)


@pytest.fixture
def shared(config: ClientConfig, monkeypatch: pytest.MonkeyPatch) -> Generator[ClientConfig]:
    """A process that shares connections from its third fetcher on."""
    monkeypatch.setattr(io_threads, "FETCHING_ALONE", ALONE)
    monkeypatch.setattr(io_threads, "FETCHING_SHARED", SHARED)
    io = IoThreads(most=4)
    yield replace(config, io=io)
    assert not io._fetching and not io._fetching_alone
    assert not any(map(len, io._watches.values()))


def handles() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class Reader:
    """A fetcher and what came to it."""

    def __init__(self, fetcher: Fetcher) -> None:
        self.fetcher = fetcher
        self.values: dict[TopicPartition, list[int]] = {}

    def read(self, seconds: float = 0.0) -> None:
        for chunk in self.fetcher.poll(seconds):
            found = self.values.setdefault(chunk.partition, [])
            aborted = {row.producer_id: row.first_offset for row in chunk.aborted}
            for position, header in iterate_headers(chunk.records):
                if header.is_control:
                    aborted.pop(header.producer_id, None)
                elif header.base_offset < aborted.get(header.producer_id, header.base_offset + 1):
                    rows = read_records(chunk.records, position)
                    found += [int(row.value or b"") for row in rows if row.offset >= chunk.fetch_offset]

    def read_to(self, wanted: dict[TopicPartition, list[int]]) -> None:
        deadline = time.monotonic() + LONGEST_S
        while self.values != wanted:
            assert time.monotonic() < deadline, f"{self.values} instead of {wanted}"
            self.read(0.1)


def all_read(readers: list[Reader], wanted: dict[TopicPartition, list[int]]) -> None:
    for reader in readers:
        reader.read_to(wanted)


def batch(*values: int) -> bytearray:
    return bytearray(build_batch([(None, b"%d" % value) for value in values], timestamp_ms=1))


def readers_of(
    stack: ExitStack, config: ClientConfig, number: int, level: Literal["read_uncommitted", "read_committed"]
) -> list[Reader]:
    return [Reader(stack.enter_context(Fetcher(config, isolation_level=level))) for _ in range(number)]


def test_hundreds_of_fetchers_of_one_topic_hold_few_handles(
    config: ClientConfig, shared: ClientConfig, new_topic: Callable[..., str]
) -> None:
    topic = new_topic(2)
    partitions = [TopicPartition(topic, number) for number in range(2)]
    with ExitStack() as stack:
        producer = stack.enter_context(BatchProducer(config))
        producer.send(partitions[0], batch(0))
        producer.send(partitions[1], batch(0))
        producer.flush()
        wanted = {partition: [0] for partition in partitions}
        readers: list[Reader] = []
        held: dict[int, int] = {}
        for total in (40, 120):
            readers += readers_of(stack, shared, total - len(readers), "read_uncommitted")
            for reader in readers:
                if not reader.fetcher.assignment():
                    reader.fetcher.assign(dict.fromkeys(partitions, 0))
            all_read(readers, wanted)
            held[total] = handles()
        assert held[120] <= held[40] + 4, held

        def write() -> None:
            for value in range(1, 60):
                producer.send(partitions[value % 2], batch(value))
                producer.flush()

        thread = Thread(target=write)
        thread.start()
        for value in range(1, 60):
            wanted[partitions[value % 2]].append(value)
        all_read(readers, wanted)
        thread.join()


def test_records_of_an_idle_topic_arrive_at_once(
    config: ClientConfig, shared: ClientConfig, new_topic: Callable[..., str]
) -> None:
    """Each of many readers has a topic of its own; none waits for the time of a request that is held back."""
    with ExitStack() as stack:
        producer = stack.enter_context(BatchProducer(config))
        readers = readers_of(stack, shared, 24, "read_uncommitted")
        topics = [TopicPartition(new_topic(), 0) for _ in readers]
        for reader, partition in zip(readers, topics, strict=True):
            reader.fetcher.assign({partition: EARLIEST})
            producer.send(partition, batch(0))
            reader.read_to({partition: [0]})
        waits: list[float] = []
        for value in range(1, 4):
            for reader, partition in zip(readers, topics, strict=True):
                producer.send(partition, batch(value))
                producer.flush()
                started = time.monotonic()
                reader.read_to({partition: list(range(value + 1))})
                waits.append(time.monotonic() - started)
        # A wake that is lost costs the two seconds that a request of the watch lasts.
        assert sorted(waits)[len(waits) // 2] < 0.2 and max(waits) < 1.5, sorted(waits)[-5:]


def test_what_is_committed_aborted_and_open_is_seen_as_it_is(
    config: ClientConfig, shared: ClientConfig, new_topic: Callable[..., str]
) -> None:
    partition = TopicPartition(new_topic(), 0)
    with ExitStack() as stack:
        readers = readers_of(stack, shared, 12, "read_committed")
        writer = stack.enter_context(TransactionalProducer(config, f"shared-fetching-{next(_IDS)}"))
        writer.init()
        for reader in readers:
            reader.fetcher.assign({partition: 0})
            reader.read()

        def ends() -> set[int]:
            """What they know of the end, and how far they are."""
            found = [reader.fetcher for reader in readers]
            return {each.last_stable_offset(partition) for each in found} | {each.position(partition) for each in found}

        def reached(end: int) -> None:
            deadline = time.monotonic() + LONGEST_S
            while ends() != {end}:
                assert time.monotonic() < deadline, (ends(), end)
                for reader in readers:
                    reader.read(0.01)

        reached(0)
        writer.send(partition, batch(1))
        writer.flush()
        writer.abort()
        reached(2)
        writer.send(partition, batch(2))
        writer.flush()
        assert all(reader.values == {partition: []} for reader in readers)
        writer.commit({}, "none", None)  # pyright: ignore[reportArgumentType]
        all_read(readers, {partition: [2]})
        reached(4)


def test_seek_pause_and_other_partitions_while_the_watch_waits(
    config: ClientConfig, shared: ClientConfig, new_topic: Callable[..., str]
) -> None:
    first, second = TopicPartition(new_topic(), 0), TopicPartition(new_topic(), 0)
    with ExitStack() as stack:
        producer = stack.enter_context(BatchProducer(config))
        producer.send(first, batch(0, 1, 2))
        producer.send(second, batch(10))
        producer.flush()
        readers = readers_of(stack, shared, 8, "read_uncommitted")
        for reader in readers:
            reader.fetcher.assign({first: 0})
        all_read(readers, {first: [0, 1, 2]})
        moved, held, changed, *others = readers[ALONE:]
        moved.fetcher.seek(first, 1)
        moved.read_to({first: [0, 1, 2, 1, 2]})
        held.fetcher.pause([first])
        changed.fetcher.remove([first])
        changed.fetcher.add({second: 0})
        changed.read_to({first: [0, 1, 2], second: [10]})
        producer.send(first, batch(3))
        producer.send(second, batch(11))
        producer.flush()
        moved.read_to({first: [0, 1, 2, 1, 2, 3]})
        changed.read_to({first: [0, 1, 2], second: [10, 11]})
        all_read(others, {first: [0, 1, 2, 3]})
        held.read()
        assert held.values == {first: [0, 1, 2]}
        held.fetcher.resume([first])
        held.read_to({first: [0, 1, 2, 3]})


def test_deleted_records_do_not_hold_those_who_wait(
    config: ClientConfig, shared: ClientConfig, new_topic: Callable[..., str], admin: Admin
) -> None:
    partition = TopicPartition(new_topic(), 0)
    with ExitStack() as stack:
        writer = stack.enter_context(BatchProducer(config))
        for value in range(3):
            writer.send(partition, batch(value))
        writer.flush()
        readers = [Reader(stack.enter_context(Fetcher(shared, offset_reset="earliest"))) for _ in range(6)]
        for reader in readers:
            reader.fetcher.assign({partition: 0})
        all_read(readers, {partition: [0, 1, 2]})
        admin.delete_records({partition: 3})
        writer.send(partition, batch(3))
        writer.flush()
        all_read(readers, {partition: [0, 1, 2, 3]})


def test_one_who_catches_up_does_not_hold_back_the_others(
    config: ClientConfig, shared: ClientConfig, new_topic: Callable[..., str]
) -> None:
    large, small = TopicPartition(new_topic(), 0), TopicPartition(new_topic(), 0)
    pieces, piece = 120, build_batch([(None, os.urandom(1 << 19))], timestamp_ms=1)
    with ExitStack() as stack:
        producer = stack.enter_context(BatchProducer(config))
        for _ in range(pieces):
            producer.send(large, bytearray(piece))
        producer.send(small, batch(0))
        producer.flush()
        readers = readers_of(stack, shared, ALONE + 2 * SHARED, "read_uncommitted")
        # Two share each connection: one reads the large topic, the other waits for the small one.
        behind, waiting = readers[ALONE : ALONE + SHARED], readers[ALONE + SHARED :]
        for reader in waiting:
            reader.fetcher.assign({small: 0})
        all_read(waiting, {small: [0]})
        ends = [0] * len(behind)
        for reader in behind:
            reader.fetcher.assign({large: 0})
        producer.send(small, batch(1))
        producer.flush()
        served_at: list[int] = []
        deadline = time.monotonic() + LONGEST_S
        while min(ends) < pieces:
            assert time.monotonic() < deadline, ends
            for number, reader in enumerate(behind):
                for chunk in reader.fetcher.poll(0.02, 1 << 20):
                    assert len(chunk.records) <= 1 << 20
                    ends[number] = chunk.next_offset
            for reader in waiting:
                reader.read()
            if not served_at and all(reader.values == {small: [0, 1]} for reader in waiting):
                served_at = list(ends)
        assert served_at and min(served_at) < pieces // 2, (served_at, pieces)


def test_readers_come_and_go(config: ClientConfig, shared: ClientConfig, new_topic: Callable[..., str]) -> None:
    partition = TopicPartition(new_topic(), 0)
    with ExitStack() as stack:
        producer = stack.enter_context(BatchProducer(config))
        readers = readers_of(stack, shared, 10, "read_uncommitted")
        for value in range(8):
            producer.send(partition, batch(value))
            producer.flush()
            readers[value % 4].fetcher.close()
            readers[value % 4] = Reader(stack.enter_context(Fetcher(shared)))
            for reader in readers:
                if not reader.fetcher.assignment():
                    reader.fetcher.assign({partition: 0})
            all_read(readers, {partition: list(range(value + 1))})
