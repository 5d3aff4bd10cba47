"""What the broker keeps over restarts: topics, ids, configs, offsets, producer ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from kappaflow.broker.broker import Broker
from kappaflow.broker.coordinators.offset_store import CommittedOffset
from kappaflow.broker.handlers import fetch, list_offsets, produce
from kappaflow.broker.inspection import inspect_data_directory
from kappaflow.errors import BrokerError, DataDirectoryLocked, StorageError
from kappaflow.runtime.clock import ManualClock
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message
from kappaflow.wire.record_batch import TRANSACTIONAL_BIT, build_batch
from opened_broker import NOW_MS, context, pass_days, with_broker


def test_topics_keep_their_ids_configs_and_partitions(tmp_path: Path) -> None:
    seen: list[tuple[str, object, dict[str, str], int]] = []

    def fill(broker: Broker) -> None:
        kept = broker.topics.create("kept", 2, {"retention.ms": "5"})
        broker.topics.add_partitions(kept, 4)
        broker.topics.set_configs(kept, {"internal.segment.bytes": "1000"})
        broker.delete_topic(broker.topics.create("gone", 1, {}))

    def look(broker: Broker) -> None:
        seen.extend((t.name, t.topic_id, dict(t.configs), len(t.partitions)) for t in broker.topics.all())

    with_broker(tmp_path, fill)
    with_broker(tmp_path, look)
    with_broker(tmp_path, look)
    assert seen[0] == seen[1]
    assert (seen[0][0], seen[0][2], seen[0][3]) == ("kept", {"internal.segment.bytes": "1000"}, 4)


def test_a_topic_that_is_made_again_has_another_id_and_no_records(tmp_path: Path) -> None:
    def scenario(broker: Broker) -> None:
        first = broker.topics.create("t", 1, {})
        first.partitions[0].log.append(build_batch([(None, b"v")], timestamp_ms=NOW_MS))
        broker.offsets.commit("g", [(("t", 0), CommittedOffset(1, -1, "", NOW_MS))])
        broker.delete_topic(first)
        second = broker.topics.create("t", 1, {})
        assert second.topic_id != first.topic_id
        assert second.partitions[0].log.log_end_offset == 0
        assert broker.offsets.of_group("g") == {}

    with_broker(tmp_path, scenario)


def test_records_of_a_topic_deleted_just_before_the_end_do_not_come_back(tmp_path: Path) -> None:
    def fill(broker: Broker) -> None:
        topic = broker.topics.create("t", 1, {})
        topic.partitions[0].log.append(build_batch([(None, b"v")], timestamp_ms=NOW_MS))
        # The journal says deleted, but the process ends before the files are gone.
        broker.topics._write({"type": "topic_deleted", "topic_id": topic.topic_id.hex})

    def look(broker: Broker) -> None:
        assert broker.topics.by_name("t") is None
        assert broker.topics.create("t", 1, {}).partitions[0].log.log_end_offset == 0

    with_broker(tmp_path, fill)
    with_broker(tmp_path, look)


def test_offsets_in_a_topic_deleted_just_before_the_end_are_not_those_of_the_next_one(tmp_path: Path) -> None:
    def end_in_between(broker: Broker) -> None:
        kept, gone = (broker.topics.create(name, 1, {}) for name in ("kept", "gone"))
        offsets = [((topic.name, 0), CommittedOffset(5, -1, "", NOW_MS)) for topic in (kept, gone)]
        broker.offsets.commit("g", offsets)
        broker.offsets.add_pending("other", 7, offsets[1:])
        broker.topics.delete(gone)

    def look(broker: Broker) -> None:
        broker.topics.create("gone", 1, {})
        assert set(broker.offsets.of_group("g")) == {("kept", 0)}
        assert broker.offsets.pending("other") == set()

    with_broker(tmp_path, end_in_between)
    with_broker(tmp_path, look)


def test_configs_in_force_reach_the_logs(tmp_path: Path) -> None:
    def scenario(broker: Broker) -> None:
        topic = broker.topics.create("t", 1, {"max.message.bytes": "1000"})
        log = topic.partitions[0].log
        assert log.config.max_message_bytes == 1000
        broker.topics.set_configs(topic, {"max.message.bytes": "2000"})
        assert log.config.max_message_bytes == 2000

    def again(broker: Broker) -> None:
        topic = broker.topics.by_name("t")
        assert topic is not None
        assert topic.partitions[0].log.config.max_message_bytes == 2000

    with_broker(tmp_path, scenario)
    with_broker(tmp_path, again)


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "ü", "x" * 250])
def test_illegal_names(tmp_path: Path, name: str) -> None:
    def scenario(broker: Broker) -> None:
        with pytest.raises(BrokerError) as caught:
            broker.topics.create(name, 1, {})
        assert caught.value.code == ErrorCode.INVALID_TOPIC_EXCEPTION

    with_broker(tmp_path, scenario)


def test_names_that_would_collide_in_metrics(tmp_path: Path) -> None:
    def scenario(broker: Broker) -> None:
        broker.topics.create("a.b", 1, {})
        with pytest.raises(BrokerError, match="collides"):
            broker.topics.create("a_b", 1, {})

    with_broker(tmp_path, scenario)


def test_producer_ids_are_never_given_twice(tmp_path: Path) -> None:
    given: list[int] = []

    def scenario(broker: Broker) -> None:
        given.extend(broker.producer_ids.next() for _ in range(1500))

    for _ in range(3):
        with_broker(tmp_path, scenario)
    assert len(given) == len(set(given)) == 4500


def test_every_start_has_a_new_leader_epoch(tmp_path: Path) -> None:
    epochs: list[int] = []
    for _ in range(3):
        with_broker(tmp_path, lambda broker: epochs.append(broker.leader_epoch))
    assert epochs == [0, 1, 2]


def test_offsets_are_listed_with_the_epoch_in_which_their_records_were_written(tmp_path: Path) -> None:
    def write(broker: Broker) -> None:
        topic = broker.topics.by_name("t") or broker.topics.create("t", 1, {})
        time_ms = NOW_MS + broker.leader_epoch
        topic.partitions[0].log.append(
            build_batch([(b"k", b"v")], timestamp_ms=time_ms), leader_epoch=broker.leader_epoch
        )

    def listed(broker: Broker, timestamp: int) -> tuple[int, int]:
        wanted = Message(partition_index=0, current_leader_epoch=-1, timestamp=timestamp)
        topics = [Message(name="t", partitions=[wanted])]
        answer = list_offsets.handle(context(broker, 7), Message(replica_id=-1, isolation_level=0, topics=topics))
        assert isinstance(answer, Message)
        (found,) = answer.topics[0].partitions
        assert found.error_code == ErrorCode.NONE
        return found.offset, found.leader_epoch

    def look(broker: Broker) -> None:
        assert listed(broker, -2) == listed(broker, NOW_MS) == (0, 0)
        assert listed(broker, NOW_MS + 1) == listed(broker, -3) == (1, 1)
        assert listed(broker, -1) == (2, 2)
        assert listed(broker, NOW_MS + 2) == (-1, -1)

    with_broker(tmp_path, write)
    with_broker(tmp_path, write)
    with_broker(tmp_path, look)


def test_a_transactional_id_that_is_forgotten_is_not_shown_any_more(tmp_path: Path) -> None:
    def scenario(broker: Broker) -> None:
        broker.transactions.init_producer_id("old", 60_000)
        pass_days(broker, 8)
        broker.transactions.init_producer_id("new", 60_000)

    with_broker(tmp_path, scenario)
    shown = inspect_data_directory(tmp_path)["transactions"]
    assert [each["transactional_id"] for each in shown] == ["new"]


def test_a_second_broker_on_the_directory_is_refused(tmp_path: Path) -> None:
    def scenario(broker: Broker) -> None:
        with pytest.raises(DataDirectoryLocked):
            Broker.open(broker.config)

    with_broker(tmp_path, scenario)


@pytest.mark.parametrize("refusal", [ErrorCode.CONCURRENT_TRANSACTIONS, StorageError("no space left")])
def test_records_behind_those_that_a_transaction_has_to_wait_with_do_not_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: ErrorCode | StorageError
) -> None:
    def scenario(broker: Broker) -> None:
        topic = broker.topics.create("t", 1, {})
        producer = broker.transactions.init_producer_id("x", 60_000)
        add = broker.transactions.add
        refusals = [refusal]

        def adding(*args: object, **named: object) -> ErrorCode:
            if not refusals:
                return add(*args, **named)  # type: ignore[arg-type]
            found = refusals.pop()
            if isinstance(found, StorageError):
                raise found
            return found

        monkeypatch.setattr(broker.transactions, "add", adding)

        def send(sequence: int) -> tuple[int, int]:
            records = build_batch(
                [(b"k", b"v")], timestamp_ms=NOW_MS, attributes=TRANSACTIONAL_BIT, producer_id=producer.producer_id,
                producer_epoch=producer.producer_epoch, base_sequence=sequence,
            )  # fmt: skip
            data = [Message(name="t", partition_data=[Message(index=0, records=records)])]
            request = Message(transactional_id="x", acks=-1, timeout_ms=1000, topic_data=data)
            answer = produce.handle(context(broker, 12), request)
            assert isinstance(answer, Message)
            (found,) = answer.responses[0].partition_responses
            return found.error_code, found.base_offset

        # Five batches are under way at once; the markers of the transaction before are written meanwhile.
        first = refusal if isinstance(refusal, ErrorCode) else ErrorCode.KAFKA_STORAGE_ERROR
        assert send(0) == (first, -1)
        assert send(1) == (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)
        assert [send(0), send(1)] == [(ErrorCode.NONE, 0), (ErrorCode.NONE, 1)]
        assert topic.partitions[0].log.log_end_offset == 2

    with_broker(tmp_path, scenario)


def test_a_fetch_is_answered_with_no_more_than_the_broker_allows(tmp_path: Path) -> None:
    def scenario(broker: Broker) -> None:
        topic = broker.topics.create("t", 3, {})
        size = len(build_batch([(b"k", b"v" * 500)], timestamp_ms=NOW_MS))
        for _ in range(4):
            for partition in topic.partitions:
                partition.log.append(build_batch([(b"k", b"v" * 500)], timestamp_ms=NOW_MS))

        def wanted(index: int) -> Message:
            return Message(
                partition=index, current_leader_epoch=-1, fetch_offset=0, last_fetched_epoch=-1, log_start_offset=-1,
                partition_max_bytes=2**31 - 1,
            )  # fmt: skip

        request = Message(
            replica_id=-1, max_wait_ms=60_000, min_bytes=2**31 - 1, max_bytes=2**31 - 1, isolation_level=0,
            session_id=0, session_epoch=-1, forgotten_topics_data=[], rack_id="",
            topics=[Message(topic="t", partitions=[wanted(index) for index in range(3)])],
        )  # fmt: skip
        # Answered at once: more than it allows is not waited for.
        answer = fetch.handle(context(broker, 12), request)
        assert isinstance(answer, Message)
        found = [len(each.records) for each in answer.responses[0].partitions]
        assert found == [4 * size, size, 0]

    with_broker(tmp_path, scenario, fetch_max_bytes=3_000)


def test_partitions_remember_idle_producers_for_as_long_as_the_broker_is_told(tmp_path: Path) -> None:
    def scenario(broker: Broker) -> None:
        topic = broker.topics.create("t", 1, {})
        log = topic.partitions[0].log
        log.append(build_batch([(b"k", b"v")], timestamp_ms=NOW_MS, producer_id=7, producer_epoch=0, base_sequence=0))
        broker.topics.set_configs(topic, {"retention.ms": "-1"})
        assert isinstance(broker.clock, ManualClock)
        broker.clock.advance(1999)
        broker.maintain()
        assert len(log.producers) == 1
        broker.clock.advance(1)
        broker.maintain()
        assert len(log.producers) == 0

    with_broker(tmp_path, scenario, producer_id_expiration_ms=2000)
