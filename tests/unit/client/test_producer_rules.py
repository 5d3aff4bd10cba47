"""The producer's rules, played against a scripted broker: order, sequences, retries and refusals."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kappaflow.client import produce
from kappaflow.client.connection import ClientConfig
from kappaflow.client.kafka_python import Future, kafka_errors
from kappaflow.client.metadata import Leader
from kappaflow.client.partition_queue import DeliveryReport
from kappaflow.client.produce import BatchProducer
from kappaflow.client.sequencing import ProducerIdentity, sequence_count, stamp_producer
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.record_batch import build_batch, crc_is_valid, parse_header, read_records

PARTITION = TopicPartition("t", 0)
KNOWN_AGAIN = 5


class ScriptedBroker:
    """Stands for connection and metadata; keeps a log with the broker's own sequence rules.

    Each produce request meets the next fate of the script: ``ok``, ``lost`` (written, but the answer never comes),
    ``moved`` (written, and copied to the leader that comes next before the answer says that this one is none any more),
    ``dropped`` (not even written), or an error code; then come those of ``afterwards``.  As Kafka's brokers do, it
    knows the last five batches of a producer again, and takes any sequence of a producer that it does not know.
    """

    def __init__(self, script: list[str | int] | None = None, afterwards: str = "ok") -> None:
        self.script = deque(script or [])
        self.afterwards = afterwards
        self.log: list[bytes] = []
        self.sequences: dict[int, tuple[int, dict[int, int]]] = {}
        self.producer_ids = 0
        self.waiting: deque[tuple[Any, Any]] = deque()
        self.timers: deque[Callable[[], object]] = deque()
        self.requests_at_once = 0
        self.closed = False

    # the connection's face
    def call_soon(self, function: Callable[[], object]) -> None:
        self.timers.append(function)

    def call_later(self, _delay_s: float, function: Callable[[], object]) -> None:
        self.timers.append(function)

    def close(self) -> None:
        self.closed = True

    def send(self, request: Any, node_id: int | None = None) -> Any:
        future = Future()
        self.waiting.append((request, future))
        self.requests_at_once = max(self.requests_at_once, len(self.waiting))
        return future

    # the metadata's face
    def track(self, topics: Any) -> None:
        assert set(topics) == {"t"}

    def leader(self, _partition: TopicPartition) -> Leader:
        return Leader(1, 0)

    def refresh(self) -> None:
        pass

    def run(self, producer: BatchProducer) -> None:
        """Play until nothing is left to do; answers come in the order of requests, as on one connection."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.timers:
                self.timers.popleft()()
            elif self.waiting:
                self._answer(*self.waiting.popleft())
            elif producer._pending_batches == 0:
                return
            else:
                producer._pump()
        raise AssertionError("the producer does not come to an end")

    def _answer(self, request: Any, future: Any) -> None:
        if type(request).__name__.startswith("InitProducerId"):
            self.producer_ids += 1
            future.success(SimpleNamespace(error_code=0, producer_id=self.producer_ids, producer_epoch=0))
            return
        fate = self.script.popleft() if self.script else self.afterwards
        batch = bytes(request.topic_data[0].partition_data[0].records)
        code, offset = (fate, -1) if isinstance(fate, int) else (0, -1)
        if fate in {"ok", "lost", "moved"}:
            code, offset = self._append(batch)
        if fate == "moved" and not code:
            code, offset = int(ErrorCode.NOT_LEADER_OR_FOLLOWER), -1
        if fate in {"lost", "dropped"}:
            future.failure(kafka_errors.KafkaConnectionError("gone"))
            return
        answer = SimpleNamespace(index=0, error_code=code, base_offset=offset, error_message=None, record_errors=[])
        future.success(SimpleNamespace(responses=[SimpleNamespace(name="t", partition_responses=[answer])]))

    def _append(self, batch: bytes) -> tuple[int, int]:
        header = parse_header(batch)
        assert crc_is_valid(batch, 0, header)
        following, known = self.sequences.setdefault(header.producer_id, (header.base_sequence, {}))
        if header.base_sequence in known:
            return 0, known[header.base_sequence]
        if header.base_sequence != following:
            return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1
        known[header.base_sequence] = len(self.log)
        if len(known) > KNOWN_AGAIN:
            del known[next(iter(known))]
        self.sequences[header.producer_id] = (following + header.record_count, known)
        self.log += [row.value or b"" for row in read_records(batch)]
        return 0, known[header.base_sequence]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(produce, "RETRY_BACKOFF_S", 0.0)


def start(broker: ScriptedBroker) -> BatchProducer:
    patch = pytest.MonkeyPatch()
    patch.setattr(produce, "open_connection", lambda *_, **__: broker)
    patch.setattr(produce, "Metadata", lambda *_: broker)
    try:
        return BatchProducer(ClientConfig("nowhere:1"))
    finally:
        patch.undo()


def batch_of(number: int) -> bytes:
    return build_batch([(None, b"%d/%d" % (number, i)) for i in range(2)], timestamp_ms=1)


def play(script: list[str | int], count: int) -> tuple[ScriptedBroker, list[DeliveryReport], BatchProducer]:
    broker = ScriptedBroker(script)
    producer = start(broker)
    reports: dict[int, DeliveryReport] = {}
    for number in range(count):
        producer.send(PARTITION, batch_of(number), partial(reports.__setitem__, number))
    broker.run(producer)
    return broker, [reports[number] for number in range(count)], producer


RETRIABLE = [int(ErrorCode.NOT_LEADER_OR_FOLLOWER), int(ErrorCode.NOT_ENOUGH_REPLICAS), "lost", "moved", "dropped"]


@given(st.lists(st.sampled_from(["ok", *RETRIABLE]), max_size=25), st.integers(1, 20))
def test_whatever_passes_by_itself_leaves_every_record_once_in_order(script: list[str | int], count: int) -> None:
    broker, reports, producer = play(script, count)
    assert broker.log == [b"%d/%d" % (number, i) for number in range(count) for i in range(2)]
    assert [report.base_offset for report in reports] == [2 * number for number in range(count)]
    assert broker.requests_at_once <= produce.REQUESTS_IN_FLIGHT_MAX
    assert broker.producer_ids == 1
    producer.poll()


@given(
    st.lists(st.sampled_from(["ok", "ok", int(ErrorCode.MESSAGE_TOO_LARGE), *RETRIABLE]), max_size=25),
    st.integers(1, 20),
)
def test_a_refused_batch_fails_alone(script: list[str | int], count: int) -> None:
    broker, reports, _ = play(script, count)
    errors = [report.error for report in reports if report.error is not None]
    assert {getattr(error, "name", None) for error in errors} <= {
        "MESSAGE_TOO_LARGE",
        "NETWORK_EXCEPTION",
        "NOT_LEADER_OR_FOLLOWER",
    }
    written = [int(row.split(b"/")[0]) for row in broker.log[::2]]
    assert written == sorted(set(written)), "reordered or doubled"
    assert {number for number, report in enumerate(reports) if report.error is None} <= set(written)
    if not {"lost", "moved", "dropped"}.intersection(script):
        assert len(written) == count - len(errors)


def test_a_batch_whose_answers_are_lost_stays_among_those_that_the_broker_knows_again() -> None:
    """Without a bound the broker forgets the first batch while those behind it are acknowledged, and refuses it."""
    broker, reports, _ = play(["moved", "ok", "ok", "ok", "ok", "moved", "ok", "moved"], 20)
    assert [report.error for report in reports] == [None] * 20
    assert broker.log == [b"%d/%d" % (number, i) for number in range(20) for i in range(2)]


def test_requests_are_pipelined() -> None:
    broker, _, _ = play([], 20)
    assert broker.requests_at_once == produce.REQUESTS_IN_FLIGHT_MAX


def test_a_refusal_is_raised_once_and_takes_a_new_producer_id() -> None:
    broker, _, producer = play([int(ErrorCode.MESSAGE_TOO_LARGE)], 3)
    assert broker.producer_ids == 2
    with pytest.raises(BrokerError, match="produce to t-0: MESSAGE_TOO_LARGE"):
        producer.flush()
    producer.flush()


def test_a_fenced_producer_stays_so() -> None:
    _, _, producer = play([int(ErrorCode.INVALID_PRODUCER_EPOCH)], 1)
    for _ in range(2):
        with pytest.raises(BrokerError, match="INVALID_PRODUCER_EPOCH"):
            producer.poll()
    with pytest.raises(BrokerError):
        producer.send(PARTITION, batch_of(1))


def test_a_batch_that_is_never_written_fails_in_time() -> None:
    broker = ScriptedBroker(afterwards="dropped")
    producer = start(broker)
    producer._delivery_timeout_s = 0.05
    reports: list[DeliveryReport] = []
    producer.send(PARTITION, batch_of(0), reports.append)
    broker.run(producer)
    assert reports[0].error is not None
    with pytest.raises(BrokerError, match="delivery time-out"):
        producer.flush()


def test_stamping_changes_only_the_producers_fields_and_the_crc() -> None:
    batch = bytearray(batch_of(1))
    stamp_producer(batch, ProducerIdentity(7, 3, "tx"), 40)
    header = parse_header(batch)
    assert (header.producer_id, header.producer_epoch, header.base_sequence) == (7, 3, 40)
    assert header.is_transactional
    assert crc_is_valid(batch, 0, header)
    assert sequence_count(batch) == 2
    assert [row.value for row in read_records(batch)] == [b"1/0", b"1/1"]
    stamp_producer(batch, ProducerIdentity(), -1)
    assert bytes(batch) == batch_of(1)
