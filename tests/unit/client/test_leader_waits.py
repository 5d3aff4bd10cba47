"""What waits for a leader goes on when the answer is there; topics are asked for without the pause between requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any

import pytest

from kappaflow.client import fetch, produce
from kappaflow.client.connection import ClientConfig
from kappaflow.client.fetch import Fetcher
from kappaflow.client.kafka_python import Future, kafka_errors
from kappaflow.client.metadata import Leader, Metadata
from kappaflow.client.produce import BatchProducer
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.wire.record_batch import build_batch

PARTITION = TopicPartition("t", 0)


class SilentBroker:
    """Stands for connection and metadata: keeps what is asked, and knows a leader when it is told so."""

    def __init__(self) -> None:
        self.config = ClientConfig("nowhere:1")
        self.requests: list[str] = []
        self.delays: list[float] = []
        self.known = False
        self.on_update: Callable[[], object] = lambda: None
        self.closed = False

    def metadata(self, _connection: Any, on_update: Callable[[], object]) -> SilentBroker:
        self.on_update = on_update
        return self

    def call_soon(self, function: Callable[[], object]) -> None:
        function()

    def call_later(self, delay_s: float, _function: Callable[[], object]) -> None:
        self.delays.append(delay_s)

    def close(self) -> None:
        self.closed = True

    def send(self, request: Any, *_: Any, **__: Any) -> Any:
        self.requests.append(type(request).__name__)
        answer = Future()
        if self.requests[-1].startswith("InitProducerId"):
            answer.success(SimpleNamespace(error_code=0, producer_id=1, producer_epoch=0))
        return answer

    def track(self, topics: Any) -> None:
        assert set(topics) == {"t"}

    def leader(self, _partition: TopicPartition) -> Leader | None:
        return Leader(1, 0) if self.known else None

    def partitions(self, _topic: str) -> list[int] | None:
        return [0] if self.known else None

    def refresh(self) -> None:
        pass

    def count(self, kind: str) -> int:
        return sum(name.startswith(kind) for name in self.requests)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Generator[SilentBroker]:
    silent = SilentBroker()
    for module in (fetch, produce):
        monkeypatch.setattr(module, "Metadata", silent.metadata)
        monkeypatch.setattr(module, "RETRY_BACKOFF_S", 3600.0)
    monkeypatch.setattr(fetch, "open_fetching", lambda *_: (silent, None))
    monkeypatch.setattr(produce, "open_connection", lambda *_, **__: silent)
    yield silent


def test_a_fetch_without_leader_is_sent_with_the_answer_that_names_one(broker: SilentBroker) -> None:
    with Fetcher(ClientConfig("nowhere:1")) as fetcher:
        fetcher.assign({PARTITION: 0})
        broker.on_update()  # which does not name one
        assert broker.count("Fetch") == 0 and broker.delays
        broker.known = True
        broker.on_update()
        assert broker.count("Fetch") == 1


def test_a_batch_without_leader_is_sent_with_the_answer_that_names_one(broker: SilentBroker) -> None:
    producer = BatchProducer(ClientConfig("nowhere:1"))
    producer.send(PARTITION, build_batch([(None, b"v")], timestamp_ms=1))
    broker.on_update()
    assert broker.count("Produce") == 0 and broker.delays
    broker.known = True
    broker.on_update()
    assert broker.count("Produce") == 1
    producer.close(flush=False)


class Cluster:
    """Metadata of kafka-python that says what it is asked.

    Args:
        under_way: a request is, and `with_it` tells whether it asks for the topic.
        fails: requests do.
        known: the topic is, from the start.
    """

    def __init__(self, *, under_way: bool, with_it: bool = False, fails: bool = False, known: bool = False) -> None:
        self.metadata_refresh_in_progress = under_way
        self.asked = with_it or not under_way
        self.fails = fails
        self.known = known
        self.calls: list[Any] = []

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        assert topic == "t"
        return {0} if self.known else None

    def set_topics(self, topics: set[str]) -> None:
        self.calls.append(topics)

    def request_update(self) -> None:
        self.calls.append("later")

    async def refresh_metadata(self) -> None:
        self.calls.append("now")
        self.metadata_refresh_in_progress = False
        if self.fails:
            raise kafka_errors.NodeNotReadyError
        self.known, self.asked = self.asked, True


def calls_of(cluster: Cluster, *, closed: bool = False) -> list[Any]:
    """What tracking a topic asks of a cluster."""

    def spawn(function: Callable[..., Any], *arguments: Any) -> None:
        with pytest.raises(StopIteration):
            function(*arguments).send(None)

    connection: Any = SimpleNamespace(
        manager=SimpleNamespace(cluster=cluster, topic_users=Counter()),
        call_soon=lambda function: function(),
        spawn=spawn,
        closed=closed,
    )
    metadata = Metadata(connection)
    metadata.track(["t"])
    metadata.track(["t"])  # nothing new
    return cluster.calls


def test_topics_are_asked_for_at_once() -> None:
    assert calls_of(Cluster(under_way=False)) == [{"t"}, "now"]
    assert calls_of(Cluster(under_way=True)) == [{"t"}, "now", "now"]
    assert calls_of(Cluster(under_way=False, fails=True)) == [{"t"}, "now", "later"]


def test_many_that_ask_at_once_share_a_request() -> None:
    assert calls_of(Cluster(under_way=True, with_it=True)) == [{"t"}, "now"]
    assert calls_of(Cluster(under_way=False, known=True)) == []


def test_a_connection_that_was_closed_meanwhile_asks_for_nothing() -> None:
    assert calls_of(Cluster(under_way=False), closed=True) == [{"t"}]
