"""Single records, for topics of low volume: the command topic, INSERT VALUES, PRINT.

    writer.send("orders", b"key", b"value")        # -> where it was written
    for record in reader.poll(1.0): ...

Whatever carries a stream goes through ``Fetcher``, ``BatchProducer`` and the kernel instead.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any, NamedTuple

from kappaflow.client.admin import Admin
from kappaflow.client.broker_errors import broker_error
from kappaflow.client.connection import ClientConfig
from kappaflow.client.fetch import Fetcher, IsolationLevel
from kappaflow.client.partition_queue import DeliveryReport
from kappaflow.client.produce import BatchProducer
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError, RetriableBrokerError
from kappaflow.kernel.partitioner import murmur2
from kappaflow.runtime.clock import SYSTEM_CLOCK, Clock
from kappaflow.runtime.closing import Closing
from kappaflow.wire.compression import decompress
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.record_batch import HEADER_SIZE, build_batch, iterate_headers, read_records

POLL_S = 0.1
Headers = Sequence[tuple[str, bytes | None]]


class RecordPosition(NamedTuple):
    """Where a record was written."""

    partition: TopicPartition
    offset: int


class ConsumedRecord(NamedTuple):
    """One record as it was read; ``timestamp`` in milliseconds since the epoch."""

    partition: TopicPartition
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class RecordWriter(Closing):
    """Writes one record at a time and waits for it to be acknowledged."""

    def __init__(self, config: ClientConfig, *, clock: Clock = SYSTEM_CLOCK, delivery_timeout_ms: int = 30_000) -> None:
        """Connect.

        Args:
            config: how to reach the cluster.
            clock: gives records without a timestamp theirs.
            delivery_timeout_ms: when a write counts as failed.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        self._clock = clock
        self._timeout_s = delivery_timeout_ms / 1000 + 5
        self._admin = Admin(config)
        self._producer = BatchProducer(config, delivery_timeout_ms=delivery_timeout_ms)
        self._partitions: dict[str, int] = {}
        self._turn = 0

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        timestamp: int | None = None,
        headers: Headers = (),
    ) -> RecordPosition:
        """Write one record.

        Args:
            topic: where to.
            key: its key; decides the partition as Kafka's default partitioner does.
            value: its value; None is a tombstone.
            partition: overrides the key's choice.
            timestamp: milliseconds since the epoch; now by default.
            headers: names and values.

        Raises:
            BrokerError: it was not written, or the topic does not exist.
        """
        target = TopicPartition(topic, self._partition(topic, key) if partition is None else partition)
        time_ms = self._clock.time_ms() if timestamp is None else timestamp
        batch = build_batch([(key, value)], timestamp_ms=time_ms, headers=headers)
        done = Event()
        reports: list[DeliveryReport] = []

        def delivered(report: DeliveryReport) -> None:
            reports.append(report)
            done.set()

        self._producer.send(target, batch, delivered)
        if not done.wait(self._timeout_s):
            raise broker_error(ErrorCode.REQUEST_TIMED_OUT, f"write to {target}")
        error = reports[0].error
        if error is not None:
            self._producer.discard_error(error)
            raise error
        return RecordPosition(target, reports[0].base_offset)

    def send_all(self, topic: str, records: Sequence[tuple[bytes | None, bytes | None]]) -> list[KappaError | None]:
        """Write records with the time of now, those of a partition in one batch, and wait for all of them.

        Returns:
            For each record why it was not written, or None.

        Raises:
            BrokerError: the topic does not exist.
        """
        places: dict[int, list[int]] = {}
        for place, (key, _) in enumerate(records):
            places.setdefault(self._partition(topic, key), []).append(place)
        failures: list[KappaError | None] = [None] * len(records)
        waiting: list[tuple[Event, list[DeliveryReport], list[int]]] = []
        now = self._clock.time_ms()
        for partition, mine in places.items():
            done, reports = Event(), list[DeliveryReport]()

            def delivered(report: DeliveryReport, done: Event = done, reports: list[Any] = reports) -> None:
                reports.append(report)
                done.set()

            batch = build_batch([records[place] for place in mine], timestamp_ms=now)
            self._producer.send(TopicPartition(topic, partition), batch, delivered)
            waiting.append((done, reports, mine))
        for done, reports, mine in waiting:
            if not done.wait(self._timeout_s):
                error: KappaError | None = broker_error(ErrorCode.REQUEST_TIMED_OUT, f"write to {topic}")
            elif (error := reports[0].error) is not None:
                self._producer.discard_error(error)
            for place in mine:
                failures[place] = error
        return failures

    def _partition(self, topic: str, key: bytes | None) -> int:
        count = self._partitions.get(topic)
        if count is None:
            count = self._partitions[topic] = self._admin.partitions_for(topic)
        if key is not None:
            return (murmur2(key) & 0x7FFFFFFF) % count
        self._turn += 1
        return self._turn % count

    def forget(self, topic: str) -> None:
        """Look a topic's partitions up again, because it was deleted or grew."""
        self._partitions.pop(topic, None)

    def close(self) -> None:
        """Close the connections."""
        self._producer.close()
        self._admin.close()


class RecordReader(Closing):
    """Reads the records of partitions one by one, without control records."""

    def __init__(
        self,
        config: ClientConfig,
        offsets: Mapping[TopicPartition, int],
        *,
        isolation_level: IsolationLevel = "read_uncommitted",
    ) -> None:
        """Connect and start to fetch.

        Args:
            config: how to reach the cluster.
            offsets: where to begin in each partition; ``EARLIEST`` and ``LATEST`` of the fetcher are allowed.
            isolation_level: whether to leave out what was aborted or is undecided.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        self._fetcher = Fetcher(config, isolation_level=isolation_level)
        self._fetcher.assign(offsets)

    def poll(self, timeout_s: float = 0.0, max_bytes: int = 1 << 20) -> list[ConsumedRecord]:
        """The records that are there, in order per partition.

        Args:
            timeout_s: how long to wait when there are none.
            max_bytes: about how much to take at once.

        Raises:
            BrokerError: a partition cannot be read any more.
            CorruptRecordError: a batch is damaged.
        """
        records: list[ConsumedRecord] = []
        for chunk in self._fetcher.poll(timeout_s, max_bytes):
            upcoming = sorted(chunk.aborted, key=lambda row: row.first_offset, reverse=True)
            aborting: set[int] = set()
            for position, header in iterate_headers(chunk.records):
                while upcoming and upcoming[-1].first_offset <= header.last_offset:
                    aborting.add(upcoming.pop().producer_id)
                if header.is_control:
                    aborting.discard(header.producer_id)
                if header.is_control or (header.is_transactional and header.producer_id in aborting):
                    continue
                view = memoryview(chunk.records)[position : position + header.size]
                body = decompress(header.compression, view[HEADER_SIZE:]) if header.compression else None
                for row in read_records(view, body=body):
                    if row.offset >= chunk.fetch_offset:
                        records.append(
                            ConsumedRecord(chunk.partition, row.offset, row.timestamp, row.key, row.value, row.headers)
                        )
        return records

    def read_to(self, ends: Mapping[TopicPartition, int], timeout_s: float = 30.0) -> list[ConsumedRecord]:
        """All records before these offsets, for reading a topic from its beginning at start.

        Args:
            ends: the offset to stop before, of each partition; as from ``Admin.list_offsets``.
            timeout_s: how long to wait for the next record.

        Raises:
            RetriableBrokerError: nothing came for that long.
            BrokerError: a partition cannot be read any more.
        """
        records: list[ConsumedRecord] = []
        deadline = time.monotonic() + timeout_s
        while any(not 0 <= end <= self._fetcher.position(p) for p, end in ends.items()):
            fresh = self.poll(POLL_S)
            records += fresh
            if fresh:
                deadline = time.monotonic() + timeout_s
            elif time.monotonic() > deadline:
                raise RetriableBrokerError(
                    ErrorCode.REQUEST_TIMED_OUT,
                    ErrorCode.REQUEST_TIMED_OUT.name,
                    f"read to {', '.join(f'{p}@{end}' for p, end in ends.items())}: nothing came in {timeout_s:g} s",
                )
        return records

    def close(self) -> None:
        """Close the connections."""
        self._fetcher.close()
