"""The streams DSL beyond what the random programs cover: errors that say what to do, serdes, extractors, stores."""

from __future__ import annotations

import doctest
import importlib
from dataclasses import dataclass
from datetime import timedelta

import pytest

from kappaflow.errors import KappaError, SerializationError, StreamsError, TopologyError, UsageError
from kappaflow.streams import (
    WALL_CLOCK_TIME,
    JoinWindows,
    Materialized,
    Processor,
    ProcessorContext,
    Record,
    Serdes,
    SessionWindows,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
    Topology,
    UnlimitedWindows,
    col,
    key_value_store,
    window_store,
)
from kappaflow.testing import TopologyTestDriver

TEXT = Serdes.string()
MODULES = (
    "serde.objects",
    "streams.dsl.builder",
    "streams.dsl.serdes",
    "streams.dsl.windows",
    "streams.processors.foreign_key_protocol",
    "streams.processors.time_heap",
    "streams.topology.description",
)


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_are_true(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"kappaflow.{module}"))
    assert result.attempted
    assert not result.failed


def builder() -> StreamsBuilder:
    return StreamsBuilder(key_serde=TEXT, value_serde=TEXT)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda b: b.stream("a").map_values(lambda x, y, z: x), "needs 3 arguments"),
        (lambda b: b.stream("a").filter(1), "cannot be called"),
        (lambda b: b.stream("a").join("b", lambda x, y: x), "joins streams and tables, not str"),
        (lambda b: b.stream("a").outer_join(b.table("t"), lambda x, y: x, JoinWindows.of(1)), "no outer join"),
        (lambda b: TimeWindows.of(0), "at least 1 ms"),
        (lambda b: TimeWindows.of(5).advance_by(6), "cannot advance by 6 ms"),
        (lambda b: JoinWindows.of(5).before(-6), "at least -5 ms"),
        (lambda b: b.stream("a").group_by_key().windowed_by(TimeWindows.of(5)).emit_strategy("later"), "not later"),
        (
            lambda b: b.stream("a").group_by_key().windowed_by(UnlimitedWindows.of()).emit_strategy("on_window_close"),
            "never closes",
        ),
        (lambda b: b.build(optimize="faster"), "no optimisation faster"),
    ],
)
def test_wrong_calls_say_what_is_wrong(wrong: object, says: str) -> None:
    with pytest.raises((UsageError, TypeError), match=says):
        wrong(builder())  # type: ignore[operator]


def test_only_windowed_aggregates_become_final() -> None:
    with pytest.raises(TopologyError, match="until_time_limit"):
        builder().table("t").suppress(Suppressed.until_window_closes())


def test_overlapping_sources_are_refused() -> None:
    made = builder()
    made.stream(["a", "b"]).to("x")
    made.stream(["b", "c"]).to("y")
    with pytest.raises(TopologyError, match="topic b"):
        made.build()


def test_a_missing_serde_is_named_where_it_is_needed() -> None:
    made = StreamsBuilder(key_serde=TEXT)
    made.stream("orders").to("out")
    with pytest.raises(TopologyError, match=r"no serde for the values of source KSTREAM-SOURCE-0000000000"):
        TopologyTestDriver(made.build()).create_input_topic("orders", TEXT, TEXT).pipe_input("a", "b")


def test_the_low_level_topology_checks_its_nodes() -> None:
    topology = Topology().add_source("in", "a", key_serde=TEXT, value_serde=TEXT)
    with pytest.raises(TopologyError, match="two nodes called in"):
        topology.add_source("in", "b")
    with pytest.raises(TopologyError, match="already read by source in"):
        topology.add_source("other", "a")
    with pytest.raises(TopologyError, match="follows nobody"):
        topology.add_processor("p", Processor, "nobody")
    topology.add_sink("out", "b", "in")
    with pytest.raises(TopologyError, match="nothing comes out of a sink"):
        topology.add_processor("p", Processor, "out")
    with pytest.raises(TopologyError, match="no processor called q"):
        topology.add_state_store(key_value_store("s"), "q")


class Routing(Processor):
    def process(self, record: Record) -> None:
        self.context.forward(record, child="short" if len(record.value) < 3 else "long")


def test_processors_choose_a_child() -> None:
    topology = Topology(TEXT, TEXT).add_source("in", "a").add_processor("route", Routing, "in")
    topology.add_sink("short", "s", "route").add_sink("long", "l", "route")
    driver = TopologyTestDriver(topology)
    driver.create_input_topic("a", TEXT, TEXT).pipe_values(["x", "xxxx", "yy"])
    assert driver.create_output_topic("s", TEXT, TEXT).read_values_to_list() == ["x", "yy"]
    assert driver.create_output_topic("l", TEXT, TEXT).read_values_to_list() == ["xxxx"]


class Changing(Processor):
    def process(self, record: Record) -> None:
        self.context.forward(record.with_key("other"))


def test_values_are_processed_without_changing_keys() -> None:
    made = builder()
    made.stream("a").process_values(Changing).to("b")
    with pytest.raises(StreamsError, match=r"must not change keys; use process\(\)"):
        TopologyTestDriver(made.build()).create_input_topic("a", TEXT, TEXT).pipe_input("k", "v")


class Wanting(Processor):
    def init(self, context: ProcessorContext) -> None:
        context.get_state_store("counts")


def test_a_store_that_is_not_connected_is_refused() -> None:
    made = builder()
    made.stream("a").process(Wanting, key_value_store("other")).to("b")
    with pytest.raises(StreamsError, match=r"no access to store counts \(it is connected to: other\)"):
        TopologyTestDriver(made.build())


class Ticking(Processor):
    def init(self, context: ProcessorContext) -> None:
        super().init(context)
        self.schedule = context.schedule(100, WALL_CLOCK_TIME, self.tick)

    def tick(self, now: int) -> None:
        self.context.forward(Record("tick", str(now), now))
        if now >= 350:
            self.schedule.cancelled = True

    def process(self, record: Record) -> None:
        metadata = self.context.record_metadata
        assert metadata is not None
        self.context.forward(record.with_value(f"{metadata.topic}-{metadata.partition}@{metadata.offset}"))


def test_the_wall_clock_calls_once_for_missed_intervals_until_it_is_cancelled() -> None:
    made = builder()
    made.stream("a").process(Ticking).to("b")
    driver = TopologyTestDriver(made.build())
    for step in (50, 50, 250, 50, 500):
        driver.advance_wall_clock_time(step)
    driver.create_input_topic("a", TEXT, TEXT).pipe_input("k", "v")
    found = driver.create_output_topic("b", TEXT, TEXT).read_key_values_to_list()
    assert found == [("tick", "100"), ("tick", "350"), ("k", "a-0@0")]


def test_topics_and_partitions_are_chosen_by_record() -> None:
    made = builder()
    made.stream("a").to(lambda record: f"to-{record.value}")
    driver = TopologyTestDriver(made.build())
    driver.create_input_topic("a", TEXT, TEXT).pipe_values(["x", "y", "x"])
    assert driver.produced_topic_names == {"to-x", "to-y"}
    assert "extractor class:" in made.build().describe()


def test_times_are_extracted_and_records_without_are_dropped() -> None:
    made = builder()
    made.stream("a", timestamp=lambda record, _latest: int(record.value)).to("b")
    driver = TopologyTestDriver(made.build())
    driver.create_input_topic("a", TEXT, TEXT).pipe_values(["7", "-1", "5"])
    assert [r.timestamp for r in driver.create_output_topic("b", TEXT, TEXT).read_records_to_list()] == [7, 5]
    assert driver.dropped == {"negative-timestamp": 1}


def test_bad_records_are_told_to_whoever_asks() -> None:
    made = StreamsBuilder(key_serde=TEXT, value_serde=Serdes.long())
    made.stream("a").to("b")
    told: list[KappaError] = []
    driver = TopologyTestDriver(made.build(), on_error=lambda _topic, error: told.append(error))
    source = driver.create_input_topic("a", TEXT, TEXT)
    source.pipe_input("k", "12345678")
    source.pipe_input("k", "short")
    assert [type(error) for error in told] == [SerializationError]
    assert driver.create_output_topic("b", TEXT, TEXT).queue_size == 1
    with pytest.raises(UsageError, match="does not read c; it reads a"):
        driver.create_input_topic("c", TEXT, TEXT)


@dataclass
class Order:
    item: str
    price: float


def test_json_reads_types_and_refuses_others() -> None:
    made = StreamsBuilder(key_serde=TEXT, value_serde=Serdes.json(Order))
    made.stream("orders").map_values(lambda order: Order(order.item, order.price * 2)).to("doubled")
    driver = TopologyTestDriver(made.build())
    driver.create_input_topic("orders", TEXT, Serdes.json()).pipe_input("a", {"item": "pen", "price": 1.5})
    assert driver.create_output_topic("doubled", TEXT, Serdes.json()).read_value() == {"item": "pen", "price": 3.0}
    with pytest.raises(SerializationError, match="no JSON"):
        driver.create_input_topic("orders", TEXT, Serdes.json()).pipe_input("a", {"item": "pen"})


@pytest.mark.parametrize(
    ("serde", "value", "data"),
    [
        (Serdes.integer(), -2, b"\xff\xff\xff\xfe"),
        (Serdes.short(), 2, b"\0\2"),
        (Serdes.double(), 1.5, b"\x3f\xf8" + bytes(6)),
        (Serdes.float(), 1.5, b"\x3f\xc0\0\0"),
        (Serdes.boolean(), True, b"\1"),
        (Serdes.bytes(), b"ab", b"ab"),
        (Serdes.list_of(Serdes.string()), ["a", None], b"\0\0\0\2\0\0\0\1a\xff\xff\xff\xff"),
    ],
)
def test_serdes_write_what_kafkas_write(serde: object, value: object, data: bytes) -> None:
    assert serde.serialize(value) == data  # type: ignore[attr-defined]
    assert serde.deserialize(data) == value  # type: ignore[attr-defined]
    assert serde.serialize(None) is None  # type: ignore[attr-defined]
    assert serde.deserialize(None) is None  # type: ignore[attr-defined]


def test_sessions_are_read_from_their_store() -> None:
    made = builder()
    made.stream("a").group_by_key().windowed_by(SessionWindows.of(10)).count(Materialized("sessions", retention_ms=100))
    driver = TopologyTestDriver(made.build())
    source = driver.create_input_topic("a", TEXT, TEXT)
    for at in (0, 5, 30):
        source.pipe_input("k", "v", timestamp=at)
    rows = [(window.start, window.end, count) for window, count in driver.get_state_store("sessions").all()]
    assert rows == [(0, 5, 2), (30, 30, 1)]


def test_an_expression_chooses_the_topic_of_a_record() -> None:
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.columns({"kind": str, "n": int}))
    builder.stream("events").to(col("kind") + "-events")
    told: list[str] = []
    driver = TopologyTestDriver(builder.build(), on_error=lambda topic, error: told.append(f"{topic}: {error}"))
    events = driver.create_input_topic("events", Serdes.string(), Serdes.columns({"kind": str, "n": int}))
    events.pipe_input("a", {"kind": "click", "n": 1})
    events.pipe_input("b", {"kind": None, "n": 2})
    assert [record.key for record in driver.take("click-events")] == [b"a"]
    assert len(told) == 1
    assert "chose no topic" in told[0]


def test_a_topic_is_chosen_by_a_text() -> None:
    stream = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.columns({"n": int})).stream("events")
    with pytest.raises(UsageError, match="A topic's name is a text"):
        stream.to(col("n"))


def test_stores_and_schedules_of_processors_take_timedeltas() -> None:
    class Late(Processor):
        def init(self, context: ProcessorContext) -> None:
            super().init(context)
            self.kept = context.get_state_store("kept")
            context.schedule(timedelta(seconds=10), WALL_CLOCK_TIME, self.tell)

        def process(self, record: Record) -> None:
            self.kept.put(record.key, record.value, record.timestamp)

        def tell(self, _now: int) -> None:
            found = [value for _, value in self.kept.fetch("k", 0, 2_000)]
            self.context.forward(Record("k", "".join(found), 0))

    text = Serdes.string()
    builder = StreamsBuilder(key_serde=text, value_serde=text)
    store = window_store("kept", timedelta(minutes=5), timedelta(seconds=1))
    builder.stream("in").process(Late, store).to("out")
    with TopologyTestDriver(builder.build()) as driver:
        driver.create_input_topic("in", text, text, advance_ms=1_000).pipe_key_values([("k", each) for each in "abcd"])
        driver.advance_wall_clock_time(9_999)
        assert driver.take("out") == []
        driver.advance_wall_clock_time(1)
        assert [record.value for record in driver.take("out")] == [b"abc"]
