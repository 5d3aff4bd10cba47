"""What the broker keeps: topics, ids, configs, offsets, producer ids; over restarts and failing disks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from kappaflow.broker import broker as broker_module
from kappaflow.broker.broker import Broker
from kappaflow.broker.config import BrokerConfig
from kappaflow.broker.context import RequestContext
from kappaflow.broker.coordinators.group_members import JoinRequest, JoinResult
from kappaflow.broker.coordinators.offset_store import CommittedOffset
from kappaflow.broker.handlers import describe_log_dirs, fetch, list_offsets, metadata, offset_commit, produce
from kappaflow.broker.inspection import inspect_data_directory
from kappaflow.broker.security.session import ClientSession
from kappaflow.errors import BrokerError, DataDirectoryLocked, StorageError
from kappaflow.runtime.clock import ManualClock
from kappaflow.runtime.disk import OsDisk
from kappaflow.storage.segment import LogSegment
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message
from kappaflow.wire.record_batch import TRANSACTIONAL_BIT, build_batch

NOW_MS = 1_700_000_000_000


class FragileDisk(OsDisk):
    """A disk whose syncs, or writes, fail when told to."""

    def __init__(self) -> None:
        self.sync_fails = False
        self.write_fails = False

    def sync(self, fd: int) -> None:
        if self.sync_fails:
            raise OSError(5, "Input/output error")
        super().sync(fd)

    def write(self, fd: int, buffers, position: int) -> int:
        if self.write_fails:
            raise OSError(28, "No space left on device")
        return super().write(fd, buffers, position)


def with_broker(
    directory: Path, scenario: Callable[[Broker], object], disk: OsDisk | None = None, **settings: object
) -> None:
    """Open a broker inside a loop, run the scenario, close the broker."""

    async def run() -> None:
        broker = Broker.open(BrokerConfig(directory, **settings), clock=ManualClock(NOW_MS), disk=disk or OsDisk())
        try:
            result = scenario(broker)
            if asyncio.iscoroutine(result):
                await result
        finally:
            broker.close()

    asyncio.run(run())


def produce_request(name: str) -> Message:
    records = build_batch([(b"k", b"v")], timestamp_ms=NOW_MS)
    data = [Message(name=name, partition_data=[Message(index=0, records=records)])]
    return Message(transactional_id=None, acks=-1, timeout_ms=1000, topic_data=data)


def context(broker: Broker, version: int = 9) -> RequestContext:
    return RequestContext(broker, version, "client", ClientSession(broker.listeners[0], "/127.0.0.1"))


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


def test_what_could_not_be_deleted_with_a_topic_is_not_in_the_next_one_of_its_name(tmp_path: Path) -> None:
    class Stubborn(OsDisk):
        """Renames no directories while told so."""

        fails = False

        def replace(self, source: Path, target: Path) -> None:
            if self.fails and source.is_dir():
                raise OSError(28, "No space left on device")
            super().replace(source, target)

    disk = Stubborn()

    def scenario(broker: Broker) -> None:
        topic = broker.topics.create("t", 3, {})
        for partition in topic.partitions:
            partition.log.append(build_batch([(b"k", b"old")], timestamp_ms=NOW_MS))
        disk.fails = True
        with pytest.raises(StorageError):
            broker.topics.delete(topic)
        assert broker.topics.by_name("t") is None
        disk.fails = False
        again = broker.topics.create("t", 3, {})
        assert [partition.log.log_end_offset for partition in again.partitions] == [0, 0, 0]
        again.partitions[1].log.append(build_batch([(b"k", b"new")], timestamp_ms=NOW_MS))

    def look(broker: Broker) -> None:
        topic = broker.topics.by_name("t")
        assert topic is not None
        assert [partition.log.log_end_offset for partition in topic.partitions] == [0, 1, 0]

    with_broker(tmp_path, scenario, disk)
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


def test_offsets_are_kept_compacted_and_expire_with_an_empty_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "COMPACT_ABOVE_RECORDS", 50)

    def fill(broker: Broker) -> None:
        broker.topics.create("t", 1, {})
        for offset in range(500):
            broker.offsets.commit("g", [(("t", 0), CommittedOffset(offset, 3, "m", NOW_MS))])

    def look(broker: Broker) -> None:
        assert broker.offsets.of_group("g") == {("t", 0): CommittedOffset(499, 3, "m", NOW_MS)}
        assert "g" in broker.groups.groups
        clock = broker.clock
        assert isinstance(clock, ManualClock)
        clock.advance(8 * 24 * 3600 * 1000)
        broker.maintain()
        assert broker.offsets.of_group("g") == {}
        assert "g" not in broker.groups.groups

    with_broker(tmp_path, fill)
    assert (tmp_path / "offsets.journal").stat().st_size < 100 * 60
    with_broker(tmp_path, look)


def test_a_journal_of_what_is_all_needed_is_not_gathered_for_every_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "COMPACT_ABOVE_RECORDS", 50)
    gathered: list[int] = []

    def fill(broker: Broker) -> None:
        broker.topics.create("t", 1, {})
        snapshot = broker.offsets.snapshot

        def counted() -> list[dict[str, object]]:
            gathered.append(1)
            return snapshot()

        monkeypatch.setattr(broker.offsets, "snapshot", counted)
        for again in range(3):
            for number in range(500):
                broker.offsets.commit(f"g{number}", [(("t", 0), CommittedOffset(again, 3, "m", NOW_MS))])

    def look(broker: Broker) -> None:
        for number in range(500):
            assert broker.offsets.of_group(f"g{number}") == {("t", 0): CommittedOffset(2, 3, "m", NOW_MS)}

    with_broker(tmp_path, fill)
    assert len(gathered) < 15
    with_broker(tmp_path, look)


def test_a_journal_that_cannot_be_compacted_for_want_of_space_still_takes_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "COMPACT_ABOVE_RECORDS", 50)

    class Narrow(FragileDisk):
        """Has room for an entry, not for a second journal."""

        def open(self, path: Path, *, create: bool = False, write: bool = True) -> int:
            if path.name == "offsets.journal.tmp":
                raise OSError(28, "No space left on device")
            return super().open(path, create=create, write=write)

    def fill(broker: Broker) -> None:
        broker.topics.create("t", 1, {})
        for offset in range(200):
            broker.offsets.commit("g", [(("t", 0), CommittedOffset(offset, 3, "m", NOW_MS))])

    def look(broker: Broker) -> None:
        assert broker.offsets.of_group("g") == {("t", 0): CommittedOffset(199, 3, "m", NOW_MS)}

    with_broker(tmp_path, fill, Narrow())
    with_broker(tmp_path, look)


DAY_MS = 24 * 3600 * 1000


def join(broker: Broker, group: str = "g") -> str:
    answers: list[JoinResult] = []
    request = JoinRequest(
        group, "", None, "c", "/127.0.0.1", 10_000, 10_000, "consumer", (("range", b""),), False, False
    )
    broker.groups.join(request, answers.append)
    return answers[0].member_id


def pass_days(broker: Broker, days: float) -> None:
    assert isinstance(broker.clock, ManualClock)
    broker.clock.advance(int(days * DAY_MS))
    broker.maintain()


def test_retention_of_offsets_counts_from_when_the_group_lost_its_last_member(tmp_path: Path) -> None:
    def live_and_leave(broker: Broker) -> None:
        broker.topics.create("t", 1, {})
        member = join(broker)
        for group in ("g", "simple"):
            broker.offsets.commit(group, [(("t", 0), CommittedOffset(1, -1, "", NOW_MS))])
        pass_days(broker, 6)
        pass_days(broker, 6)
        assert broker.offsets.of_group("g"), "members keep the offsets of their group"
        assert not broker.offsets.of_group("simple"), "who assigns partitions itself counts from the commit"
        broker.groups.leave("g", [(member, None)])
        pass_days(broker, 0)
        pass_days(broker, 6)
        assert broker.offsets.of_group("g"), "empty for six days only"

    def go_on(broker: Broker) -> None:
        pass_days(broker, 18.5)
        assert broker.offsets.of_group("g"), "empty since day 12, as before the restart"
        pass_days(broker, 1)
        assert not broker.offsets.of_group("g")

    with_broker(tmp_path, live_and_leave)
    with_broker(tmp_path, go_on)


def test_a_group_with_members_is_empty_from_the_restart_on_until_they_come_back(tmp_path: Path) -> None:
    def live(broker: Broker) -> None:
        broker.topics.create("t", 1, {})
        join(broker)
        broker.offsets.commit("g", [(("t", 0), CommittedOffset(1, -1, "", NOW_MS))])
        pass_days(broker, 1)

    def later(broker: Broker) -> None:
        pass_days(broker, 30)
        assert broker.offsets.of_group("g")
        pass_days(broker, 6)
        assert broker.offsets.of_group("g")
        pass_days(broker, 2)
        assert not broker.offsets.of_group("g")

    with_broker(tmp_path, live)
    with_broker(tmp_path, later)


def test_a_full_disk_refuses_appends_and_commits_but_changes_nothing(tmp_path: Path) -> None:
    disk = FragileDisk()

    async def scenario(broker: Broker) -> None:
        broker.topics.create("t", 1, {})
        partition = broker.topics.by_name("t").partitions[0]
        assert partition.log.log_end_offset == 0
        disk.write_fails = True
        answer = produce.handle(context(broker), produce_request("t"))
        assert answer.responses[0].partition_responses[0].error_code == ErrorCode.KAFKA_STORAGE_ERROR
        with pytest.raises(StorageError):
            broker.topics.create("u", 1, {})
        assert broker.topics.by_name("u") is None
        assert not broker.failed.done()
        disk.write_fails = False
        answer = produce.handle(context(broker), produce_request("t"))
        assert answer.responses[0].partition_responses[0].base_offset == 0
        broker.topics.create("u", 1, {})

    with_broker(tmp_path, scenario, disk)


def test_a_full_disk_makes_no_topic_but_tells_of_the_others(tmp_path: Path) -> None:
    disk = FragileDisk()

    def scenario(broker: Broker) -> None:
        broker.topics.create("there", 1, {})
        broker.topics.create("unused", 1, {})
        broker.topics.by_name("there").partitions[0].log.append(build_batch([(b"k", b"v")], timestamp_ms=NOW_MS))
        disk.write_fails = True
        wanted = [Message(name=name, topic_id=ZERO_UUID) for name in ("there", "new")]
        request = Message(topics=wanted, allow_auto_topic_creation=True, include_topic_authorized_operations=False)
        answer = metadata.handle(context(broker, 12), request)
        assert isinstance(answer, Message)
        codes = {topic.name: topic.error_code for topic in answer.topics}
        assert codes == {"there": ErrorCode.NONE, "new": ErrorCode.KAFKA_STORAGE_ERROR}
        answer = describe_log_dirs.handle(context(broker, 4), Message(topics=None))
        assert isinstance(answer, Message)
        sizes = {topic.name: topic.partitions[0].partition_size for topic in answer.results[0].topics}
        assert sizes["there"] > 0 and sizes["unused"] == 0
        disk.write_fails = False

    with_broker(tmp_path, scenario, disk)


def test_it_starts_on_a_full_disk_so_that_records_can_be_read_and_deleted(tmp_path: Path) -> None:
    disk = FragileDisk()

    def fill(broker: Broker) -> None:
        broker.topics.create("t", 1, {})
        produce.handle(context(broker), produce_request("t"))

    def look(broker: Broker) -> None:
        assert broker.topics.by_name("t").partitions[0].log.log_end_offset == 1
        disk.write_fails = False
        broker.delete_topic(broker.topics.by_name("t"))

    with_broker(tmp_path, fill, disk)
    disk.write_fails = True
    with_broker(tmp_path, look, disk)


def test_a_failed_sync_stops_the_broker_and_acknowledges_nothing(tmp_path: Path) -> None:
    disk = FragileDisk()

    async def scenario(broker: Broker) -> None:
        broker.topics.create("t", 1, {})
        assert (await produce.handle(context(broker), produce_request("t"))).responses
        disk.sync_fails = True
        with pytest.raises(StorageError, match="syncing"):
            await produce.handle(context(broker), produce_request("t"))
        text = await asyncio.wait_for(asyncio.shield(broker.failed), 5)
        assert "Check the disk" in text
        disk.sync_fails = False

    with_broker(tmp_path, scenario, disk, flush="group")
    assert not (tmp_path / ".kafka_cleanshutdown").exists(), "the next start must check every log"


def test_a_failed_sync_of_the_journal_stops_the_broker(tmp_path: Path) -> None:
    disk = FragileDisk()

    def scenario(broker: Broker) -> None:
        disk.sync_fails = True
        with pytest.raises(StorageError):
            broker.topics.create("t", 1, {})
        assert broker.failed.done()
        disk.sync_fails = False

    with_broker(tmp_path, scenario, disk)


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


def test_a_log_that_cannot_be_looked_after_keeps_nothing_else_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scenario(broker: Broker) -> None:
        broker.topics.create("t", 1, {}).partitions[0].log.append(build_batch([(b"k", b"v")], timestamp_ms=NOW_MS))
        broker.offsets.commit("g", [(("t", 0), CommittedOffset(1, -1, "", NOW_MS))])

        def too_many_files(_segment: object) -> None:
            raise OSError(24, "Too many open files")

        monkeypatch.setattr(LogSegment, "load_indexes", too_many_files)
        pass_days(broker, 8)
        assert broker.offsets.of_group("g") == {}
        monkeypatch.undo()

    with_broker(tmp_path, scenario)


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


def test_commits_are_checked_one_partition_at_a_time(tmp_path: Path) -> None:
    def scenario(broker: Broker) -> None:
        broker.topics.create("t", 1, {})

        def item(index: int, text: str = "") -> Message:
            return Message(
                partition_index=index, committed_offset=5, committed_leader_epoch=-1, committed_metadata=text
            )

        request = Message(
            group_id="g",
            generation_id_or_member_epoch=-1,
            member_id="",
            group_instance_id=None,
            topics=[Message(name="t", topic_id=None, partitions=[item(0), item(7)])],
        )
        answer = offset_commit.handle(context(broker, 8), request)
        codes = [each.error_code for each in answer.topics[0].partitions]
        assert codes == [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]
        assert set(broker.offsets.of_group("g")) == {("t", 0)}
        request.topics[0].partitions = [item(0, "x" * 5000)]
        answer = offset_commit.handle(context(broker, 8), request)
        assert answer.topics[0].partitions[0].error_code == ErrorCode.OFFSET_METADATA_TOO_LARGE

    with_broker(tmp_path, scenario)
