"""The low-level API: contexts, schedules, stores of every kind from both ends, read-only and global stores, names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kappaflow.errors import StreamsError, TopologyError
from kappaflow.streams import (
    STREAM_TIME,
    WALL_CLOCK_TIME,
    JoinWindows,
    Processor,
    ProcessorContext,
    Record,
    Serdes,
    StreamsBuilder,
    Topology,
    Windowed,
    key_value_store,
    lru_store,
    session_store,
    versioned_key_value_store,
    window_store,
)
from kappaflow.streams.dsl.extractors import fail_on_invalid, skip_invalid, use_partition_time_on_invalid, wall_clock
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing import TopologyTestDriver

TEXT = Serdes.string()


class Keep(Processor):
    """Puts what comes into its store."""

    name = "kept"

    def process(self, record: Record) -> None:
        self.context.get_state_store(self.name).put(record.key, record.value)


def driven(store: Any) -> tuple[TopologyTestDriver, Any]:
    topology = Topology(TEXT, TEXT).add_source("in", "in").add_processor("keep", Keep, "in")
    driver = TopologyTestDriver(topology.add_state_store(store, "keep"))
    return driver, driver.get_state_store(store.name)


def test_a_store_of_keys_and_values_is_read_from_both_ends() -> None:
    driver, store = driven(key_value_store("kept"))
    driver.create_input_topic("in", TEXT, TEXT).pipe_key_values([("b", "1"), ("a", "2"), ("ab", "3"), ("c", "4")])
    assert list(store.all(backward=True)) == [("c", "4"), ("b", "1"), ("ab", "3"), ("a", "2")]
    assert list(store.range("ab", "b")) == [("ab", "3"), ("b", "1")]
    assert list(store.range("ab", backward=True)) == [("c", "4"), ("b", "1"), ("ab", "3")]
    assert list(store.prefix_scan("a")) == list(store.prefix_scan(b"a")) == [("a", "2"), ("ab", "3")]
    assert store.approximate_num_entries() == 4


def test_stores_of_windows_and_sessions_are_read_by_ranges_of_keys_and_backwards() -> None:
    _, windows = driven(window_store("kept", 100, 5))
    _, sessions = driven(session_store("kept", 100))
    for key, start in (("a", 0), ("a", 5), ("b", 5), ("c", 10)):
        windows.put(key, f"{key}{start}", start, timestamp=start)
        sessions.put(Windowed(key, start, start + 3), f"{key}{start}")
    assert [value for _, value in windows.fetch_keys("a", "b", 5, 10)] == ["a5", "b5"]
    assert [value for _, value in windows.fetch_keys("b", None, 0, 10, backward=True)] == ["c10", "b5"]
    assert [value for _, value in windows.fetch_all(5, 5, backward=True)] == ["b5", "a5"]
    assert [value for _, value in sessions.find_sessions("a", 0, 9, backward=True)] == ["a5", "a0"]
    assert [value for _, value in sessions.find_sessions_of_keys("a", "b", 8, 9)] == ["a5", "b5"]
    assert [value for _, value in sessions.all(backward=True)] == ["c10", "b5", "a5", "a0"]


def test_stores_take_settings_of_their_changelogs() -> None:
    config = {"segment.bytes": "1000"}
    for store in (
        key_value_store("s", changelog_config=config),
        lru_store("s", 3, changelog_config=config),
        versioned_key_value_store("s", 3, changelog_config=config),
        window_store("s", 9, 3, changelog_config=config),
        session_store("s", 9, changelog_config=config),
    ):
        assert store.spec(TEXT, TEXT).topic_configs == (("segment.bytes", "1000"),)


def test_joins_of_streams_may_go_without_changelogs() -> None:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    left, right = builder.stream("a"), builder.stream("b")
    left.outer_join(right, lambda one, other: f"{one}{other}", JoinWindows.of(5), logging=False).to("out")
    (sub,) = builder.build().bind("app").subtopologies
    assert [spec.logged for spec in sub.stores] == [False, False, False]


@pytest.mark.parametrize("kind", [STREAM_TIME, WALL_CLOCK_TIME])
def test_a_schedule_is_cancelled(kind: str) -> None:
    class Twice(Processor):
        def init(self, context: ProcessorContext) -> None:
            super().init(context)
            self.calls = 0
            self.scheduled = context.schedule(10, kind, self.tell)

        def tell(self, now: int) -> None:
            self.calls += 1
            self.context.forward(Record("k", str(now), now))
            if self.calls == 2:
                self.scheduled.cancel()

        def process(self, record: Record) -> None:
            """Only its time matters."""

    topology = Topology(TEXT, TEXT).add_source("in", "in").add_processor("p", Twice, "in").add_sink("o", "out", "p")
    with TopologyTestDriver(topology) as driver:
        for now in (10, 20, 30, 40):
            driver.create_input_topic("in", TEXT, TEXT).pipe_input("k", "v", timestamp=now)
            driver.advance_wall_clock_time(10)
        assert len(driver.create_output_topic("out", TEXT, TEXT).read_values_to_list()) == 2


def test_processors_see_the_settings_of_the_application() -> None:
    class Named(Processor):
        def process(self, record: Record) -> None:
            self.context.forward(record.with_value(self.context.app_configs["name"]).with_timestamp(7))

    topology = Topology(TEXT, TEXT).add_source("in", "in").add_processor("p", Named, "in").add_sink("o", "out", "p")
    with TopologyTestDriver(topology, app_configs={"name": "shop"}) as driver:
        driver.create_input_topic("in", TEXT, TEXT).pipe_values(["x"])
        record = driver.create_output_topic("out", TEXT, TEXT).read_record()
        assert (record.value, record.timestamp) == ("shop", 7)


class Look(Processor):
    """Forwards what the store has of the record's value."""

    def process(self, record: Record) -> None:
        found = self.context.get_state_store("kept").get(record.value)
        self.context.forward(record.with_value(str(found)))


def test_a_global_store_of_the_low_level_api_is_seen_by_every_processor() -> None:
    topology = Topology(TEXT, TEXT).add_global_store(key_value_store("kept"), "all", "people", "fill", Keep)
    topology.add_source("in", "in").add_processor("look", Look, "in").add_sink("out", "out", "look")
    assert "for global store (will not generate tasks)" in topology.describe()
    with TopologyTestDriver(topology) as driver:
        driver.create_input_topic("people", TEXT, TEXT).pipe_input("1", "Ann")
        driver.create_input_topic("in", TEXT, TEXT).pipe_input("k", "1")
        assert driver.create_output_topic("out", TEXT, TEXT).read_value() == "Ann"


def test_a_read_only_store_has_its_topic_for_a_changelog() -> None:
    topology = Topology(TEXT, TEXT).add_read_only_state_store(key_value_store("kept"), "rows", "people", "fill", Keep)
    topology.add_source("in", "in").add_processor("look", Look, "in").connect("look", "kept")
    topology.add_sink("out", "out", "look")
    (sub,) = topology.bind("app").subtopologies
    (spec,) = sub.stores
    assert (spec.logged, spec.changelog_topic) == (False, "people")
    with TopologyTestDriver(topology) as driver:
        driver.create_input_topic("people", TEXT, TEXT).pipe_input("1", "Ann")
        driver.create_input_topic("in", TEXT, TEXT).pipe_input("k", "1")
        assert driver.create_output_topic("out", TEXT, TEXT).read_value() == "Ann"
        assert driver.produced_topic_names == {"out"}


def test_generated_names_are_refused_where_they_are_to_be_given() -> None:
    def build(group: str | None, store: str | None) -> Topology:
        builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
        grouped = builder.stream("in").select_key(str.upper).group_by_key(name=group)
        grouped.count(store).to_stream().to("out", value_serde=Serdes.long())
        return builder.build(ensure_explicit_names=True)

    with pytest.raises(TopologyError, match=r"stores KSTREAM-AGGREGATE-STATE-STORE-\d+; topics KSTREAM-AGGREGATE"):
        build(None, None)
    with pytest.raises(TopologyError, match=r"generated.*: stores KSTREAM-AGGREGATE-STATE-STORE-\d+\. Name"):
        build("by-upper", None)
    assert "counts" in build("by-upper", "counts").describe()


def test_records_are_printed_to_a_file(tmp_path: Path) -> None:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    builder.stream("in").print("seen", to=tmp_path / "all")
    builder.stream("in").print("values", to=tmp_path / "values", mapper=str.upper)
    with TopologyTestDriver(builder.build()) as driver:
        driver.create_input_topic("in", TEXT, TEXT).pipe_key_values([("a", "x"), ("b", "y")])
    assert (tmp_path / "all").read_text() == "[seen]: a, x\n[seen]: b, y\n"
    assert (tmp_path / "values").read_text() == "[values]: X\n[values]: Y\n"


def times_with(extractor: Any, *times: int) -> list[int]:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    builder.stream("in", timestamp=extractor).to("out")
    with TopologyTestDriver(builder.build()) as driver:
        driver.pipe(*(RawRecord("in", b"k", b"v", time) for time in times))
        return [record.timestamp for record in driver.take("out")]


def test_extractors_say_what_stands_for_a_time_that_cannot_be_used() -> None:
    assert times_with(None, 5, -1, 7) == times_with(skip_invalid, 5, -1, 7) == [5, 7]
    assert times_with(use_partition_time_on_invalid, 5, -1, 7) == [5, 5, 7]
    assert all(time > 1_000_000 for time in times_with(wall_clock, 5, -1))
    with pytest.raises(StreamsError, match="in-0@1 has no time"):
        times_with(fail_on_invalid, 5, -1)
    with pytest.raises(StreamsError, match="in-0@0 has no time"):
        times_with(use_partition_time_on_invalid, -1)


def test_foreign_key_joins_take_partitioners_of_both_topics() -> None:
    seen: list[tuple[str, Any, int]] = []

    def chosen(side: str) -> Any:
        def partition(record: Record, count: int) -> int:
            seen.append((side, record.key, count))
            assert record.value is None
            return 0

        return partition

    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    joined = builder.table("left").join(
        builder.table("right"),
        lambda one, other: one + other,
        foreign_key=lambda value: value[0],
        partitioner=chosen("left"),
        other_partitioner=chosen("right"),
    )
    joined.to_stream().to("out")
    with TopologyTestDriver(builder.build()) as driver:
        driver.create_input_topic("left", TEXT, TEXT).pipe_input("k", "f1")
        driver.create_input_topic("right", TEXT, TEXT).pipe_input("f", "r")
        assert driver.create_output_topic("out", TEXT, TEXT).read_key_values_to_list() == [("k", "f1r")]
    assert set(seen) == {("right", "f", 1), ("left", "k", 1)}


def test_an_extractor_sees_the_greatest_time_of_a_partition_over_a_restart() -> None:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    builder.stream("in", timestamp=lambda record, greatest: max(record.timestamp, greatest)).to("out")
    with TopologyTestDriver(builder.build()) as driver:
        driver.pipe(RawRecord("in", b"k", b"v", 50))
        driver.restart()
        driver.pipe(RawRecord("in", b"k", b"v", 7))
        assert [record.timestamp for record in driver.take("out")] == [50, 50]
