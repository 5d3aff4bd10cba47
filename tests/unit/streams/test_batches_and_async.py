"""Functions over Arrow batches, and asynchronous functions: order, errors, commits."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute
import pytest

from kappaflow.errors import StreamsError, UsageError
from kappaflow.streams import Serdes, StreamsBuilder, col
from kappaflow.streams.execution.row_task import RawRecord, RowTask
from kappaflow.streams.processors.async_values import AsyncValuesProcessor
from kappaflow.streams.processors.base import Input, Processor, TaskContext
from kappaflow.streams.record import Record
from kappaflow.testing import TopologyTestDriver
from kappaflow.testing.batch_driver import BatchTopologyDriver, Form

pc: Any = pyarrow.compute
TEXT = Serdes.string()


class Order(TypedDict):
    item: str
    units: int


def scoring(sizes: list[int], returns: Any = None) -> Any:
    def score(batch: Any) -> Any:
        sizes.append(batch.num_rows)
        doubled = pc.multiply(batch.column("units"), 2)
        return pa.RecordBatch.from_arrays([batch.column("item"), doubled], ["item", "score"])

    builder = StreamsBuilder(key_serde=TEXT)
    orders = builder.stream("orders", value_serde=Serdes.columns(Order))
    scored = orders.map_batches(score, returns or {"item": str, "score": int}, batch_size=4)
    scored.filter(col("score").is_null() | (col("score") > 2)).to("scores")
    return builder.build()


def order(units: int | None) -> RawRecord:
    value = None if units is None else Serdes.columns(Order).serialize({"item": "a", "units": units})
    return RawRecord("orders", b"k", value, 7, (("h", b"1"),))


@pytest.mark.parametrize("form", ["row", "column"])
def test_batches_give_one_row_a_record_in_order(form: Form) -> None:
    sizes: list[int] = []
    driver = BatchTopologyDriver(scoring(sizes).bind("app"), form=form)
    driver.pipe(*[order(units) for units in (1, None, 2, 3, 4, 5, 6)])
    assert driver.by_rows == {}
    assert [r.value for r in driver.take("scores")] == [
        None,
        *[f'{{"item":"a","score":{2 * units}}}'.encode() for units in (2, 3, 4, 5, 6)],
    ]
    assert sizes == ([4, 2] if form == "column" else [1] * 6)


def test_rows_wait_for_each_other_where_nothing_can_overtake_them() -> None:
    sizes: list[int] = []
    bound = scoring(sizes).bind("app")
    written: list[Any] = []
    context = TaskContext(lambda _node, _record: None, lambda: 0, may_hold=True)
    task = RowTask(
        bound, bound.subtopologies[0], {}, lambda _n, r: written.append(r.value), lambda _r, _e: None, context
    )
    for units in (2, 3, 4):
        task.process(order(units))
    assert written == []
    assert context.poll()
    assert [value["score"] for value in written] == [4, 6, 8]
    assert sizes == [3]
    for units in (5, 6, 7, 8, 9):
        task.process(order(units))
    assert len(written) == 7
    task.flush_caches()  # as a commit does
    assert [value["score"] for value in written] == [4, 6, 8, 10, 12, 14, 16, 18]


@pytest.mark.parametrize("form", ["row", "column"])
def test_the_record_for_which_a_function_fails_is_named(form: Form) -> None:
    def fails(batch: Any) -> Any:
        if 3 in batch.column("units").to_pylist():
            raise ValueError("three")
        return pc.cast(batch.column("units"), pa.float64())

    builder = StreamsBuilder(key_serde=TEXT)
    builder.stream("orders", value_serde=Serdes.columns(Order)).map_batches(fails, float).to("scores")
    driver = BatchTopologyDriver(builder.build().bind("app"), form=form)
    with pytest.raises(StreamsError, match=r"fails for \{'item': 'a', 'units': 3\}: ValueError: three"):
        driver.pipe(*[order(units) for units in (1, 2, 3, 4)])


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda batch: batch.slice(1), "returns 1 rows of item for 2 records"),
        (lambda batch: batch.select(["item"]), "returns item, but not units"),
        (lambda batch: batch.column("item"), "has to return a RecordBatch or a Table with item, units"),
        (lambda batch: batch.set_column(1, "units", pa.array(["x", "y"])), "returns a units that is no BIGINT"),
    ],
)
def test_what_a_function_returns_is_checked(function: Any, says: str) -> None:
    builder = StreamsBuilder(key_serde=TEXT)
    builder.stream("orders", value_serde=Serdes.columns(Order)).map_batches(function, Order).to("scores")
    driver = BatchTopologyDriver(builder.build().bind("app"), form="column")
    with pytest.raises(StreamsError, match=says):
        driver.pipe(order(1), order(2))


def test_columns_have_to_be_known() -> None:
    builder = StreamsBuilder(key_serde=TEXT)
    with pytest.raises(UsageError, match="needs to know the columns"):
        builder.stream("orders", value_serde=Serdes.json()).map_batches(lambda batch: batch, float)
    with pytest.raises(UsageError, match="does not say which columns"):
        builder.stream("orders", value_serde=Serdes.columns(Order)).map_batches(lambda batch: batch, object)


# ---- asynchronous functions ----


class Collected(Processor):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__("collected", TaskContext(lambda _n, _r: None, lambda: 0))
        self.records: list[Record] = []

    def process(self, record: Record, port: int = 0) -> None:
        self.records.append(record)

    @property
    def pairs(self) -> list[tuple[Any, Any]]:
        return [(record.key, record.value) for record in self.records]


class Gate:
    """Lets calls go on one by one, from outside of their loop."""

    def __init__(self) -> None:
        self._events: dict[Any, threading.Event] = {}
        self.begun: list[Any] = []

    def of(self, value: Any) -> threading.Event:
        return self._events.setdefault(value, threading.Event())

    async def __call__(self, key: Any, value: Any) -> Any:
        self.begun.append(value)
        await asyncio.to_thread(self.of(value).wait, 20)
        return value * 10


def processor(function: Any, **options: Any) -> tuple[AsyncValuesProcessor, Collected]:
    context = TaskContext(lambda _n, _r: None, lambda: 0)
    settings = {"max_in_flight": 10, "timeout_ms": 20_000, "by_key": True, **options}
    made, collected = AsyncValuesProcessor("calls", context, function, **settings), Collected()
    made.children.append(Input(collected))
    return made, collected


def settle(made: AsyncValuesProcessor, gate: Gate, *values: int) -> None:
    """Open the gate for values and wait until their calls are done."""
    calls = [call for call in made._calls if call.record.value in values]
    for value in values:
        gate.of(value).set()
    for call in calls:
        call.result.result(20)


@pytest.mark.parametrize(("by_key", "first"), [(True, [("b", 20)]), (False, [])])
def test_results_keep_the_order_of_their_key(by_key: bool, first: list[Any]) -> None:
    gate = Gate()
    made, collected = processor(gate, by_key=by_key)
    for key, value in (("a", 1), ("b", 2), ("a", 3)):
        made.process(Record(key, value, 0))
    assert made.context.in_flight == 3
    settle(made, gate, 2, 3)
    made.context.poll()
    assert collected.pairs == first
    gate.of(1).set()
    made.flush_cache()  # as a commit does: it waits for the calls
    assert made.context.in_flight == 0
    assert sorted(collected.pairs) == [("a", 10), ("a", 30), ("b", 20)]
    assert [value for key, value in collected.pairs if key == "a"] == [10, 30]
    if not by_key:
        assert collected.pairs == [("a", 10), ("b", 20), ("a", 30)]


def test_no_more_calls_than_asked_for() -> None:
    running, most, lock = [0], [0], threading.Lock()

    async def call(_key: Any, value: Any) -> Any:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        await asyncio.sleep(0)
        with lock:
            running[0] -= 1
        return value

    made, collected = processor(call, max_in_flight=3)
    for value in range(50):
        made.process(Record(value % 7, value, 0))
        assert made.context.in_flight <= 3
    made.flush_cache()
    assert len(collected.records) == 50
    assert most[0] <= 3


def test_a_call_that_fails_or_takes_too_long_ends_the_task() -> None:
    async def fails(_key: Any, _value: Any) -> Any:
        raise OSError("no route")

    made, _ = processor(fails)
    made.process(Record("k", 1, 0, topic="orders", partition=2, offset=5))
    with pytest.raises(StreamsError, match="calls fails for orders-2@5: key 'k': OSError: no route"):
        made.flush_cache()
    slow, _ = processor(Gate(), timeout_ms=1)
    slow.process(Record("k", 99, 0))
    with pytest.raises(StreamsError, match="longer than timeout_ms=1"):
        slow.flush_cache()


def test_the_test_driver_waits_for_calls() -> None:
    async def price(key: str, value: str) -> str:
        await asyncio.sleep(0)
        return f"{key}:{value}"

    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    builder.stream("in").map_values_async(price).group_by_key().count("n").to_stream().to(
        "out", value_serde=Serdes.long()
    )
    with TopologyTestDriver(builder.build()) as driver:
        source = driver.create_input_topic("in", TEXT, TEXT)
        source.pipe_key_values([("a", "x"), ("b", "y"), ("a", "z")])
        out = driver.create_output_topic("out", TEXT, Serdes.long())
        assert out.read_key_values_to_list() == [("a", 1), ("b", 1), ("a", 2)]
    with pytest.raises(UsageError, match="not asynchronous"):
        StreamsBuilder().stream("in").map_values_async(lambda value: value)
