"""The page of operators that run as columns, from what the code says about small topologies of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

ABOUT = """\
# Operators as columns

Written by `make docs`: for each operator a small topology is built and the code is asked how it runs. Part by part a
topology runs as columns or by records; one operator without a column form makes its whole part run by records, with the
same results. `kappaflow.streams.columns.reason_for_rows` says it for a topology of yours.

Everywhere: expressions instead of functions, and keys and values that lie in columns: `Serdes.columns(..)`,
`Serdes.json(..)` of a type, `Serdes.string()`, `.long()`, `.integer()`, `.double()`, `.boolean()`, `.bytes()`.
`make bench GROUP=operators` measures each against its row form.
"""
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Shown:
    """One row of the page."""

    section: str
    operator: str
    build: Callable[[Any], Any]


def _shown() -> list[Shown]:
    from kappaflow.streams import (
        JoinWindows,
        Materialized,
        Processor,
        Serdes,
        SessionWindows,
        SlidingWindows,
        Suppressed,
        TimeWindows,
        UnlimitedWindows,
        col,
        count,
    )

    text, order = Serdes.string(), Serdes.columns({"item": str, "units": int})
    folds = {"n": count(), "units": col("units").sum()}
    joiner = {"item": col.left("item"), "units": col.right("units")}
    joiner_n = {"item": col.left("item"), "n": col.right()}
    longer = col.left() + col.right("item")
    tumbling = TimeWindows.of(SECOND, grace=0)

    def stream(b: Any, topic: str = "orders") -> Any:
        return b.stream(topic, key_serde=text, value_serde=order)

    def table(b: Any, topic: str = "table") -> Any:
        return b.table(topic, key_serde=text, value_serde=order)

    def grouped(b: Any) -> Any:
        return stream(b).group_by_key()

    def cogrouped(b: Any) -> Any:
        return grouped(b).cogroup(longer).cogroup(stream(b, "more").group_by_key(), longer)

    def versioned(b: Any) -> Any:
        return b.table("table", Materialized("kept", history_retention_ms=1000), key_serde=text, value_serde=order)

    async def call(value: Any) -> Any:
        return value

    within = JoinWindows.of(SECOND, grace=0)
    plain = "Streams, without state"
    fold, tables, joins = "Aggregations of streams", "Tables", "Joins"
    rows: list[tuple[str, str, Callable[[Any], Any]]] = [
        (plain, "`filter`, `filter_not`", lambda b: stream(b).filter(col("units") > 1)),
        (plain, "`map_values`", lambda b: stream(b).map_values({"item": col("item")})),
        (plain, "`flat_map_values`", lambda b: stream(b).flat_map_values(col("item").split())),
        (plain, "`select_key`, `group_by`", lambda b: stream(b).select_key(col("item"))),
        (plain, "`map_batches`", lambda b: stream(b).map_batches(lambda batch: batch, {"item": str})),
        (plain, "`split().branch(..)`", lambda b: stream(b).split().branch(col("units") > 1).default_branch()),
        (plain, "`merge` of two topics", lambda b: stream(b).merge(stream(b, "more"))),
        (plain, "`merge` of a stream with itself", lambda b: (s := stream(b)).merge(s.filter(col("units") > 1))),
        (plain, "`repartition`", lambda b: stream(b).repartition(name="again")),
        (plain, "`to` a topic that an expression chooses", lambda b: stream(b).to("of-" + col("item"))),
        (plain, "`to` a topic that a function chooses", lambda b: stream(b).to(lambda record: "of-" + record.key)),
        (plain, "`filter`, `map_values` .. with a function", lambda b: stream(b).filter(lambda value: True)),
        (plain, "`map`", lambda b: stream(b).map((col("item"), {"units": col("units")}))),
        (plain, "`flat_map`", lambda b: stream(b).flat_map(lambda key, value: [(key, value)])),
        (plain, "`peek`, `foreach`, `print`", lambda b: stream(b).peek(lambda _: None)),
        (plain, "`map_values_async`", lambda b: stream(b).map_values_async(call)),
        (plain, "`process`, `process_values`", lambda b: stream(b).process(Processor)),
        (fold, "`count`", lambda b: grouped(b).count()),
        (fold, "`aggregate` of folds", lambda b: grouped(b).aggregate(folds)),
        (fold, "by tumbling windows", lambda b: grouped(b).windowed_by(tumbling).aggregate(folds)),
        (fold, "by hopping windows", lambda b: grouped(b).windowed_by(tumbling.advance_by(500)).aggregate(folds)),
        (fold, "by sessions", lambda b: grouped(b).windowed_by(SessionWindows.of(SECOND)).aggregate(folds)),
        (fold, "by sliding windows", lambda b: grouped(b).windowed_by(SlidingWindows.of(SECOND)).aggregate(folds)),
        (
            fold,
            "`emit_strategy('on_window_close')`",
            lambda b: grouped(b).windowed_by(tumbling).emit_strategy("on_window_close").count(),
        ),
        (fold, "`aggregate` of functions", lambda b: grouped(b).aggregate(lambda: 0, lambda value, n: n)),
        (fold, "by unlimited windows", lambda b: grouped(b).windowed_by(UnlimitedWindows.of(0)).aggregate(folds)),
        (fold, "`aggregate` of one expression", lambda b: grouped(b).aggregate(lambda: "", longer)),
        (fold, "`reduce`", lambda b: grouped(b).reduce({"item": col.right("item"), "units": col.left("units")})),
        (fold, "`cogroup`", lambda b: cogrouped(b).aggregate(lambda: "")),
        (fold, "`cogroup` by windows", lambda b: cogrouped(b).windowed_by(tumbling).aggregate(lambda: "")),
        (fold, "with earlier versions", lambda b: grouped(b).count(Materialized("v", history_retention_ms=1000))),
        (tables, "`table`, `to_table`", table),
        (tables, "`filter`", lambda b: table(b).filter(col("units") > 1)),
        (tables, "`map_values`", lambda b: table(b).map_values({"item": col("item")})),
        (tables, "`filter`, `map_values` with a store", lambda b: table(b).filter(col("units") > 1, "kept")),
        (tables, "with earlier versions", versioned),
        (tables, "`group_by`, then folds", lambda b: table(b).group_by(col("item")).count()),
        (tables, "`transform_values`", lambda b: table(b).transform_values(Processor)),
        (
            tables,
            "`suppress`",
            lambda b: grouped(b).windowed_by(tumbling).count().suppress(Suppressed.until_window_closes()),
        ),
        (joins, "stream with table, `join`, `left_join`", lambda b: stream(b).left_join(table(b), joiner)),
        (
            joins,
            "stream with a filtered or mapped table",
            lambda b: stream(b).join(table(b).filter(col("units") > 1), joiner),
        ),
        (
            joins,
            "stream with an aggregate",
            lambda b: stream(b).join(stream(b, "more").group_by_key().count(), joiner_n),
        ),
        (
            joins,
            "stream with versioned table: rows as of its time",
            lambda b: stream(b).join(versioned(b), joiner),
        ),
        (
            joins,
            "stream with versioned table, waiting (`grace`)",
            lambda b: stream(b).join(versioned(b), joiner, grace=500),
        ),
        (
            joins,
            "stream with global table",
            lambda b: stream(b).join(b.global_table("g", key_serde=text, value_serde=order), col("item"), joiner),
        ),
        (joins, "stream with stream, `join`", lambda b: stream(b).join(stream(b, "more"), joiner, within)),
        (
            joins,
            "stream with stream, `left_join`, `outer_join`",
            lambda b: stream(b).left_join(stream(b, "more"), joiner, within),
        ),
        (
            joins,
            "table with table, `join`, `left_join`, `outer_join`",
            lambda b: table(b).outer_join(table(b, "other"), joiner),
        ),
        (
            joins,
            "table with table by foreign key",
            lambda b: table(b).join(table(b, "other"), joiner, foreign_key=col("item")),
        ),
    ]
    return [Shown(*row) for row in rows]


def reasons(shown: Shown) -> list[str]:
    """Return why parts of an operator's topology run by records."""
    from kappaflow.streams import Serdes, StreamsBuilder
    from kappaflow.streams.columns import reason_for_rows

    builder = StreamsBuilder(key_serde=Serdes.string(), value_serde=Serdes.long())
    made = shown.build(builder)
    streams = list(made.values()) if isinstance(made, dict) else [] if made is None else [made]
    for number, each in enumerate(streams):
        behind = each.to_stream() if hasattr(each, "to_stream") else each
        behind.to(f"out-{number}")
    bound = builder.build().bind("page")
    found = [reason_for_rows(bound, part) for part in bound.task_subtopologies]
    return [reason.partition(": ")[2] or reason for reason in found if reason]


def streams_columns_page() -> str:
    """A table with a row an operator."""
    lines = [ABOUT]
    section = ""
    for shown in _shown():
        if shown.section != section:
            section = shown.section
            lines += ["", f"## {section}", "", "| Operator | As columns | Otherwise |", "|---|---|---|"]
        why = reasons(shown)
        lines.append(f"| {shown.operator} | {'no' if why else 'yes'} | {why[0] if why else ''} |")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"
