"""What a changed topology means for the topics and stores that the old one left behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from kappaflow.streams import Materialized, Serdes, StreamsBuilder, TimeWindows
from kappaflow.streams.topology.changes import Outline, compare, outline

Program = Callable[[StreamsBuilder], object]


def outlined(program: Program) -> Outline:
    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.string())
    program(builder)
    return outline(builder.build().bind("app"))


def codes(old: Program, new: Program) -> list[tuple[str, str, str]]:
    return [(f.risk, f.code, f.name) for f in compare(outlined(old), outlined(new))]


def counted(builder: StreamsBuilder) -> None:
    builder.stream("lines").group_by_key().count("counts").to_stream().to("out", value_serde=Serdes.long())


def counted_without_name(builder: StreamsBuilder) -> None:
    builder.stream("lines").group_by_key().count().to_stream().to("out", value_serde=Serdes.long())


def filtered_first(builder: StreamsBuilder) -> None:
    kept = builder.stream("lines").filter(len)
    kept.group_by_key().count().to_stream().to("out", value_serde=Serdes.long())


def filtered_first_named(builder: StreamsBuilder) -> None:
    kept = builder.stream("lines").filter(len)
    kept.group_by_key().count("counts").to_stream().to("out", value_serde=Serdes.long())


def by_word(builder: StreamsBuilder) -> None:
    builder.stream("lines").group_by(lambda word: word, name="by-word").count("counts").to_stream()


def by_minute(builder: StreamsBuilder) -> None:
    windows = TimeWindows.of(timedelta(minutes=1))
    builder.stream("lines").group_by_key().windowed_by(windows).count("counts")


def by_minute_longer(builder: StreamsBuilder) -> None:
    windows = TimeWindows.of(timedelta(minutes=1), grace=timedelta(hours=9))
    builder.stream("lines").group_by_key().windowed_by(windows).count("counts")


def with_another_source(builder: StreamsBuilder) -> None:
    builder.stream("more").foreach(lambda value: None)
    counted(builder)


def of_a_table(builder: StreamsBuilder) -> None:
    builder.table("lines", "counts", Materialized("counts"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (counted, counted, []),
        (counted, filtered_first_named, []),
        (
            counted_without_name,
            filtered_first,
            [("unsafe", "store_renumbered", "KSTREAM-AGGREGATE-STATE-STORE-0000000001")],
        ),
        (counted, filtered_first, [("care", "store_gone", "counts"), ("care", "store_added", ".*")]),
        (
            counted,
            by_word,
            [("care", "store_moved", "counts"), ("none", "repartition_added", "by-word-repartition")],
        ),
        (
            by_word,
            counted,
            [("unsafe", "repartition_gone", "by-word-repartition"), ("care", "store_moved", "counts")],
        ),
        (counted, by_minute, [("unsafe", "store_kind", "counts"), ("care", "store_retention", "counts")]),
        (by_minute, by_minute_longer, [("care", "store_retention", "counts")]),
        (
            counted,
            with_another_source,
            [("care", "store_moved", "counts"), ("care", "source_moved", "lines"), ("none", "source_added", "more")],
        ),
        (
            with_another_source,
            counted,
            [("care", "store_moved", "counts"), ("care", "source_gone", "more"), ("care", "source_moved", "lines")],
        ),
    ],
)
def test_a_change_and_what_it_means(old: Program, new: Program, expected: list[tuple[str, str, str]]) -> None:
    found = codes(old, new)
    assert [row[:2] for row in found] == [row[:2] for row in sorted(expected, key=lambda r: _order(r, found))]
    for _, code, name in expected:
        if name != ".*":
            assert any(row[1:] == (code, name) for row in found)


def _order(row: tuple[str, str, str], found: list[tuple[str, str, str]]) -> int:
    kinds = [each[:2] for each in found]
    return kinds.index(row[:2]) if row[:2] in kinds else len(kinds)


def test_a_repartition_topic_with_other_partitions() -> None:
    def with_partitions(count: int) -> Program:
        return lambda builder: builder.stream("lines").repartition(name="spread", partitions=count).to("out")

    (finding,) = compare(outlined(with_partitions(2)), outlined(with_partitions(4)))
    assert (finding.risk, finding.code, finding.was, finding.now) == ("unsafe", "repartition_partitions", "2", "4")


def test_an_outline_survives_being_saved() -> None:
    for program in (counted, by_word, by_minute, with_another_source):
        made = outlined(program)
        assert msgspec.json.decode(msgspec.json.encode(made), type=Outline) == made
        assert made.stores["counts"].changelog == "counts-changelog"
