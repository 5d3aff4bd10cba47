"""How long the broker keeps committed offsets, and the journal that they are in."""

from __future__ import annotations

from pathlib import Path

import pytest

from kappaflow.broker import broker as broker_module
from kappaflow.broker.broker import Broker
from kappaflow.broker.coordinators.group_members import JoinRequest, JoinResult
from kappaflow.broker.coordinators.offset_store import CommittedOffset
from kappaflow.broker.handlers import offset_commit
from kappaflow.runtime.clock import ManualClock
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message
from opened_broker import NOW_MS, FragileDisk, context, pass_days, with_broker


def join(broker: Broker, group: str = "g") -> str:
    answers: list[JoinResult] = []
    request = JoinRequest(
        group, "", None, "c", "/127.0.0.1", 10_000, 10_000, "consumer", (("range", b""),), False, False
    )
    broker.groups.join(request, answers.append)
    return answers[0].member_id


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
