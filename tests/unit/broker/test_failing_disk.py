"""What the broker does on a disk that is full or fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kappaflow.broker.broker import Broker
from kappaflow.broker.coordinators.offset_store import CommittedOffset
from kappaflow.broker.handlers import describe_log_dirs, metadata, produce
from kappaflow.errors import StorageError
from kappaflow.runtime.disk import OsDisk
from kappaflow.storage.segment import LogSegment
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import ZERO_UUID, Message
from kappaflow.wire.record_batch import build_batch
from opened_broker import NOW_MS, FragileDisk, context, pass_days, produce_request, with_broker


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
