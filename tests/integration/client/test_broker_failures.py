"""Three real brokers, of which one is stopped and one is killed while batches are produced and fetched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from kappaflow.client import io_threads
from kappaflow.client.admin import Admin, NewTopic
from kappaflow.client.connection import ClientConfig
from kappaflow.client.fetch import Fetcher
from kappaflow.client.io_threads import IoThreads
from kappaflow.client.offsets import GroupOffsets
from kappaflow.client.produce import BatchProducer
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.testing.apache_kafka import ApacheKafka
from kappaflow.wire.record_batch import build_batch, iterate_headers, read_records

pytestmark = [pytest.mark.java, pytest.mark.slow, pytest.mark.timeout(240)]
PARTITIONS = 3
RECORDS_PER_BATCH = 20


class Stream:
    """Produces numbered records without a pause, and fetches them at the same time."""

    def __init__(self, config: ClientConfig, topic: str) -> None:
        self.partitions = [TopicPartition(topic, p) for p in range(PARTITIONS)]
        # A small buffer paces the producer to what the brokers take.
        self.producer = BatchProducer(config, buffer_bytes=1 << 15)
        self.fetcher = Fetcher(config)
        self.fetcher.assign(dict.fromkeys(self.partitions, 0))
        self.sent = dict.fromkeys(self.partitions, 0)
        self.received: dict[TopicPartition, list[int]] = {partition: [] for partition in self.partitions}
        self.errors: list[BaseException] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._guard, args=(run,)) for run in (self._produce, self._fetch)]
        for thread in self._threads:
            thread.start()

    def _guard(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:
            self.errors.append(error)
            self._stop.set()

    def _produce(self) -> None:
        while not self._stop.wait(0.002):
            for partition in self.partitions:
                first = self.sent[partition]
                numbers = range(first, first + RECORDS_PER_BATCH)
                batch = build_batch([(None, b"%d" % n) for n in numbers], timestamp_ms=1_700_000_000_000)
                self.producer.send(partition, batch)
                self.sent[partition] = numbers.stop
        self.producer.flush(60)

    def _fetch(self) -> None:
        while not self._stop.is_set() or self._is_behind():
            for chunk in self.fetcher.poll(0.1):
                for position, _ in iterate_headers(chunk.records):
                    rows = read_records(chunk.records, position)
                    fresh = [int(row.value or b"") for row in rows if row.offset >= chunk.fetch_offset]
                    self.received[chunk.partition] += fresh

    def _is_behind(self) -> bool:
        return not self.errors and any(len(self.received[p]) < self.sent[p] for p in self.partitions)

    def progress_beyond(self, counts: dict[TopicPartition, int]) -> None:
        """Wait until every partition has received more than it had."""
        deadline = time.monotonic() + 60
        while any(len(self.received[p]) <= counts[p] for p in self.partitions):
            assert not self.errors, self.errors
            assert time.monotonic() < deadline, {p: len(rows) for p, rows in self.received.items()}
            time.sleep(0.02)

    def progress(self) -> float:
        """Wait until every partition moves on from all that was sent up to now; the seconds it took."""
        started = time.monotonic()
        self.progress_beyond(dict(self.sent))
        return time.monotonic() - started

    def finish(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(90)
        self.producer.close(flush=False)
        self.fetcher.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("shares", [False, True], ids=["alone", "shared"])
def test_nothing_is_lost_doubled_or_reordered(
    kafka_all_running: ApacheKafka, end: str, shares: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = kafka_all_running
    monkeypatch.setattr(io_threads, "FETCHING_ALONE", 0)
    config = ClientConfig(cluster.bootstrap_servers, io=IoThreads() if shares else None)
    topic = f"failure-{end}-{shares}"
    with Admin(config) as admin:
        admin.create_topic(NewTopic(topic, PARTITIONS, 3))
        stream = Stream(config, topic)
        try:
            stream.progress()
            leader = admin.describe_topics([topic])[topic].partitions[0].leader
            getattr(cluster, end)(leader)
            assert stream.progress() < 30
            assert admin.describe_topics([topic])[topic].partitions[0].leader not in {leader, -1}
            cluster.start(leader)
            stream.progress()
        finally:
            stream.finish()
    assert not stream.errors, stream.errors
    for partition in stream.partitions:
        assert stream.sent[partition] > 3 * RECORDS_PER_BATCH
        assert stream.received[partition] == list(range(stream.sent[partition]))


def test_offsets_are_committed_through_a_change_of_coordinator(kafka_all_running: ApacheKafka) -> None:
    cluster = kafka_all_running
    config = ClientConfig(cluster.bootstrap_servers)
    partition = TopicPartition("failure-offsets", 0)
    with Admin(config) as admin, GroupOffsets(config, "failure-group") as offsets:
        admin.create_topic(NewTopic(partition.topic, 1, 3))
        offsets.commit({partition: 1})
        coordinator = offsets.coordinator_node()
        cluster.kill(coordinator)
        offsets.commit({partition: 2})
        assert offsets.coordinator_node() != coordinator
        assert offsets.fetch()[partition].offset == 2
