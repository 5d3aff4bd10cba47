"""What users of the streams library are told about mistakes that are easily made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kappaflow.errors import KappaError
from kappaflow.streams import (
    KafkaStreams,
    Materialized,
    Processor,
    Record,
    Serdes,
    StreamsBuilder,
    TimeWindows,
    Topology,
    lru_store,
    window_store,
)
from kappaflow.testing import TopologyTestDriver

TEXT: Any = Serdes.string()


class Wrong(Processor):
    """Forwards a text."""

    def process(self, record: Record) -> None:
        self.context.forward("text")  # type: ignore[arg-type]


class Reaching(Processor):
    """Asks for a store that it is not connected to."""

    def process(self, record: Record) -> None:
        self.context.get_state_store("counts")


def driven(build: Callable[[StreamsBuilder], Any]) -> None:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    build(builder)
    with TopologyTestDriver(builder.build()) as driver:
        driver.create_input_topic("in", TEXT, TEXT).pipe_input("k", "abc")


def first(one: Any, other: Any) -> Any:
    return one


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (
            lambda b: b.stream("in").map_values(len).to("out"),
            "for out does not fit the serdes of KSTREAM-SINK.*no text",
        ),
        (
            lambda b: (
                b.stream("in")
                .group_by_key()
                .windowed_by(TimeWindows.of(5))
                .count()
                .to_stream()
                .to("out", key_serde=TEXT)
            ),
            "does not fit the serdes of KSTREAM-SINK",
        ),
        (lambda b: b.stream("in").join(b.stream("x"), first), "within JoinWindows, there are none"),
        (lambda b: b.stream("in").join(b.stream("x"), first, TimeWindows.of(5)), "JoinWindows, not TimeWindows"),
        (lambda b: b.stream("in").process(Wrong()), "give the class Wrong, .* not a Wrong that was made"),
        (lambda b: b.stream("in").process(Wrong).to("o"), "forwards a str: forward takes a Record"),
        (lambda b: b.stream("in").process(Reaching), "no access to store counts .*Name the store"),
        (lambda b: b.stream("in").process(Reaching, "counts"), "no store called counts"),
        (lambda b: b.stream("in").group_by_key().windowed_by(5), "5 are no windows to fold by"),
        (
            lambda b: b.stream("in").join(b.table("t"), lambda row: row),
            "joiner .* needs 1 arguments; it gets two values",
        ),
        (lambda b: b.stream("in").group_by_key().aggregate(list, lambda row: row), "aggregator .* needs 1 arguments"),
        (lambda b: b.stream("in").map_values(lambda: 1), "needs 0 arguments; it gets the value"),
        (lambda b: b.stream("in").join(b.global_table("g"), first), "by a key that a function makes of a record"),
        (lambda b: b.stream("in").group_by_key().count("my store"), "name of a store has letters .* not 'my store'"),
        (lambda b: b.stream("in").group_by_key().count(""), "name of a store has letters .* not ''"),
        (lambda b: b.stream("in").filter(first, name="a b"), "name of an operator has letters"),
        (lambda b: b.stream("in").group_by_key(name=".."), 'name of a grouping cannot be ".."'),
        (lambda b: b.stream("in").group_by_key(name="a" * 250), "249 characters at most, not 250"),
        (lambda b: b.add_state_store(window_store("w", 5, 10)), "keeps windows of 10 ms for 5 ms"),
        (lambda b: b.add_state_store(lru_store("l", 0)), "keeps at least one key"),
        (
            lambda b: b.table("in", materialized=Materialized("t", history_retention_ms=5, in_memory=True)),
            "kept on the disk: leave in_memory",
        ),
        (lambda b: b.stream("in").group_by_key().count(5), "a Materialized or the name of a store, not by 5"),
        (lambda b: b.stream("in", value_serde=Serdes.string).to("out"), "Serdes.string is no serde of source KSTREAM"),
        (lambda b: b.table("in").join(b.table("x"), first, partitioner=first), "Partitioners are of joins by foreign"),
        (lambda b: TimeWindows.of(timedelta(seconds=5)).advance_by(6_000), "cannot advance by 6000 ms"),
    ],
)
def test_a_mistake_in_a_topology_is_told_with_its_remedy(build: Callable[[StreamsBuilder], Any], says: str) -> None:
    with pytest.raises(KappaError, match=says):
        driven(build)


def test_a_mistake_in_what_runs_it_is_told_too(tmp_path: Path) -> None:
    where: dict[str, Any] = {"application_id": "a", "bootstrap_servers": "none:1", "state_dir": tmp_path}
    builder: Any = StreamsBuilder()
    with pytest.raises(KappaError, match="runs a Topology, not a StreamsBuilder: call build"):
        KafkaStreams(builder, **where)
    with pytest.raises(KappaError, match="runs a Topology, not a StreamsBuilder: call build"):
        TopologyTestDriver(builder)
    with pytest.raises(KappaError, match="at_least_once or exactly_once_v2, not exactly_once"):
        KafkaStreams(Topology(), processing_guarantee="exactly_once", **where)  # type: ignore[arg-type]
    with pytest.raises(KappaError, match=r"no serde of StreamsBuilder: give one, such as Serdes\.string"):
        StreamsBuilder(key_serde=Serdes.string)  # type: ignore[arg-type]
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    builder.stream("in").group_by_key().count("counts")
    streams = KafkaStreams(builder.build(), **where)
    with pytest.raises(KappaError, match="a is CREATED: its stores are read while it runs"):
        streams.store("counts")
    streams.close()
    assert streams.state == "NOT_RUNNING"


def test_a_processor_has_its_context_though_its_init_does_not_call_that_of_its_base() -> None:
    class Forwarding(Processor):
        def init(self, context: Any) -> None:
            self.seen = 0

        def process(self, record: Record) -> None:
            self.seen += 1
            self.context.forward(record.with_value(str(self.seen)))

    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    builder.stream("in").process(Forwarding).to("out")
    with TopologyTestDriver(builder.build()) as driver:
        driver.create_input_topic("in", TEXT, TEXT).pipe_values(["a", "b"])
        assert driver.create_output_topic("out", TEXT, TEXT).read_values_to_list() == ["1", "2"]
