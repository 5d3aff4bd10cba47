"""Sources by pattern, global stores of processors, and what stands around every operator."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from kappaflow.errors import TopologyError
from kappaflow.streams import Processor, ProcessorContext, Record, Serdes, StreamsBuilder, col, key_value_store
from kappaflow.streams.columns import reason_for_rows
from kappaflow.testing.topology_test_driver import TopologyTestDriver

TEXT = Serdes.string()
DESCRIBED = """\
Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: in-.*)
      --> KSTREAM-SINK-0000000001
    Sink: KSTREAM-SINK-0000000001 (topic: out)
      <-- KSTREAM-SOURCE-0000000000

  Sub-topology: 1 for global store (will not generate tasks)
    Source: {source} (topics: [global])
      --> {processor}
    Processor: {processor} (stores: [kept])
      --> none
      <-- {source}
"""
"""As Kafka Streams 4.3 describes it."""


class Upper(Processor):
    """Keeps values of the global topic in upper case."""

    def init(self, context: ProcessorContext) -> None:
        super().init(context)
        self.kept = context.get_state_store("kept")

    def process(self, record: Record) -> None:
        self.kept.put(record.key, None if record.value is None else record.value.upper())


class Looking(Processor):
    """Puts what the global store has behind values."""

    def init(self, context: ProcessorContext) -> None:
        super().init(context)
        self.kept = context.get_state_store("kept")

    def process(self, record: Record) -> None:
        self.context.forward(record.with_value(f"{record.value} {self.kept.get(record.value)}"))


def builder_with_global(name: str | None = None) -> StreamsBuilder:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    builder.stream(re.compile("in-.*")).to("out")
    return builder.add_global_store(key_value_store("kept"), "global", Upper, name=name)


@pytest.mark.parametrize(
    ("name", "source", "processor"),
    [(None, "KSTREAM-SOURCE-0000000002", "KTABLE-SOURCE-0000000003"), ("mine", "mine-source", "mine")],
)
def test_they_are_described_as_kafka_streams_describes_them(name: str | None, source: str, processor: str) -> None:
    described = builder_with_global(name).build().describe()
    assert described == DESCRIBED.format(source=source, processor=processor)


def driven(builder: StreamsBuilder, **options: Any) -> TopologyTestDriver:
    return TopologyTestDriver(builder.build(**options.pop("build", {})), **options)


def test_a_pattern_reads_the_topics_that_match_as_a_whole_and_no_internal_ones() -> None:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    builder.stream(re.compile("in-[ab]")).map_values(str.upper).to("out")
    driver = driven(builder, application_id="in-a", topics=["in-a", "in-b", "in-abc", "x-in-a", "in-a-b-changelog"])
    for topic in ("in-a", "in-b"):
        driver.create_input_topic(topic, TEXT, TEXT).pipe_input("k", topic)
    assert driver.create_output_topic("out", TEXT, TEXT).read_values_to_list() == ["IN-A", "IN-B"]


def test_a_pattern_that_nothing_matches_is_refused() -> None:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    builder.stream(re.compile("in-.*")).to("out")
    with pytest.raises(TopologyError, match="No topic matches in-"):
        builder.build().bind("app", ["out"])


def test_a_topic_is_not_read_by_its_name_and_by_a_pattern() -> None:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    builder.stream("in-a").to("out")
    builder.stream(re.compile("in-.*")).to("out")
    with pytest.raises(TopologyError, match="by its name and by the pattern"):
        builder.build()


def test_every_processor_sees_a_global_store_that_a_processor_fills() -> None:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    builder.add_global_store(key_value_store("kept"), "global", Upper)
    builder.stream("in").process(Looking).to("out", key_serde=TEXT, value_serde=TEXT)
    driver = driven(builder)
    driver.create_input_topic("global", TEXT, TEXT).pipe_input("a", "x")
    driver.create_input_topic("in", TEXT, TEXT).pipe_input("k", "a")
    driver.create_input_topic("in", TEXT, TEXT).pipe_input("k", "b")
    assert driver.create_output_topic("out", TEXT, TEXT).read_values_to_list() == ["a X", "b None"]


def test_a_wrapper_stands_around_every_operator() -> None:
    seen: Counter[str] = Counter()

    def wrapper(name: str, process: Any) -> Any:
        def counted(record: Record) -> None:
            seen[name] += 1
            if record.value != "skip":
                process(record)

        return counted

    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    table = builder.table("table")
    joined = builder.stream("in").filter(col.value != "no", name="filter").join(table, col.left() + col.right())
    joined.to("out", name="sink")
    topology = builder.build(processor_wrapper=wrapper)
    assert [reason_for_rows(topology.bind("app"), part) for part in topology.bind("app").subtopologies] == [
        "a wrapper of the program sees each record of each operator"
    ]
    driver = TopologyTestDriver(topology)
    driver.create_input_topic("table", TEXT, TEXT).pipe_input("k", "t")
    given = driver.create_input_topic("in", TEXT, TEXT)
    for value in ("yes", "no", "skip"):
        given.pipe_input("k", value)
    assert driver.create_output_topic("out", TEXT, TEXT).read_values_to_list() == ["yest"]
    assert (seen["filter"], seen["sink"]) == (2, 1)
    assert seen.total() == 3 + 2 + 1 + 1 + 2  # sources, filter, join, sink; the table's source and its operator
