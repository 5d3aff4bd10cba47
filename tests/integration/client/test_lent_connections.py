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
from kappaflow.client.produce import BatchProducer
from kappaflow.client.topic_partition import TopicPartition
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
