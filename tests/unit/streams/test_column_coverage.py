"""Why topologies of the streams library run by records: what only the row form can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kappaflow.streams import Materialized, Serdes, StreamsBuilder, Suppressed, col
from kappaflow.streams.columns import reason_for_rows

TEXT = Serdes.string()
Build = Callable[[StreamsBuilder], Any]
LATER = Suppressed.until_time_limit(5)
JOINED = col.left() + col.right()


def reasons(build: Build) -> list[str]:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    made = build(builder)
    if made is not None:
        (made.to_stream() if hasattr(made, "to_stream") else made).to("out")
    bound = builder.build().bind("app")
    return [reason for part in bound.subtopologies if (reason := reason_for_rows(bound, part))]


def kept(b: StreamsBuilder) -> Any:
    return b.table("t", Materialized("t", history_retention_ms=1000))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda b: b.table("in").suppress(LATER).suppress(LATER), "what waited before waits again"),
        (lambda b: b.table("in").suppress(Suppressed.until_time_limit(5, max_bytes=99)), "sizes of what is held back"),
        (lambda b: b.stream("in").group_by_key().aggregate(lambda: "", lambda value, all_: all_), "has no fold"),
        (lambda b: b.stream("in").map_values(str.upper), "an expression has no column form"),
        (lambda b: b.stream("in", value_serde=Serdes.json()).filter(col.key == "a"), "values of in do not lie in"),
        (lambda b: b.stream("in", timestamp=lambda record, _: record.timestamp), "a function gives the times"),
        (lambda b: b.stream("in").to(lambda record: record.key), "a function chooses topics"),
        (lambda b: b.stream("in").to("out", partitioner=lambda record, count: 0), "a function chooses partitions"),
        (lambda b: b.stream("in").to("out", value_serde=Serdes.long()), "have other columns than its records"),
        (lambda b: (t := b.table("in")).join(t, JOINED), "a record changes the rows that it looks up"),
        (lambda b: (s := b.stream("in")).merge(s.map_values(col.value + "!")), "records reach it on several ways"),
    ],
)
def test_what_only_the_row_form_can_do(build: Build, says: str) -> None:
    found = reasons(build)
    assert found
    assert says in found[0]


@pytest.mark.parametrize(
    "build",
    [
        lambda b: b.stream("in").join(kept(b), JOINED),
        lambda b: b.stream("in").join(kept(b), JOINED, grace=100),
        lambda b: b.stream("in").group_by_key().count(Materialized("n", history_retention_ms=1000)),
        lambda b: b.stream("in").group_by_key().reduce(JOINED),
        lambda b: b.table("in").suppress(LATER),
    ],
)
def test_what_keeps_versions_or_waits_runs_as_columns(build: Build) -> None:
    assert reasons(build) == []


def test_expressions_over_columns_run_as_columns() -> None:
    assert (
        reasons(lambda b: b.stream("in", timestamp=col.value.cast(int)).filter(col.value != "").group_by_key().count())
        == []
    )
