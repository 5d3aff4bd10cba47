"""Producers and transactions request by request: the same bytes to our broker and to a real Apache Kafka.

What Kafka takes and ours does not: a producer with a negative epoch or sequence; records that name another transaction
than the one that is open for the producer.  Where ours leaves out the log's start: in the refusal of control records.
What differs for a moment: the largest timestamp of records that have been
deleted but whose segment is still there.

Source: KIP-98, KIP-360, KIP-467, KIP-664, KIP-890, KIP-994, KIP-1152.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from kappaflow.testing.raw_client import RawClient
from kappaflow.wire.message import Message
from kappaflow.wire.record_batch import CONTROL_BIT, TRANSACTIONAL_BIT, build_batch

pytestmark = [pytest.mark.java]

SETTLE_SECONDS = 20
NOT_YET = frozenset({14, 15, 16, 51})
"""Coordinators that load, transactions that are being ended."""
LEFT_OUT = frozenset({"error_message", "batch_index_error_message", "throttle_time_ms", "log_append_time_ms"})
TIME_MS = 1_600_000_000_000
INT32_MAX = 2**31 - 1


class Script:
    """One client's steps and what was answered."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._client = RawClient(int(bootstrap.split(":")[1]))
        self._prefix = f"{prefix}-"
        self._producers: dict[int, str] = {}
        self._topic_ids: dict[uuid.UUID, str] = {}
        self.steps: list[tuple[str, Any]] = []
        # Kafka makes the topic of its coordinators when somebody looks for one.
        self.ask("the coordinator is there", 10, 4, Message(key_type=1, coordinator_keys=["x"]), waits=True)
        self.steps.clear()

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, what: str, key: int, version: int, body: Message, *, waits: bool = False) -> Message:
        """Send, note and give the answer.

        Args:
            what: the step.
            key: the API.
            version: of the request.
            body: the request.
            waits: whether to ask again while the coordinator is not ready.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        answer = self._client.ask(key, version, body)
        while waits and NOT_YET & set(errors_of(answer)) and time.monotonic() < deadline:
            time.sleep(0.02)
            answer = self._client.ask(key, version, body)
        self.steps.append((f"{len(self.steps)} {what}", self.seen(answer)))
        return answer

    def name(self, short: str) -> str:
        return f"{self._prefix}{short}" if short else short

    def seen(self, value: Any, field: str = "") -> Any:
        """An answer with names of ours for ids, and without times and texts."""
        if isinstance(value, Message):
            fields = sorted(vars(value).items())
            return {name: self.seen(inner, name) for name, inner in fields if name not in LEFT_OUT}
        if isinstance(value, list | tuple):
            return sorted((self.seen(each, field) for each in value), key=str)
        if field == "producer_id" and value >= 0:
            return self._producers.setdefault(value, f"producer {len(self._producers)}")
        if field in ("transaction_start_time_ms", "last_timestamp"):
            return value if value in (-1, TIME_MS) else "a time"
        if isinstance(value, str):
            return value.replace(self._prefix, "")
        if isinstance(value, uuid.UUID):
            return self._topic_ids.get(value, "unknown")
        if isinstance(value, bytes | memoryview):
            return len(value)
        return value

    # -- requests -----------------------------------------------------------------------------------------

    def create(self, topic: str, partitions: int = 2, **configs: str) -> None:
        settings = [Message(name=name.replace("_", "."), value=value) for name, value in configs.items()]
        wanted = Message(
            name=self.name(topic), num_partitions=partitions, replication_factor=1, assignments=[], configs=settings
        )
        answer = self._client.ask(19, 7, Message(topics=[wanted], timeout_ms=10_000, validate_only=False)).topics[0]
        assert answer.error_code == 0
        self._topic_ids[answer.topic_id] = topic
        # Its leaders come a moment later.
        deadline = time.monotonic() + SETTLE_SECONDS
        while any(errors_of(self._client.ask(2, 7, self.list_offsets(topic, -1)))):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def init(
        self, name: str | None, producer: int = -1, epoch: int = -1, timeout_ms: int = 60_000, version: int = 5
    ) -> Message:
        body = Message(
            transactional_id=None if name is None else self.name(name), transaction_timeout_ms=timeout_ms,
            producer_id=producer, producer_epoch=epoch,
        )  # fmt: skip
        return self.ask(f"init {name} {epoch} v{version}", 22, version, body, waits=True)

    def produce(
        self,
        what: str,
        records: bytes | None,
        topic: str = "t",
        partition: int = 0,
        name: str | None = None,
        version: int = 9,
        acks: int = -1,
    ) -> Message:
        data = Message(name=self.name(topic), partition_data=[Message(index=partition, records=records)])
        body = Message(
            transactional_id=None if name is None else self.name(name), acks=acks, timeout_ms=5_000, topic_data=[data]
        )
        return self.ask(f"produce {what} v{version}", 0, version, body, waits=True)

    def add(self, name: str, producer: int, epoch: int, *topics: str, version: int = 3) -> Message:
        named = [Message(name=self.name(topic), partitions=[0, 1]) for topic in topics]
        who = (self.name(name), producer, epoch)
        fields = ("transactional_id", "producer_id", "producer_epoch", "topics")
        body = Message(**{f"v3_and_below_{field}": value for field, value in zip(fields, (*who, named), strict=True)})
        return self.ask(f"add {topics} {epoch}", 24, version, body, waits=True)

    def end(self, name: str, producer: int, epoch: int, *, commits: bool = True, version: int = 4) -> Message:
        body = Message(transactional_id=self.name(name), producer_id=producer, producer_epoch=epoch, committed=commits)
        answer = self.ask(f"end {commits} {epoch} v{version}", 26, version, body, waits=True)
        # Markers are written after the answer.
        deadline = time.monotonic() + SETTLE_SECONDS
        described = Message(transactional_ids=[body.transactional_id])
        while self._client.ask(65, 0, described).transaction_states[0].transaction_state.startswith("Prepare"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return answer

    def list_offsets(self, topic: str, timestamp: int, *, committed: bool = False, epoch: int = -1) -> Message:
        partitions = [
            Message(partition_index=number, current_leader_epoch=epoch, timestamp=timestamp) for number in (0, 1)
        ]
        topics = [Message(name=self.name(topic), partitions=partitions)]
        return Message(replica_id=-1, isolation_level=int(committed), topics=topics, timeout_ms=1_000)

    def fetch(self, what: str, topic: str = "t", offset: int = 0, *, committed: bool = True) -> Message:
        partition = Message(
            partition=0, current_leader_epoch=-1, fetch_offset=offset, last_fetched_epoch=-1, log_start_offset=-1,
            partition_max_bytes=1 << 20,
        )  # fmt: skip
        body = Message(
            replica_id=-1, max_wait_ms=0, min_bytes=0, max_bytes=1 << 20, isolation_level=int(committed),
            session_id=0, session_epoch=-1, topics=[Message(topic=self.name(topic), partitions=[partition])],
            forgotten_topics_data=[], rack_id="", cluster_id=None,
        )  # fmt: skip
        return self.ask(f"fetch {what}", 1, 12, body)

    def look(self, *names: str) -> None:
        """Everything that can be known of transactions and producers."""
        self.ask("describe", 65, 0, Message(transactional_ids=[self.name(name) for name in names]))
        mine = [self.name(name) for name in names]
        body = Message(
            state_filters=[], producer_id_filters=[], duration_filter=-1, transactional_id_pattern=f"{self._prefix}.*"
        )
        answer = self._client.ask(66, 2, body)
        answer.transaction_states = [each for each in answer.transaction_states if each.transactional_id in mine]
        self.steps.append((f"{len(self.steps)} list", self.seen(answer)))
        topics = [Message(name=self.name("t"), partition_indexes=[0, 1, 9])]
        self.ask("producers", 61, 0, Message(topics=topics))


def errors_of(answer: Any) -> list[int]:
    """Every error code within an answer."""
    if isinstance(answer, Message):
        return [
            code
            for name, value in vars(answer).items()
            for code in ([value] if name.endswith("error_code") else errors_of(value))
        ]
    return [code for each in answer for code in errors_of(each)] if isinstance(answer, list | tuple) else []


def batch(
    producer: int = -1, epoch: int = -1, sequence: int = -1, count: int = 2, *, attributes: int = 0, at: int = TIME_MS
) -> bytes:
    return build_batch(
        [(b"k", b"v%d" % number) for number in range(count)], timestamp_ms=at, attributes=attributes,
        producer_id=producer, producer_epoch=epoch, base_sequence=sequence,
    )  # fmt: skip


def in_transaction(producer: int, epoch: int, sequence: int, count: int = 2) -> bytes:
    return batch(producer, epoch, sequence, count, attributes=TRANSACTIONAL_BIT)


def idempotent_producers(script: Script) -> None:
    script.create("t")
    producer = script.init(None).producer_id
    for number in range(7):
        script.produce(f"batch {number}", batch(producer, 0, 2 * number))
    for number in (6, 5, 2, 1, 0):
        script.produce(f"batch {number} again", batch(producer, 0, 2 * number))
    script.produce("a gap", batch(producer, 0, 16))
    script.produce("half of a batch again", batch(producer, 0, 12, 1))
    script.produce("without state, any sequence", batch(producer, 0, 7), partition=1)
    script.produce("and on", batch(producer, 0, 9), partition=1)
    script.produce("a new epoch in the middle", batch(producer, 1, 3))
    script.produce("a new epoch", batch(producer, 1, 0))
    script.produce("the old epoch", batch(producer, 0, 14))
    script.produce("the old epoch again", batch(producer, 0, 12))
    bumped = script.init(None, producer, 1)
    script.init(None, producer, 0)
    script.init(None, bumped.producer_id, 7)
    other = script.init(None).producer_id
    script.produce("to the end of sequences", batch(other, 0, INT32_MAX, 2))
    script.produce("beyond", batch(other, 0, 1))
    script.produce("beyond again", batch(other, 0, 1))
    script.produce("to the end again", batch(other, 0, INT32_MAX, 2))
    script.ask(
        "producers", 61, 0, Message(topics=[Message(name=script.name(t), partition_indexes=[0, 1]) for t in ("t", "u")])
    )
    script.init(None, timeout_ms=-1)
    script.init(None, 5, -1)
    script.init(None, -1, 5)
    script.init("", -1, -1)
    for version in range(6):
        script.init(None, version=version)


def batches_that_cannot_be_right(script: Script) -> None:
    script.create("t")
    script.create("compacted", cleanup_policy="compact")
    script.create("small", max_message_bytes="100")
    script.create("timed", message_timestamp_before_max_ms="1000", message_timestamp_after_max_ms="1000")
    script.create("stamped", message_timestamp_type="LogAppendTime")
    good = batch()
    for version in (3, 7, 8, 9, 12):
        keyless = build_batch([(b"k", b"v"), (None, b"v"), (None, b"w")], timestamp_ms=TIME_MS)
        script.produce("without keys", keyless, "compacted", version=version)
        script.produce("too old", good, "timed", version=version)
        script.produce("too new", batch(at=TIME_MS * 2), "timed", version=version)
        script.produce("too large", batch(count=50), "small", version=version)
    script.produce("empty", b"")
    script.produce("two batches", good + good)
    script.produce("half a batch", good[:30])
    script.produce("less than a length", good[:5])
    script.produce("a wrong crc", good[:-1] + bytes([good[-1] ^ 1]))
    script.produce("an old form", good[:16] + b"\1" + good[17:])
    script.produce("an unknown form", good[:16] + b"\3" + good[17:])
    script.produce("a control batch", batch(1, 0, 0, 1, attributes=CONTROL_BIT | TRANSACTIONAL_BIT))
    script.produce("a transaction without a name", in_transaction(77, 0, 0))
    script.produce("acks", good, acks=2)
    script.produce("acks", good, acks=-2)
    script.produce("no such partition", good, partition=9)
    script.produce("no such topic", good, "absent")
    script.produce("stamped", good, "stamped")
    script.produce("good", good)
    script.produce("sequence without producer", batch(-1, -1, 5))
    script.ask("offsets", 2, 7, script.list_offsets("stamped", -1))
    script.ask("offsets", 2, 7, script.list_offsets("t", -1))


def transactions_of_the_first_version(script: Script) -> None:
    script.create("t")
    script.create("u")
    first = script.init("x")
    producer = first.producer_id
    script.look("x", "absent", "")
    script.end("x", producer, 0)
    script.produce("before the partition was added", in_transaction(producer, 0, 0), name="x")
    script.add("x", producer, 0, "t", "absent")
    script.add("x", producer, 0, "t")
    script.add("x", producer, 0, "t", "u")
    script.look("x")
    script.produce("1", in_transaction(producer, 0, 0), name="x")
    script.produce("1 again", in_transaction(producer, 0, 0), name="x")
    script.produce("without its transaction", batch(producer, 0, 2), name="x")
    script.look("x")
    script.fetch("of an open transaction")
    script.fetch("of an open transaction", committed=False)
    for timestamp in (-1, -2, -3, -4, -5, -6, TIME_MS, TIME_MS + 1):
        script.ask(f"offsets {timestamp}", 2, 9, script.list_offsets("t", timestamp))
        script.ask(f"committed offsets {timestamp}", 2, 9, script.list_offsets("t", timestamp, committed=True))
    script.end("x", producer, 1)
    script.end("x", producer + 1000, 0)
    script.end("x", producer, 0)
    script.end("x", producer, 0)
    script.end("x", producer, 0, commits=False)
    script.look("x")
    script.fetch("committed")
    script.add("x", producer, 0, "t")
    script.produce("2", in_transaction(producer, 0, 2), name="x")
    script.end("x", producer, 0, commits=False)
    script.end("x", producer, 0, commits=False)
    script.end("x", producer, 0)
    script.fetch("aborted")
    script.add("x", producer, 0, "t")
    script.produce("3", in_transaction(producer, 0, 4), name="x")
    script.init("x")
    script.look("x")
    script.fetch("fenced")
    script.add("x", producer, 0, "t")
    script.end("x", producer, 0)
    script.produce("by the old one", in_transaction(producer, 0, 6), name="x")
    script.produce("by a far one", in_transaction(producer, 9, 0), name="x")
    script.init("x", producer, 0)
    script.look("x")
    for version in range(6):
        script.init("y", version=version)
    script.look("y")
    for timeout_ms in (0, -1, 1, 900_000, 900_001):
        script.init("z", timeout_ms=timeout_ms)
    script.init("z", producer, -1)
    script.init("z", producer, 3)
    script.init("w", producer, 0)
    script.init("w")
    script.look("z", "w")


def transactions_of_the_second_version(script: Script) -> None:
    script.create("t")
    first = script.init("x")
    producer, epoch = first.producer_id, first.producer_epoch
    script.end("x", producer, epoch, version=5)
    script.produce("1", in_transaction(producer, epoch, 0), name="x", version=12)
    script.produce("1", in_transaction(producer, epoch, 0), name="x", version=12, partition=1)
    script.look("x")
    ended = script.end("x", producer, epoch, version=5)
    script.look("x")
    script.end("x", producer, epoch, version=5)
    script.end("x", producer, epoch, version=5, commits=False)
    script.end("x", ended.producer_id, ended.producer_epoch, version=5)
    script.end("x", ended.producer_id, ended.producer_epoch, version=5, commits=False)
    script.look("x")
    script.produce("by the old epoch", in_transaction(producer, epoch, 2), name="x", version=12)
    again = script.init("x")
    producer, epoch = again.producer_id, again.producer_epoch
    script.produce("2", in_transaction(producer, epoch, 5), name="x", version=12)
    script.produce("2", in_transaction(producer, epoch, 0), name="x", version=12)
    script.produce("no such partition", in_transaction(producer, epoch, 0), name="x", version=12, partition=9)
    script.produce("in the middle", in_transaction(producer, epoch, 3), name="x", version=12, partition=1)
    script.produce("in the middle, again", in_transaction(producer, epoch, 0), name="x", version=12, partition=1)
    script.look("x")
    ended = script.end("x", producer, epoch, version=5, commits=False)
    script.look("x")
    script.fetch("aborted")
    script.produce("3", in_transaction(ended.producer_id, ended.producer_epoch, 0), name="x", version=12)
    script.end("x", ended.producer_id, ended.producer_epoch, version=4)
    script.look("x")
    script.produce("4 the first way", in_transaction(ended.producer_id, ended.producer_epoch, 2), name="x")
    script.add("x", ended.producer_id, ended.producer_epoch, "t")
    script.produce("4 the first way", in_transaction(ended.producer_id, ended.producer_epoch, 2), name="x")
    script.end("x", ended.producer_id, ended.producer_epoch, version=5)
    script.look("x")


def lists_of_transactions(script: Script) -> None:
    script.create("t")
    producers = {name: script.init(name) for name in ("a1", "a2", "b1")}
    for name in ("a1", "b1"):
        script.add(name, producers[name].producer_id, producers[name].producer_epoch, "t")
    script.end("b1", producers["b1"].producer_id, producers["b1"].producer_epoch)
    script.look("a1", "a2", "b1")
    ids = [each.producer_id for each in producers.values()]
    for version, filters in (
        (0, {"state_filters": []}),
        (0, {"state_filters": ["Ongoing"]}),
        (0, {"state_filters": ["Ongoing", "Empty"]}),
        (0, {"state_filters": ["ongoing", "Nothing"]}),
        (0, {"producer_id_filters": ids[:1]}),
        (0, {"producer_id_filters": [10**9]}),
        (1, {"duration_filter": 0}),
        (1, {"duration_filter": 10**9}),
        (1, {"duration_filter": -1}),
        (2, {"transactional_id_pattern": f"{script.name('a')}.*"}),
        (2, {"transactional_id_pattern": f"{script.name('a')}"}),
        (2, {"transactional_id_pattern": ""}),
        (2, {"transactional_id_pattern": None}),
        (2, {"transactional_id_pattern": "("}),
        (2, {"transactional_id_pattern": ".*2", "state_filters": ["Empty"]}),
    ):
        wanted = {"producer_id_filters": ids} | filters
        body = Message(
            **{"state_filters": [], "duration_filter": -1, "transactional_id_pattern": None} | wanted  # type: ignore[arg-type]
        )
        script.ask(f"list {sorted(filters)}", 66, version, body)
    script.end("a1", producers["a1"].producer_id, producers["a1"].producer_epoch)


def reads_by_offset_time_and_epoch(script: Script) -> None:
    script.create("t")
    for number in range(5):
        script.produce(f"{number}", batch(at=TIME_MS + 10 * ((number * 3) % 5)))
    for timestamp in (-7, -6, -5, -4, -3, -2, -1, 0, TIME_MS - 1, TIME_MS + 5, TIME_MS + 40, TIME_MS + 41):
        for version in (1, 5, 6, 7, 8, 9, 10, 11):
            script.ask(f"offsets {timestamp} v{version}", 2, version, script.list_offsets("t", timestamp))
    for epoch in (0, 1, 5):
        script.ask(f"offsets in epoch {epoch}", 2, 7, script.list_offsets("t", -1, epoch=epoch))
    for current in (-1, 0, 1):
        for epoch in (-1, 0, 1, 5):
            partitions = [
                Message(partition=number, current_leader_epoch=current, leader_epoch=epoch) for number in (0, 1, 9)
            ]
            topics = [Message(topic=script.name(name), partitions=partitions) for name in ("t", "absent")]
            script.ask(f"end of epoch {epoch} in {current}", 23, 4, Message(replica_id=-1, topics=topics))
    for offset in (0, 3, 10, 11, -1, -2):
        script.fetch(f"at {offset}", offset=offset)
        partitions = [Message(partition_index=0, offset=offset), Message(partition_index=9, offset=offset)]
        topics = [Message(name=script.name(name), partitions=partitions) for name in ("t", "absent")]
        script.ask(f"delete before {offset}", 21, 2, Message(topics=topics, timeout_ms=1_000))
        script.ask("offsets", 2, 7, script.list_offsets("t", -2))


SCRIPTS: Sequence[Callable[[Script], None]] = (
    idempotent_producers,
    batches_that_cannot_be_right,
    transactions_of_the_first_version,
    transactions_of_the_second_version,
    lists_of_transactions,
    reads_by_offset_time_and_epoch,
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_answers_are_those_of_kafka(pair: Any, on_both: Any, script: Callable[[Script], None]) -> None:
    prefix = f"p{uuid.uuid4().hex[:8]}"

    def run(bootstrap: str) -> list[tuple[str, Any]]:
        with Script(bootstrap, prefix) as steps:
            script(steps)
            return steps.steps

    differing = on_both(pair, run)
    assert not differing, "\n".join(differing)
