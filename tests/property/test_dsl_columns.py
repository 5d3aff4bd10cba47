"""Topologies of expressions: they run as columns, and give what the row form gives for every cut of their input."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.streams import (
    JoinWindows,
    Materialized,
    Serdes,
    SessionWindows,
    SlidingWindows,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
    UnlimitedWindows,
    col,
    count,
    when,
)
from kappaflow.streams.columns.stream_stream_join import JoinSideColumns
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing.batch_driver import BatchTopologyDriver, Form
from kappaflow.testing.described_streams import caching_program, compare_cached_forms, compare_forms, random_program


@dataclass
class Customer:
    name: str
    city: str | None


TEXT, LONG = Serdes.string(), Serdes.long()
ORDER = Serdes.columns({"item": str, "units": int, "price": float, "tags": str})
CUSTOMER = Serdes.json(Customer)
FIRST, COUNT = (int(part) for part in os.environ.get("KAPPA_DSL_SEEDS", "0:120").split(":"))
PROGRAMS = range(FIRST, FIRST + COUNT)
"""Seeds of random programs; those that failed once are golden files (tests/golden/streams)."""
Build = Callable[[StreamsBuilder], None]
TOPOLOGIES: dict[str, Build] = {}


def topology(build: Build) -> Build:
    TOPOLOGIES[build.__name__.replace("_", " ")] = build
    return build


def orders(b: StreamsBuilder, topic: str = "orders") -> Any:
    return b.stream(topic, key_serde=TEXT, value_serde=ORDER)


def customers(b: StreamsBuilder, topic: str = "customers") -> Any:
    return b.table(topic, key_serde=TEXT, value_serde=CUSTOMER)


@topology
def filter_and_map(b: StreamsBuilder) -> None:
    wanted = orders(b).filter(col("price") * 2 > 3).filter_not(col("item") == "b")
    wanted.map_values({"item": col("item").upper(), "sum": col("units") * col("price"), "at": col.timestamp}).to("out")


@topology
def topics_chosen_by_an_expression(b: StreamsBuilder) -> None:
    orders(b).filter(col("units") > 0).to("of-" + col("item"))
    orders(b, "more").map_values({"item": col("item")}).to(col.key)


@topology
def plain_values_with_headers(b: StreamsBuilder) -> None:
    orders(b).map_values(col("item") + "!").to("out")
    orders(b).map_values(col("units")).to("units")


@topology
def json_of_no_type(b: StreamsBuilder) -> None:
    orders(b).map_values({"twice": col("units") * 2}).to("out", value_serde=Serdes.json())


@topology
def words(b: StreamsBuilder) -> None:
    words_ = orders(b).flat_map_values(col("tags").split())
    words_.group_by(col.value).count("counts").to_stream().to("out")


@topology
def counts_by_key(b: StreamsBuilder) -> None:
    orders(b).group_by_key().count("counts").to_stream().to("out")


@topology
def folds_by_item(b: StreamsBuilder) -> None:
    folds = {
        "n": count(),
        "known": col("price").count(),
        "revenue": (col("units") * col("price")).sum(),
        "units": col("units").sum(),
        "least": col("price").min(),
        "greatest": col("item").max(),
        "first": col("tags").first(),
        "last": col("tags").last(),
    }
    orders(b).group_by(col("item")).aggregate(folds, materialized="folds").to_stream().to("out")


@topology
def one_fold(b: StreamsBuilder) -> None:
    orders(b).group_by_key().aggregate(col("units").sum()).to_stream().to("out")


@topology
def hopping_windows(b: StreamsBuilder) -> None:
    windows = TimeWindows.of(20, grace=5).advance_by(7)
    folds = {"n": count(), "units": col("units").sum()}
    orders(b).group_by(col("item")).windowed_by(windows).aggregate(folds, materialized="w").to_stream().to("out")


@topology
def sessions(b: StreamsBuilder) -> None:
    folds = {"n": count(), "units": col("units").sum(), "least": col("price").min(), "last": col("tags").last()}
    orders(b).group_by_key().windowed_by(SessionWindows.of(7, grace=5)).aggregate(folds).to_stream().to("out")


@topology
def counts_of_sessions_behind_a_filter(b: StreamsBuilder) -> None:
    counted = orders(b).group_by(col("item")).windowed_by(SessionWindows.of(4, grace=30)).count("sessions")
    counted.filter(col.value > 1).to_stream().to("out")


@topology
def windowed_counts_behind_a_filter(b: StreamsBuilder) -> None:
    counts = orders(b).group_by_key().windowed_by(TimeWindows.of(10, grace=10)).count()
    kept = counts.filter(col.value > 1).map_values({"n": col.value, "key": col.key, "from": col.window_start})
    kept.to_stream().to("out")


@topology
def branches_and_merge(b: StreamsBuilder) -> None:
    named = orders(b).split(name="by-").branch(col("units") > 1, name="many").branch(col("item") == "a", name="a")
    split = named.default_branch(name="rest")
    both = split["by-many"].map_values(col("item")).merge(split["by-rest"].map_values(col("tags")))
    both.to("out")
    split["by-a"].map_values({"a": when(col("price").is_null()).then("free").otherwise("priced")}).to("a")


@topology
def two_topics_merged(b: StreamsBuilder) -> None:
    orders(b).merge(orders(b, "more")).filter(col("units") > 0).to("out", value_serde=ORDER, key_serde=TEXT)


@topology
def tables_row_by_row(b: StreamsBuilder) -> None:
    table = customers(b).filter(col("city") != "x").map_values({"name": col("name"), "long": col("name").length() > 1})
    table.to_stream().to("out")


@topology
def enrichment(b: StreamsBuilder) -> None:
    joiner = {"item": col.left("item"), "city": col.right("city"), "by": col.key}
    orders(b).join(customers(b), joiner).to("out")


@topology
def enrichment_by_a_filtered_and_mapped_table(b: StreamsBuilder) -> None:
    known = customers(b).filter(col("city").is_not_null()).map_values({"town": col("city").upper()})
    orders(b).left_join(known, {"item": col.left("item"), "town": col.right("town")}).to("out")


@topology
def enrichment_by_a_table_with_a_store_of_its_own(b: StreamsBuilder) -> None:
    known = customers(b).filter(col("city") != "x", "known")
    orders(b).join(known, {"item": col.left("item"), "city": col.right("city")}).to("out")
    known.to_stream().to("known-customers")


@topology
def left_enrichment_by_another_key(b: StreamsBuilder) -> None:
    joiner = {"item": col.left("item"), "name": col.right("name").fill_null("nobody")}
    orders(b).select_key(col("item")).left_join(customers(b), joiner).to("out")


@topology
def streams_joined(b: StreamsBuilder) -> None:
    joiner = {"item": col.left("item"), "other": col.right("item"), "units": col.left("units") + col.right("units")}
    orders(b).join(orders(b, "more"), joiner, JoinWindows(5, 9, 3), value_serde=ORDER, other_value_serde=ORDER).to(
        "out"
    )


@topology
def stream_to_table(b: StreamsBuilder) -> None:
    orders(b).map_values(col("units")).to_table("units").filter(col.value > 0).to_stream().to("out")


def streams_joined_with_keeping(kind: str) -> Build:
    def build(b: StreamsBuilder) -> None:
        joiner = {
            "item": col.left("item").fill_null("-") + col.right("item").fill_null("-"),
            "units": col.left("units"),
        }
        how = getattr(orders(b), kind)
        how(orders(b, "more"), joiner, JoinWindows(5, 9, 3), value_serde=ORDER, other_value_serde=ORDER).to("out")

    return build


@topology
def a_stream_joined_with_itself(b: StreamsBuilder) -> None:
    own = orders(b).filter(col("units") > 0)
    joiner = {"item": col.left("item"), "other": col.right("item")}
    own.join(own, joiner, JoinWindows(5, 9, 3), value_serde=ORDER, other_value_serde=ORDER).to("out")


@topology
def sliding_windows(b: StreamsBuilder) -> None:
    folds = {"n": count(), "units": col("units").sum(), "last": col("tags").last()}
    orders(b).group_by_key().windowed_by(SlidingWindows.of(9, grace=5)).aggregate(folds).to_stream().to("out")


@topology
def unlimited_windows(b: StreamsBuilder) -> None:
    folds = {"n": count(), "least": col("price").min()}
    orders(b).group_by_key().windowed_by(UnlimitedWindows.of(10)).aggregate(folds).to_stream().to("out")


def closed(windows: Any) -> Build:
    def build(b: StreamsBuilder) -> None:
        windowed = orders(b).group_by_key().windowed_by(windows).emit_strategy("on_window_close")
        windowed.aggregate({"n": count(), "units": col("units").sum()}).to_stream().to("out")

    return build


@topology
def suppressed_windows(b: StreamsBuilder) -> None:
    counts = orders(b).group_by_key().windowed_by(TimeWindows.of(10, grace=3)).count("counts")
    counts.suppress(Suppressed.until_window_closes()).to_stream().to("out")


@topology
def suppressed_changes(b: StreamsBuilder) -> None:
    held = customers(b).suppress(Suppressed.until_time_limit(7, max_records=2))
    held.map_values({"name": col("name")}).to_stream().to("out")


@topology
def the_greatest_units(b: StreamsBuilder) -> None:
    orders(b).map_values(col("units").fill_null(0)).group_by_key().reduce(max, "greatest").to_stream().to("out")


@topology
def reductions(b: StreamsBuilder) -> None:
    later = {name: col.right(name) for name in ("item", "price", "tags")}
    reducer = {**later, "units": col.left("units").fill_null(0) + col.right("units").fill_null(0)}
    grouped = orders(b).group_by_key()
    grouped.reduce(reducer, "sums").to_stream().to("out")
    grouped.windowed_by(TimeWindows.of(10, grace=3)).reduce(reducer).to_stream().to("windows")


@topology
def an_aggregate_of_one_expression(b: StreamsBuilder) -> None:
    tags = (col.left() + col.right("tags").fill_null("-")).slice(-5)
    orders(b).group_by_key().aggregate(lambda: "", tags, "tags").to_stream().to("out")


@topology
def cogrouped_streams(b: StreamsBuilder) -> None:
    bought = {"orders": col.left("orders") + 1, "more": col.left("more"), "last": col.right("item")}
    other = {"orders": col.left("orders"), "more": col.left("more") + 1, "last": col.left("last")}
    cogrouped = orders(b).group_by_key().cogroup(bought).cogroup(orders(b, "more").group_by_key(), other)
    serde = Serdes.columns({"orders": int, "more": int, "last": str})
    kept = Materialized("cogrouped", TEXT, serde)
    cogrouped.aggregate(lambda: {"orders": 0, "more": 0, "last": ""}, kept).to_stream().to("out")


@topology
def cogrouped_windows(b: StreamsBuilder) -> None:
    more = (col.left() + "+" + col.right("tags").fill_null("-")).slice(-6)
    other = orders(b, "more").group_by_key()
    cogrouped = orders(b).group_by_key().cogroup(more).cogroup(other, more).windowed_by(TimeWindows.of(10, grace=2))
    cogrouped.aggregate(lambda: "").to_stream().to("out")


@topology
def a_regrouped_table(b: StreamsBuilder) -> None:
    table = b.table("orders", key_serde=TEXT, value_serde=ORDER)
    grouped = table.group_by((col("item"), {"units": col("units").fill_null(0), "price": col("price")}))
    folds = {"n": count(), "units": col("units").sum(), "priced": col("price").count()}
    grouped.aggregate(folds, materialized="by-item").to_stream().to("out")


@topology
def a_table_counted_by_a_column(b: StreamsBuilder) -> None:
    customers(b).group_by(col("city")).count("cities").to_stream().to("out")


@topology
def waiting_for_late_rows(b: StreamsBuilder) -> None:
    kept = Materialized("versions", TEXT, CUSTOMER, history_retention_ms=30)
    table = b.table("customers", kept, key_serde=TEXT, value_serde=CUSTOMER)
    joiner = {"item": col.left("item"), "city": col.right("city"), "at": col.key}
    orders(b).left_join(table, joiner, grace=8, value_serde=ORDER).to("out")


@topology
def enrichment_by_an_aggregate(b: StreamsBuilder) -> None:
    counts = orders(b, "more").group_by_key().count()
    orders(b).left_join(counts, {"item": col.left("item"), "n": col.right()}).to("out")


def as_of(kind: str) -> Build:
    def build(b: StreamsBuilder) -> None:
        kept = Materialized("versions", TEXT, CUSTOMER, history_retention_ms=30)
        table = b.table("customers", kept, key_serde=TEXT, value_serde=CUSTOMER)
        joiner = {"item": col.left("item"), "city": col.right("city"), "at": col.key}
        getattr(orders(b), kind)(table.filter(col("city") != "x"), joiner).to("out")
        table.to_stream().to("changes")

    return build


@topology
def versioned_tables_joined(b: StreamsBuilder) -> None:
    left = b.table("customers", Materialized("left", TEXT, CUSTOMER, history_retention_ms=30))
    right = b.table("orders", Materialized("right", TEXT, ORDER, history_retention_ms=20))
    joiner = {"name": col.left("name"), "item": col.right("item"), "key": col.key}
    kept = Materialized("joined", TEXT, history_retention_ms=25)
    left.outer_join(right, joiner, kept).filter(col("name") != "a").to_stream().to("out")


def foreign_keys(kind: str) -> Build:
    def build(b: StreamsBuilder) -> None:
        left, right = b.table("orders", key_serde=TEXT, value_serde=ORDER), customers(b)
        joiner = {"item": col.left("item"), "name": col.right("name"), "id": col.key}
        joined = getattr(left, kind)(right, joiner, "joined", foreign_key=col("item"))
        joined.to_stream().to("out")

    return build


def tables_joined(kind: str) -> Build:
    def build(b: StreamsBuilder) -> None:
        left, right = customers(b), b.table("orders", key_serde=TEXT, value_serde=ORDER)
        joiner = {"name": col.left("name"), "item": col.right("item").fill_null("none")}
        joined = getattr(left, kind)(right, joiner)
        joined.filter(col("name") != "c").to_stream().to("out")

    return build


@topology
def joined_tables_with_a_store(b: StreamsBuilder) -> None:
    left, right = customers(b), b.table("orders", key_serde=TEXT, value_serde=ORDER)
    joined = left.left_join(right, {"name": col.left("name"), "item": col.right("item")}, "joined")
    joined.filter(col("name") != "c", "kept").to_stream().to("out")


def test_a_global_table_is_looked_up_by_an_expression() -> None:
    builder = StreamsBuilder(key_serde=TEXT)
    rates = builder.global_table("rates", value_serde=Serdes.columns({"rate": float}))
    joiner = {"item": col.left("item"), "rate": col.right("rate")}
    builder.stream("orders", value_serde=ORDER).left_join(rates, col("item"), joiner).to("out")
    bound = builder.build().bind("app")
    written_: list[Any] = []
    for form in ("row", "column"):
        driver = BatchTopologyDriver(bound, form=form)  # type: ignore[arg-type]
        assert all("every task" in why for why in driver.by_rows.values())
        rate = Serdes.columns({"rate": float})
        driver.pipe(*[RawRecord("rates", key, rate.serialize({"rate": 1.5}), 0) for key in (b"a", b"b")])
        sold = [{"item": item, "units": 1, "price": 1.0, "tags": ""} for item in ("a", None, "c", "b")]
        driver.pipe(*[RawRecord("orders", b"k", ORDER.serialize(order), 5) for order in sold])
        driver.pipe(RawRecord("orders", b"k", None, 6))
        written_.append(written(driver))
    assert written_[0] == written_[1]
    assert [value for _, value, _, _ in written_[0]["out"]] == [
        b'{"item":"a","rate":1.5}',
        b'{"item":null,"rate":null}',
        b'{"item":"c","rate":null}',
        b'{"item":"b","rate":1.5}',
    ]


for _kind in ("join", "left_join", "outer_join"):
    TOPOLOGIES[f"tables: {_kind}"] = tables_joined(_kind)
for _kind in ("left_join", "outer_join"):
    TOPOLOGIES[f"streams: {_kind}"] = streams_joined_with_keeping(_kind)
for _kind in ("join", "left_join"):
    TOPOLOGIES[f"as of: {_kind}"] = as_of(_kind)
    TOPOLOGIES[f"foreign keys: {_kind}"] = foreign_keys(_kind)
for _name, _windows in {
    "tumbling": TimeWindows.of(10, grace=3),
    "hopping": TimeWindows.of(20, grace=5).advance_by(7),
    "sliding": SlidingWindows.of(9, grace=5),
    "sessions": SessionWindows.of(4, grace=3),
}.items():
    TOPOLOGIES[f"closed: {_name}"] = closed(_windows)


def driver_of(build: Build, form: Form, *, caching: bool = False) -> BatchTopologyDriver:
    builder = StreamsBuilder(key_serde=TEXT)
    build(builder)
    optimize = "single.store.self.join" if build is a_stream_joined_with_itself else ()
    return BatchTopologyDriver(
        builder.build(optimize).bind("app"), emit_interval_ms=0, outer_interval_ms=0, form=form, caching=caching
    )


ITEM = st.none() | st.sampled_from(["a", "b", "c"])
ORDERS = st.none() | st.fixed_dictionaries(
    {
        "item": ITEM,
        "units": st.none() | st.integers(-1, 3) | st.just(2**63 - 1),
        "price": st.none() | st.sampled_from([0.0, -0.0, 1.5, 2.25, float("inf")]),
        "tags": st.none() | st.sampled_from(["", "x y", "y  z y"]),
    }
)
CUSTOMERS = st.none() | st.builds(Customer, st.sampled_from(["a", "bb", "c"]), st.none() | st.sampled_from(["x", "y"]))


def raw(topic: str, serde: Any) -> Callable[[tuple[str | None, Any, int, bool]], RawRecord]:
    def make(parts: tuple[str | None, Any, int, bool]) -> RawRecord:
        key, value, at, headed = parts
        headers = (("h", b"1"),) if headed else ()
        return RawRecord(topic, TEXT.serialize(key), serde.serialize(value), at, headers)

    return make


def records() -> st.SearchStrategy[list[RawRecord]]:
    times, headed = st.integers(0, 60), st.booleans()
    of = [
        st.tuples(ITEM, ORDERS, times, headed).map(raw("orders", ORDER)),
        st.tuples(ITEM, ORDERS, times, headed).map(raw("more", ORDER)),
        st.tuples(ITEM, CUSTOMERS, times, headed).map(raw("customers", CUSTOMER)),
        st.sampled_from(["orders", "customers"]).map(lambda topic: RawRecord(topic, b"a", b"{", 5)),
    ]
    return st.lists(st.one_of(of), max_size=30)


def written(driver: BatchTopologyDriver) -> Any:
    # Between topics nothing is ordered; within each everything is.
    topics = {topic: list(rows) for topic, rows in driver.outputs.items()}
    return {t: [(r.key, r.value, r.timestamp, r.headers) for r in rows] for t, rows in topics.items()}


@pytest.mark.parametrize("name", TOPOLOGIES)
@settings(max_examples=25)
@given(records(), st.randoms(use_true_random=False))
def test_columns_equal_rows_for_every_cut_and_restart(name: str, given_: list[RawRecord], rng: random.Random) -> None:
    rows, columns = driver_of(TOPOLOGIES[name], "row"), driver_of(TOPOLOGIES[name], "column")
    assert columns.by_rows == {}
    given_ = [record for record in given_ if any(record.topic in sub.sources for sub in rows.topology.subtopologies)]
    rest = given_
    while rest:
        size = rng.randint(1, 9)
        rows.pipe(*rest[:size], together=rows.has_turns)
        columns.pipe(*rest[:size])
        rest = rest[size:]
        if rng.random() < 0.2:
            columns.restart()
    assert written(columns) == written(rows)
    kept = lambda driver: {name: list(store.range()) for name, store in driver.stores.items()}  # noqa: E731
    assert kept(columns) == kept(rows)
    assert sorted(map(str, columns.errors)) == sorted(map(str, rows.errors))


def forms_of_programs(*, functions: bool) -> tuple[int, int]:
    """Hold the columns of all programs against their rows; return how many parts ran as columns, of how many."""
    found = [compare_forms(seed, random_program(seed), functions=functions) for seed in PROGRAMS]
    wrong = [each.difference for each in found if each.difference]
    assert not wrong, f"{len(wrong)} of {len(found)} programs differ: {wrong[:5]}"
    as_columns, parts = sum(each.as_columns for each in found), sum(each.parts for each in found)
    print(f"{as_columns} of {parts} subtopologies of {len(PROGRAMS)} programs ran as columns")
    return as_columns, parts


def test_random_programs_write_the_same_in_both_forms() -> None:
    # tests/conformance/kafka_streams holds the row form of these programs against Kafka Streams.
    as_columns, parts = forms_of_programs(functions=True)
    assert as_columns > parts * 2 // 5  # the others call functions


def test_random_programs_of_expressions_run_as_columns() -> None:
    as_columns, parts = forms_of_programs(functions=False)
    percent = 70 if "KAPPA_DSL_SEEDS" in os.environ else 80  # the few programs of a soak's round vary more
    assert as_columns > parts * percent // 100


@pytest.mark.parametrize("forgets", [False, True])
def test_a_join_knows_after_a_restart_what_is_too_old(forgets: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if forgets:
        monkeypatch.setattr(JoinSideColumns, "resume", lambda *_: None)
    driver = driver_of(TOPOLOGIES["streams joined"], "column")
    order = ORDER.serialize({"item": "a", "units": 1, "price": 1.0, "tags": ""})
    driver.pipe(RawRecord("more", b"k", order, 0), RawRecord("more", b"k", order, 100))
    driver.restart()
    driver.pipe(RawRecord("orders", b"k", order, 5))
    assert len(driver.take("out")) == (1 if forgets else 0)


def committed(name: str, form: Form, batches: list[tuple[list[RawRecord], bool]]) -> Any:
    """What a topology has written and kept where results are held back until a commit, one behind each batch."""
    driver = driver_of(TOPOLOGIES[name], form, caching=True)
    for batch, restarts in batches:
        driver.pipe(*batch)
        driver.commit()
        if restarts:
            driver.restart()
    return written(driver), {name: list(store.range()) for name, store in driver.stores.items()}


@pytest.mark.parametrize("name", TOPOLOGIES)
@settings(max_examples=15)
@given(records(), st.randoms(use_true_random=False))
def test_what_is_held_back_until_a_commit_is_the_same(name: str, given_: list[RawRecord], rng: random.Random) -> None:
    topics = {topic for sub in driver_of(TOPOLOGIES[name], "row").topology.subtopologies for topic in sub.sources}
    rest, batches = [record for record in given_ if record.topic in topics], []
    while rest:
        size = rng.randint(1, 9)
        batches.append((rest[:size], rng.random() < 0.2))
        rest = rest[size:]
    assert committed(name, "column", batches) == committed(name, "row", batches)


def test_random_programs_hold_back_the_same_in_both_forms() -> None:
    found = [compare_cached_forms(seed, caching_program(seed), functions=False) for seed in PROGRAMS]
    wrong = [each.difference for each in found if each.difference]
    assert not wrong, f"{len(wrong)} of {len(found)} programs differ: {wrong[:5]}"
    assert sum(each.as_columns for each in found) > sum(each.parts for each in found) * 3 // 5
