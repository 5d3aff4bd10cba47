"""Many producers of one process over a bounded number of connections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Thread

import pytest

from kappaflow.client import io_threads
from kappaflow.client.admin import Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.fetch import Fetcher
from kappaflow.client.io_threads import IoThreads
from kappaflow.client.offsets import SIMPLE
from kappaflow.client.produce import BatchProducer
from kappaflow.client.records import RecordReader
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.client.transactions import TransactionalProducer
from kappaflow.wire.record_batch import build_batch, parse_header

PRODUCERS, ROUNDS = 7, 3


def test_producers_share_connections_and_none_writes_for_another(
    config: ClientConfig, new_topic: Callable[..., str], admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(io_threads, "MOST_LENT", 2)
    shared = replace(config, io=IoThreads(most=2))
    made: dict[int, BatchProducer] = {}
    threads = [Thread(target=lambda n=n: made.setdefault(n, BatchProducer(shared))) for n in range(PRODUCERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({producer.connection.manager for producer in made.values()}) == 2
    topics = {number: new_topic() for number in made}
    for round_ in range(ROUNDS):
        for number, producer in made.items():
            batch = build_batch([(b"%d" % number, b"%d" % round_)], timestamp_ms=1)
            producer.send(TopicPartition(topics[number], 0), batch)
    for producer in made.values():
        producer.flush(30)

    # One goes, with its topic; the others of its connection go on, and ask for it no more.
    first = made.pop(0)
    manager = first.connection.manager
    first.close()
    admin.delete_topics([topics[0]])
    for number, producer in made.items():
        producer.send(TopicPartition(topics[number], 0), build_batch([(b"%d" % number, b"last")], timestamp_ms=1))
        producer.flush(30)
    neighbour = next(producer for producer in made.values() if producer.connection.manager is manager)
    assert topics[0] not in neighbour.connection.run(lambda: set(manager.cluster._topics))

    with Fetcher(config) as fetcher:
        fetcher.assign({TopicPartition(topics[number], 0): 0 for number in made})
        ends = dict.fromkeys(made, 0)
        sequences: dict[int, list[int]] = {number: [] for number in made}
        numbers = {topics[number]: number for number in made}
        while min(ends.values()) < ROUNDS + 1:
            chunks = fetcher.poll(10)
            assert chunks, f"nothing came within ten seconds, at {ends}"
            for chunk in chunks:
                number = numbers[chunk.partition.topic]
                ends[number] = chunk.next_offset
                position = 0
                while position < len(chunk.records):
                    header = parse_header(chunk.records[position:])
                    sequences[number].append(header.base_sequence)
                    position += header.length + 12
    assert sequences == {number: list(range(ROUNDS + 1)) for number in made}
    for producer in made.values():
        producer.close()
    with pytest.raises(RuntimeError, match="closed"):
        neighbour.connection.run(lambda: None)
    assert shared.io is not None
    assert not shared.io._lent


def test_transactions_share_connections_and_none_ends_another(
    config: ClientConfig, new_topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(io_threads, "MOST_LENT", 2)
    shared = replace(config, io=IoThreads(most=2))
    topics = [TopicPartition(new_topic(), 0) for _ in range(PRODUCERS)]
    failures: list[BaseException] = []

    def write(partition: TopicPartition) -> None:
        try:
            with TransactionalProducer(shared, f"writes-{partition.topic}") as producer:
                producer.init()
                for round_ in range(ROUNDS):
                    for end in (producer.abort, lambda: producer.commit({}, "", SIMPLE)):
                        producer.send(partition, build_batch([(None, b"%d" % round_)], timestamp_ms=1))
                        producer.flush()
                        end()
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=write, args=(partition,)) for partition in topics]
    for thread in threads:
        thread.start()
    assert shared.io is not None
    for thread in threads:
        thread.join(60)
    assert not failures
    assert not shared.io._in_transactions
    with RecordReader(config, dict.fromkeys(topics, 0), isolation_level="read_committed") as reader:
        records = reader.read_to(dict.fromkeys(topics, 4 * ROUNDS))
    values = {topic: [record.value for record in records if record.partition == topic] for topic in topics}
    assert values == {topic: [b"%d" % round_ for round_ in range(ROUNDS)] for topic in topics}
