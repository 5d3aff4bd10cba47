"""Whole record batches to a real broker and back."""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable
from typing import Any

import pytest

from kappaflow.client.admin import LATEST, Admin
from kappaflow.client.connection import ClientConfig, Connection
from kappaflow.client.fetch import EARLIEST, Fetcher
from kappaflow.client.fetched_chunk import FetchedChunk
from kappaflow.client.partition_queue import DeliveryReport
from kappaflow.client.produce import TOGETHER_BYTES_MAX, BatchProducer
from kappaflow.client.records import RecordReader, RecordWriter
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError, BrokerUnreachable
from kappaflow.wire.compression import compress
from kappaflow.wire.record_batch import (
    COMPRESSION_NAMES,
    HEADER,
    HEADER_SIZE,
    LOG_OVERHEAD,
    build_batch,
    iterate_headers,
    parse_header,
)

RECORDS = [(b"key-%d" % i, b"value " * (i % 7)) for i in range(50)]


def compressed(codec: int, batch: bytes) -> bytes:
    header = parse_header(batch)
    body = compress(codec, batch[HEADER_SIZE:])
    attributes = header.attributes | codec
    packed = header._replace(length=HEADER_SIZE - LOG_OVERHEAD + len(body), attributes=attributes)
    return HEADER.pack(*packed) + body


def fetch_until(fetcher: Fetcher, ends: dict[TopicPartition, int]) -> list[FetchedChunk]:
    chunks: list[FetchedChunk] = []
    reached: dict[TopicPartition, int] = {}
    while any(reached.get(partition, 0) < end for partition, end in ends.items()):
        fresh = fetcher.poll(10)
        assert fresh, f"nothing came within ten seconds, at {reached}"
        chunks += fresh
        reached |= {chunk.partition: chunk.next_offset for chunk in fresh}
    return chunks


@pytest.mark.parametrize("codec", range(5), ids=COMPRESSION_NAMES)
def test_batches_come_back_as_they_were_sent(config: ClientConfig, new_topic: Callable[..., str], codec: int) -> None:
    partition = TopicPartition(new_topic(), 0)
    batch = compressed(codec, build_batch(RECORDS, timestamp_ms=1_700_000_000_000, headers=[("h", b"1")]))
    reports: list[DeliveryReport] = []
    with BatchProducer(config) as producer:
        producer.send(partition, batch, reports.append)
        producer.send(partition, batch, reports.append)
        producer.flush()
    assert [(r.base_offset, r.error) for r in reports] == [(0, None), (50, None)]
    with Fetcher(config) as fetcher:
        fetcher.assign({partition: 0})
        chunks = fetch_until(fetcher, {partition: 100})
    records = b"".join(chunk.records for chunk in chunks)
    headers = [header for _, header in iterate_headers(records)]
    assert [(h.base_offset, h.record_count, h.compression, h.base_sequence) for h in headers] == [
        (0, 50, codec, 0),
        (50, 50, codec, 50),
    ]
    assert records[HEADER_SIZE : headers[0].size] == batch[HEADER_SIZE:]
    with RecordReader(config, {partition: 70}) as reader:
        read = reader.read_to({partition: 100})
    assert [(r.offset, r.key, r.value, r.headers) for r in read] == [
        (70 + i, *RECORDS[20 + i], (("h", b"1"),)) for i in range(30)
    ]


@pytest.mark.parametrize(("idempotent", "acks"), [(False, -1), (False, 1), (False, 0)])
def test_producers_without_idempotence(
    config: ClientConfig, admin: Admin, new_topic: Callable[..., str], idempotent: bool, acks: int
) -> None:
    partition = TopicPartition(new_topic(), 0)
    with BatchProducer(config, idempotent=idempotent, acks=acks) as producer:
        for i in range(20):
            producer.send(partition, build_batch([(None, b"%d" % i)], timestamp_ms=i))
    with RecordReader(config, {partition: 0}) as reader:
        assert [r.value for r in reader.read_to({partition: 20})] == [b"%d" % i for i in range(20)]


def test_many_partitions_are_fetched_side_by_side_within_the_bound(
    config: ClientConfig, new_topic: Callable[..., str]
) -> None:
    topic = new_topic(8)
    partitions = [TopicPartition(topic, p) for p in range(8)]
    batch = build_batch([(None, bytes(1000))] * 200, timestamp_ms=1_700_000_000_000)
    with BatchProducer(config, buffer_bytes=1 << 20) as producer:
        for _ in range(20):
            for partition in partitions:
                producer.send(partition, batch)
    with Fetcher(config, max_buffered_bytes=1 << 20, partition_max_bytes=1 << 18) as fetcher:
        fetcher.assign(dict.fromkeys(partitions, EARLIEST))
        fetcher.pause(partitions[4:])
        chunks = fetch_until(fetcher, dict.fromkeys(partitions[:4], 4000))
        assert {chunk.partition for chunk in chunks} == set(partitions[:4])
        fetcher.resume(partitions[4:])
        chunks += fetch_until(fetcher, dict.fromkeys(partitions[4:], 4000))
        assert fetcher.high_watermark(partitions[5]) == 4000
    for partition in partitions:
        own = [chunk for chunk in chunks if chunk.partition == partition]
        assert [c.fetch_offset for c in own] == [0, *(c.next_offset for c in own[:-1])]


def test_seeking_drops_what_was_fetched(config: ClientConfig, new_topic: Callable[..., str]) -> None:
    partition = TopicPartition(new_topic(), 0)
    with BatchProducer(config) as producer:
        for i in range(10):
            producer.send(partition, build_batch([(None, b"%d" % i)], timestamp_ms=i))
    with Fetcher(config) as fetcher:
        fetcher.assign({partition: 0})
        fetch_until(fetcher, {partition: 10})
        fetcher.seek(partition, 7)
        assert fetcher.position(partition) == 7
        assert fetch_until(fetcher, {partition: 10})[0].fetch_offset == 7
        fetcher.remove([partition])
        assert fetcher.assignment() == set()


@pytest.mark.parametrize(("policy", "first"), [("earliest", 4), ("latest", 10)])
def test_an_offset_outside_the_log_is_reset(
    config: ClientConfig, admin: Admin, new_topic: Callable[..., str], policy: str, first: int
) -> None:
    partition = TopicPartition(new_topic(), 0)
    with RecordWriter(config) as writer:
        for i in range(10):
            assert writer.send(*partition[:1], None, b"%d" % i).offset == i
        assert admin.delete_records({partition: 4}) == {partition: 4}
        with Fetcher(config, offset_reset=policy) as fetcher:  # pyright: ignore[reportArgumentType]
            fetcher.assign({partition: 0})
            if policy == "latest":
                while fetcher.position(partition) != 10:
                    fetcher.poll(0.05)
                writer.send(partition.topic, None, b"10")
            assert fetch_until(fetcher, {partition: 10})[0].fetch_offset == first


def test_an_offset_outside_the_log_is_an_error_by_default(config: ClientConfig, new_topic: Callable[..., str]) -> None:
    partition = TopicPartition(new_topic(), 0)
    with Fetcher(config) as fetcher, pytest.raises(BrokerError, match="outside the log") as caught:
        fetcher.assign({partition: 5})
        fetcher.poll(20)
    assert caught.value.name == "OFFSET_OUT_OF_RANGE"


def test_a_missing_topic_is_an_error(config: ClientConfig) -> None:
    with Fetcher(config, unknown_topic_timeout_ms=500) as fetcher:
        fetcher.assign({TopicPartition("no-such-topic", 0): 0})
        with pytest.raises(BrokerError, match=r"no-such-topic-0.*does not exist"):
            fetcher.poll(20)
    with RecordWriter(config) as writer, pytest.raises(BrokerError, match="does not exist"):
        writer.send("no-such-topic", None, b"x")


def test_a_refused_batch_is_raised_and_later_ones_are_written(
    config: ClientConfig, admin: Admin, new_topic: Callable[..., str]
) -> None:
    topic = new_topic(2, max_message_bytes="2000")
    small = build_batch([(None, b"small")], timestamp_ms=1)
    large = build_batch([(None, bytes(3000))], timestamp_ms=1)
    reports: list[DeliveryReport] = []
    with BatchProducer(config) as producer:
        for batch in (small, large, small, small, small):
            producer.send(TopicPartition(topic, 0), batch, reports.append)
            producer.send(TopicPartition(topic, 1), small, reports.append)
        with pytest.raises(BrokerError, match="MESSAGE_TOO_LARGE"):
            producer.flush()
        producer.send(TopicPartition(topic, 0), small)
        producer.flush()
    ends = admin.list_offsets({TopicPartition(topic, p): LATEST for p in range(2)})
    assert [row.offset for row in ends.values()] == [5, 5]
    assert sum(report.error is not None for report in reports) == 1


def test_what_is_sent_together_is_one_request(
    config: ClientConfig, new_topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = new_topic(partitions=4)
    partitions = [TopicPartition(topic, number) for number in range(4)]
    batch = build_batch(RECORDS, timestamp_ms=1_700_000_000_000)
    large = build_batch([(b"k", b"v" * TOGETHER_BYTES_MAX)], timestamp_ms=1_700_000_000_000)
    with BatchProducer(config) as producer:
        producer.send(partitions[0], batch)  # the leaders and the producer id are known from now on
        producer.send(partitions[1], batch)
        producer.flush()
        requests: list[int] = []
        send = producer.connection.send

        def counted(message: Any, *arguments: Any) -> Any:
            requests.append(sum(len(topic.partition_data) for topic in message.topic_data))
            return send(message, *arguments)

        monkeypatch.setattr(producer.connection, "send", counted)
        with producer.together():
            for partition in partitions:
                producer.send(partition, batch)
            assert not requests
        producer.flush()
        assert requests == [4]
        with producer.together():
            producer.send(partitions[0], batch)
            producer.flush()  # whoever waits does not wait for the end
            producer.send(partitions[0], large)
            reports: queue.SimpleQueue[DeliveryReport] = queue.SimpleQueue()
            producer.send(partitions[1], large, reports.put)
            assert reports.get(timeout=10).error is None  # nor does what is much
    with Admin(config) as admin:
        ends = admin.list_offsets(dict.fromkeys(partitions, LATEST))
    assert [ends[partition].offset for partition in partitions] == [151, 101, 50, 50]


def test_record_writer_chooses_kafkas_partition(config: ClientConfig, new_topic: Callable[..., str]) -> None:
    topic = new_topic(5)
    keys = [b"a", b"key-1", b"order-77", "한국".encode()]
    with RecordWriter(config) as writer:
        positions = [writer.send(topic, key, None, timestamp=5) for key in keys]
    # The partitions that Java's default partitioner chooses: toPositive(murmur2(key)) % 5.
    from kafka.partitioner.default import murmur2

    assert [p.partition.partition for p in positions] == [(murmur2(k) & 0x7FFFFFFF) % 5 for k in keys]


def test_an_unreachable_broker_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    config = ClientConfig(f"127.0.0.1:{port}", bootstrap_timeout_ms=300)
    with pytest.raises(BrokerUnreachable, match=rf"127\.0\.0\.1:{port}.*refused.*kappa broker"):
        Connection(config)
