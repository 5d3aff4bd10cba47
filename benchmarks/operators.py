"""Each operator as columns against its row form: ``make bench GROUP=operators``.

One task in one process, without a broker: records as bytes in, decoded, through the operators of one part of a
topology, encoded. Both sides do the same work on the same records and have to write the same number; the forms are held
equal by tests/property/test_dsl_columns.py. Runs alternate, the best of each side counts.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.kernel import RecordColumns
from kappaflow.state.database import StateDatabase
from kappaflow.streams import (
    JoinWindows,
    Materialized,
    Serdes,
    SessionWindows,
    SlidingWindows,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
    col,
    count,
)
from kappaflow.streams.columns import ColumnSubtopology, reason_for_rows
from kappaflow.streams.execution.columnar_task import source_of
from kappaflow.streams.execution.encode import encode_record
from kappaflow.streams.execution.row_task import RawRecord, RowTask
from kappaflow.streams.execution.sink_columns import encode_columns
from kappaflow.streams.execution.source_columns import decode_columns
from kappaflow.streams.processors.base import TaskContext
from kappaflow.testing.batch_driver import BatchTopologyDriver, Form

RESULTS = Path(__file__).with_name("results")
TEXT = Serdes.string()
ORDER = Serdes.columns({"item": str, "units": int, "price": float})
CUSTOMER = Serdes.columns({"name": str, "city": str})
BATCH, KEYS = 20_000, 2_000
Build = Callable[[StreamsBuilder], None]


def orders(b: StreamsBuilder, topic: str = "orders") -> Any:
    return b.stream(topic, key_serde=TEXT, value_serde=ORDER)


def table(b: StreamsBuilder, topic: str = "customers") -> Any:
    return b.table(topic, key_serde=TEXT, value_serde=CUSTOMER)


def _filter(b: StreamsBuilder) -> None:
    orders(b).filter((col("price") * col("units") > 30) & (col("item") != "pen")).to("out")


def _map(b: StreamsBuilder) -> None:
    orders(b).map_values({"item": col("item").upper(), "sum": col("units") * col("price")}).to("out")


def _flat_map(b: StreamsBuilder) -> None:
    orders(b).flat_map_values(col("item").split("-")).to("out")


def _branch(b: StreamsBuilder) -> None:
    named = orders(b).split(name="s-").branch(col("units") > 5, name="many").default_branch(name="few")
    named["s-many"].to("many")
    named["s-few"].map_values(col("item")).to("few")


def _count(b: StreamsBuilder) -> None:
    orders(b).group_by_key().count().to_stream().to("out")


def _aggregate(b: StreamsBuilder) -> None:
    folds = {"n": count(), "revenue": (col("units") * col("price")).sum(), "top": col("price").max()}
    orders(b).group_by_key().aggregate(folds).to_stream().to("out")


def _tumbling(b: StreamsBuilder) -> None:
    orders(b).group_by_key().windowed_by(TimeWindows.of(60_000, grace=0)).count().to_stream().to("out")


def _hopping(b: StreamsBuilder) -> None:
    windows = TimeWindows.of(60_000, grace=0).advance_by(20_000)
    orders(b).group_by_key().windowed_by(windows).count().to_stream().to("out")


def _session(b: StreamsBuilder) -> None:
    orders(b).group_by_key().windowed_by(SessionWindows.of(20_000, grace=0)).count().to_stream().to("out")


def _table(b: StreamsBuilder) -> None:
    table(b).filter(col("city") != "x").map_values({"who": col("name")}).to_stream().to("out")


def _stream_table(b: StreamsBuilder) -> None:
    orders(b).join(table(b), {"item": col.left("item"), "city": col.right("city")}).to("out")


def _table_table(b: StreamsBuilder) -> None:
    other = b.table("orders", key_serde=TEXT, value_serde=ORDER)
    table(b).join(other, {"name": col.left("name"), "item": col.right("item")}).to_stream().to("out")


def _stream_stream(b: StreamsBuilder) -> None:
    joiner = {"item": col.left("item"), "other": col.right("item")}
    orders(b).join(orders(b, "more"), joiner, JoinWindows.of(1_000, grace=0)).to("out")


def _stream_stream_left(b: StreamsBuilder) -> None:
    joiner = {"item": col.left("item"), "other": col.right("item")}
    orders(b).left_join(orders(b, "more"), joiner, JoinWindows.of(1_000, grace=0)).to("out")


def _sliding(b: StreamsBuilder) -> None:
    orders(b).group_by_key().windowed_by(SlidingWindows.of(20_000, grace=0)).count().to_stream().to("out")


def _closed(b: StreamsBuilder) -> None:
    windowed = orders(b).group_by_key().windowed_by(TimeWindows.of(60_000, grace=0))
    windowed.emit_strategy("on_window_close").count().to_stream().to("out")


def _suppress(b: StreamsBuilder) -> None:
    counts = orders(b).group_by_key().windowed_by(TimeWindows.of(60_000, grace=0)).count()
    counts.suppress(Suppressed.until_window_closes()).to_stream().to("out")


def _reduce(b: StreamsBuilder) -> None:
    later = {"item": col.right("item"), "price": col.right("price"), "units": col.left("units") + col.right("units")}
    orders(b).group_by_key().reduce(later).to_stream().to("out")


def _cogroup(b: StreamsBuilder) -> None:
    bought = {"n": col.left("n") + 1, "units": col.left("units") + col.right("units")}
    more = {"n": col.left("n"), "units": col.left("units") - col.right("units")}
    cogrouped = orders(b).group_by_key().cogroup(bought).cogroup(orders(b, "more").group_by_key(), more)
    cogrouped.aggregate(lambda: {"n": 0, "units": 0}).to_stream().to("out")


def _regroup(b: StreamsBuilder) -> None:
    people = table(b).group_by(col("city")).count().to_stream()
    people.to("out")


def _foreign_key(b: StreamsBuilder) -> None:
    left = b.table("orders", key_serde=TEXT, value_serde=ORDER)
    key = "key-" + (col("units") * 7).cast(str)
    joiner = {"item": col.left("item"), "city": col.right("city")}
    left.join(table(b), joiner, foreign_key=key).to_stream().to("out")


def _as_of(b: StreamsBuilder) -> None:
    kept = Materialized("versions", history_retention_ms=60_000)
    versions = b.table("customers", kept, key_serde=TEXT, value_serde=CUSTOMER)
    orders(b).join(versions, {"item": col.left("item"), "city": col.right("city")}).to("out")


OPERATORS: dict[str, Build] = {
    "filter": _filter,
    "map_values": _map,
    "flat_map_values": _flat_map,
    "branch": _branch,
    "count": _count,
    "aggregate": _aggregate,
    "tumbling windows": _tumbling,
    "hopping windows": _hopping,
    "session windows": _session,
    "table filter and map": _table,
    "stream-table join": _stream_table,
    "table-table join": _table_table,
    "stream-stream join": _stream_stream,
    "stream-stream left join": _stream_stream_left,
    "sliding windows": _sliding,
    "emit on window close": _closed,
    "suppress": _suppress,
    "reduce": _reduce,
    "cogroup": _cogroup,
    "table group_by, count": _regroup,
    "foreign-key join": _foreign_key,
    "stream-table join as of": _as_of,
}


@dataclass(frozen=True)
class Timing:
    """Seconds of wall and CPU for all records, and how many came out."""

    wall_s: float
    cpu_s: float
    written: int


def records(topics: Sequence[str], number: int) -> list[RawRecord]:
    """Random records of all topics, in order of time."""
    rng = random.Random(7)
    made: list[RawRecord] = []
    for at in range(number):
        topic, key = rng.choice(topics), f"key-{rng.randrange(KEYS)}".encode()
        if topic == "customers":
            value = CUSTOMER.serialize({"name": f"name {rng.randrange(100)}", "city": rng.choice(["Seoul", "x"])})
        else:
            item = f"{rng.choice(['pen', 'ink', 'cap'])}-{rng.randrange(100)}"
            value = ORDER.serialize({"item": item, "units": rng.randrange(10), "price": rng.randrange(1000) / 4})
        made.append(RawRecord(topic, key, value, at * 5, (), 0, at))
    return made


def _columns(batch: Sequence[RawRecord]) -> RecordColumns:
    offsets = np.array([record.offset for record in batch], np.int64)
    return RecordColumns(
        key=pa.array([record.key for record in batch], pa.binary()),
        value=pa.array([record.value for record in batch], pa.binary()),
        timestamp=np.array([record.timestamp for record in batch], np.int64),
        offset=offsets,
        headers=None,
        next_offset=int(offsets[-1]) + 1,
        error=None,
    )


def _context() -> TaskContext:
    return TaskContext(lambda _node, _record: None, lambda: 0, emit_interval_ms=0, outer_interval_ms=0)


def run_rows(build: Build, given: Sequence[RawRecord], database: StateDatabase) -> Timing:
    """The row form."""
    bound, sub = _bound(build)
    written = [0]

    def produce(node: Any, record: Any) -> None:
        encode_record(node, record)
        written[0] += 1

    stores = _stores(bound, database)
    task = RowTask(bound, sub, stores, produce, lambda _raw, error: _fail(error), _context())
    wall, cpu = time.perf_counter(), time.process_time()
    for record in given:
        task.process(record)
    return Timing(time.perf_counter() - wall, time.process_time() - cpu, written[0])


def run_columns(build: Build, given: Sequence[RawRecord], database: StateDatabase) -> Timing:
    """The column form, in batches as a fetch gives them."""
    bound, sub = _bound(build)
    written = [0]

    def write(node: Any, batch: Any) -> None:
        written[0] += len(encode_columns(node, batch, _fail).ord)

    stores = _stores(bound, database)
    columns = ColumnSubtopology(bound, sub, stores, _context(), write)
    sources = {topic: source_of(nodes) for topic, nodes in sub.sources.items()}
    batches: list[dict[str, tuple[Any, Any]]] = []
    for start in range(0, len(given), BATCH):
        rows: dict[str, list[RawRecord]] = {}
        for record in given[start : start + BATCH]:
            rows.setdefault(record.topic, []).append(record)
        batches.append({t: (_columns(r), np.array([x.offset for x in r], np.int64)) for t, r in rows.items()})
    wall, cpu = time.perf_counter(), time.process_time()
    for fetched in batches:
        inputs: dict[str, Any] = {}
        for topic, (columns_, ord_) in fetched.items():
            inputs[topic] = decode_columns(sources[topic], columns_, 0, None).batch
            inputs[topic].ord = ord_
        columns.process(inputs)
    columns.drain()
    return Timing(time.perf_counter() - wall, time.process_time() - cpu, written[0])


def run_parts(build: Build, given: Sequence[RawRecord], form: Form) -> Timing:
    """Several parts of a topology that write topics for each other: in one process, with stores in memory."""
    builder = StreamsBuilder()
    build(builder)
    driver = BatchTopologyDriver(builder.build().bind("benchmark"), emit_interval_ms=0, outer_interval_ms=0, form=form)
    wall, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(given), BATCH):
        driver.pipe(*given[start : start + BATCH])
    written = sum(len(records) for topic, records in driver.outputs.items() if topic == "out")
    return Timing(time.perf_counter() - wall, time.process_time() - cpu, written)


def _stores(bound: Any, database: StateDatabase) -> dict[str, Any]:
    """Stores of an application: changes wait in memory for a commit, in front of RocksDB."""
    return {spec.name: database.store("task", spec.name, spec.types) for spec in bound.stores}


def _fail(error: Exception) -> None:
    raise error


def _bound(build: Build) -> tuple[Any, Any]:
    """The topology and its only part; None where it has several."""
    builder = StreamsBuilder()
    build(builder)
    bound = builder.build().bind("benchmark")
    return bound, bound.subtopologies[0] if len(bound.subtopologies) == 1 else None


def measure(name: str, number: int, runs: int) -> dict[str, Any]:
    """Run both sides of one operator."""
    bound, sub = _bound(OPERATORS[name])
    parts = bound.subtopologies
    topics = {topic for part in parts for topic in part.sources if not topic.startswith("benchmark-")}
    given = records(sorted(topics), number)
    reason = next((why for part in parts if (why := reason_for_rows(bound, part))), "")
    sides: dict[str, list[Timing]] = {"row": [], "column": []}
    for _ in range(runs):
        runs_of: tuple[tuple[Form, Any], ...] = (("row", run_rows), ("column", run_columns))
        for side, run in runs_of:
            if sub is None:
                sides[side].append(run_parts(OPERATORS[name], given, side))
            elif side == "row" or not reason:
                with TemporaryDirectory() as folder, closing(StateDatabase(Path(folder))) as database:
                    sides[side].append(run(OPERATORS[name], given, database))
    found: dict[str, Any] = {"operator": name, "records": number, "reason_for_rows": reason}
    for side, timings in sides.items():
        if timings:
            wall, cpu = min(each.wall_s for each in timings), min(each.cpu_s for each in timings)
            found[side] = {"records_per_s": round(number / wall), "cpu_us_per_record": round(cpu / number * 1e6, 3)}
    if not reason:
        assert {each.written for timings in sides.values() for each in timings} == {sides["row"][0].written}
        found["wall_ratio"] = round(found["column"]["records_per_s"] / found["row"]["records_per_s"], 1)
        found["cpu_ratio"] = round(found["row"]["cpu_us_per_record"] / found["column"]["cpu_us_per_record"], 1)
    return found


def line(result: dict[str, Any]) -> str:
    """One line for people."""
    rows = f"{result['operator']:<22}{result['row']['records_per_s']:>9,} records/s by rows"
    if result["reason_for_rows"]:
        return f"{rows}   no column form: {result['reason_for_rows']}"
    ratios = f"{result['wall_ratio']:>7.1f}x in wall, {result['cpu_ratio']:.1f}x in CPU"
    return f"{rows}{result['column']['records_per_s']:>12,} as columns{ratios}"


def main() -> int:
    """Measure all operators and keep the results."""
    parser = argparse.ArgumentParser(prog="benchmarks.operators", description=__doc__)
    parser.add_argument("--group", default="operators", choices=["operators"])
    parser.add_argument("--records", type=int, default=40_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="comma list of operators")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the results are written")
    options = parser.parse_args()
    names = [name for name in OPERATORS if not options.only or name in options.only.split(",")]
    results: list[dict[str, Any]] = []
    for name in names:
        results.append(measure(name, options.records, options.runs))
        print(line(results[-1]), flush=True)
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"{time.strftime('%Y-%m-%d')}-operators.json"
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
