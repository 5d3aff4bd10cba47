"""The monitor's memory: what a time store gives back, whatever it went through; the least used hours."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import StorageError, UsageError
from kappaflow.ops.monitor.partition_ends import PartitionEnds
from kappaflow.ops.monitor.quiet_hours import TRAFFIC, find_quiet_hours
from kappaflow.ops.monitor.ring import Ring
from kappaflow.ops.monitor.samples import Series, series
from kappaflow.ops.monitor.store import TimeStore
from kappaflow.ops.reassignment.hours import HourWindow

START = 1_700_000_000_000 // 1_800_000 * 1_800_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@settings(max_examples=40, deadline=None)
@given(
    looks=st.lists(st.dictionaries(st.integers(0, 40), st.integers(0, 1000), max_size=12), min_size=1, max_size=30),
    reopen=st.sets(st.integers(0, 29)),
)
def test_a_store_gives_back_what_was_seen(
    tmp_path_factory: pytest.TempPathFactory, looks: list[dict[int, int]], reopen: set[int]
) -> None:
    directory = tmp_path_factory.mktemp("store")
    kept: dict[Series, list[tuple[int, float]]] = defaultdict(list)
    store = TimeStore(directory)
    for number, look in enumerate(looks):
        at = START + number * MINUTE
        values = {series("kappa_group_lag_records", group=key): float(value) for key, value in look.items()}
        store.add(at, values)
        for name, value in values.items():
            kept[name].append((at, value))
        if number in reopen:
            store.close()
            store = TimeStore(directory)
    for name, points in kept.items():
        assert [tuple(p) for p in store.read(name)] == points
        means: dict[int, list[float]] = defaultdict(list)
        for at, value in points:
            means[at // 600_000].append(value)
        if not reopen:
            found = store.read(name, means=True)
            assert [p.value for p in found] == pytest.approx([sum(v) / len(v) for v in means.values()], rel=1e-6)
    assert set(store) == set(kept)
    store.close()
    with TimeStore(directory, write=False) as reader:
        assert {name: [tuple(p) for p in reader.read(name)] for name in reader} == dict(kept)


def test_a_store_keeps_its_size_and_forgets_the_oldest(tmp_path: Path) -> None:
    name = series("kappa_cluster_brokers")
    with TimeStore(tmp_path, retention_ms=DAY) as store:
        size = store.bytes()
        for minute in range(3 * 1440):
            store.add(START + minute * MINUTE, {name: float(minute)})
        assert store.bytes() == size == sum(p.stat().st_size for p in tmp_path.glob("*.ring"))
        recent = store.read(name)
        assert len(recent) == 360
        assert [p.value for p in recent] == list(range(3 * 1440 - 360, 3 * 1440))
        days = store.read(name, means=True)
        assert len(days) == 144
        assert days[-1].value == pytest.approx(3 * 1440 - 5.5)


def test_series_beyond_the_size_are_counted_and_those_that_are_gone_make_room(tmp_path: Path) -> None:
    with TimeStore(tmp_path, retention_ms=DAY, bytes_max=40_000) as store:
        many = {series("kappa_group_lag_records", group=n): 1.0 for n in range(100)}
        store.add(START, many)
        room = len(store)
        assert 0 < room < 100
        assert store.dropped == 100 - room
        assert store.bytes() <= 40_000
        later = {series("kappa_group_lag_records", group=n): 2.0 for n in range(1000, 1000 + room)}
        store.add(START + DAY // 2, later)
        assert store.dropped == room, "what was seen half a day ago is still wanted"
        store.add(START + 2 * DAY, later)
        assert store.dropped == 0
        for name in later:
            assert [p.value for p in store.read(name)] == [2.0], "nothing of the series that had the column"


def test_one_monitor_writes_and_a_reader_needs_a_store(tmp_path: Path) -> None:
    with TimeStore(tmp_path / "s"), pytest.raises(StorageError, match="Another monitor"):
        TimeStore(tmp_path / "s")
    with pytest.raises(StorageError, match="kappa cluster monitor"):
        TimeStore(tmp_path / "none", write=False)


def test_a_row_that_a_crash_tore_does_not_count(tmp_path: Path) -> None:
    ring = Ring(tmp_path / "r", MINUTE, 4, 2)
    ring.write(START, np.array([1, 2], np.float32))
    ring.write(START + MINUTE, np.array([3, 4], np.float32))
    ring._times[(START // MINUTE + 1) % 4] = 0  # where the process ended in the middle of the second
    assert ring.read(0, 0, 1 << 62)[1].tolist() == [1.0]


def test_a_catalogue_that_a_crash_tore_is_read_up_to_there(tmp_path: Path) -> None:
    with TimeStore(tmp_path) as store:
        store.add(START, {series("kappa_cluster_brokers"): 3.0})
    with (tmp_path / "series.jsonl").open("a") as file:
        file.write('{"column": 1, "metr')
    with TimeStore(tmp_path) as store:
        store.add(START + MINUTE, {series("kappa_cluster_topics"): 9.0})
        assert len(store) == 2
    with TimeStore(tmp_path) as store:
        assert [p.value for p in store.read(series("kappa_cluster_topics"))] == [9.0]


def test_another_interval_keeps_what_was_seen(tmp_path: Path) -> None:
    name = series("kappa_cluster_brokers")
    with TimeStore(tmp_path, interval_ms=30_000) as store:
        for n in range(20):
            store.add(START + n * 30_000, {name: float(n)})
    with TimeStore(tmp_path, interval_ms=MINUTE) as store:
        assert [p.value for p in store.read(name)] == [float(n) for n in range(1, 20, 2)]


def week(directory: Path, quiet: set[int], days: float = 7) -> TimeStore:
    store = TimeStore(directory)
    for step in range(int(days * 144)):
        at = START + step * 600_000
        hour = datetime.fromtimestamp(at / 1000, UTC).hour
        store.add(at, {TRAFFIC: 10.0 if hour in quiet else 1000.0 + hour})
    return store


@pytest.mark.parametrize(("quiet", "begin"), [({2, 3, 4}, 120), ({23, 0, 1}, 1380)])
def test_the_least_used_hours_are_found_also_over_midnight(tmp_path: Path, quiet: set[int], begin: int) -> None:
    with week(tmp_path, quiet) as store:
        found = find_quiet_hours(store, 3, START + 7 * DAY)
    assert (found.begin, found.end) == (begin, (begin + 180) % 1440)
    assert found.rate == pytest.approx(10)
    assert found.usual > 800


def test_hours_that_were_not_measured_are_not_guessed(tmp_path: Path) -> None:
    with week(tmp_path, {2}, days=0.5) as store, pytest.raises(UsageError, match=r"12 hours|12시간"):
        find_quiet_hours(store, 3, START + 7 * DAY)


@settings(deadline=None)
@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 3 * DAY))
def test_waiting_ends_when_the_hours_begin(begin: int, end: int, now: int) -> None:
    window = HourWindow(begin, end)
    wait = window.wait_ms(now)
    assert 0 <= wait < DAY
    assert HourWindow(begin, end).wait_ms(now + wait) == 0
    if wait:
        assert (now + wait) // MINUTE % 1440 == begin
        assert (now + wait) % MINUTE == 0


def test_the_age_of_an_offset_is_read_from_the_ends_before() -> None:
    ends = PartitionEnds(looks=4)
    name = TopicPartition("t", 0)
    for minute in range(6):
        ends.add(START + minute * MINUTE, {name: minute * 100})
    assert ends.rates() == {name: pytest.approx(100 / 60)}
    assert ends.age_seconds(name, 500) == 0
    assert ends.age_seconds(name, 450) == pytest.approx(30)
    assert ends.age_seconds(name, 310) == pytest.approx(114)
    assert ends.age_seconds(name, 10) == 180, "at least as long as anything is known"
    assert ends.age_seconds(TopicPartition("t", 1), 0) is None
    ends.add(START + 6 * MINUTE, {TopicPartition("u", 0): 7})
    assert ends.end(name) is None
    assert ends.end(TopicPartition("u", 0)) == 7
    assert ends.rates() == {}
