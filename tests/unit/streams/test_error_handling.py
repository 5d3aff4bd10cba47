"""Policies for bad records, dead letters, sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow import kernel
from kappaflow.errors import FunctionError, KappaError, RecordFailedError, SerializationError, StreamsError
from kappaflow.streams import STREAM_TIME, Processor, ProcessorContext, Record, Serdes, StreamsBuilder
from kappaflow.streams.execution.error_handling import (
    CONTINUE,
    ErrorHandler,
    ErrorPolicy,
    RecordProblem,
    Response,
    dead_letter,
)
from kappaflow.streams.execution.record_sizes import batch_size, rows_above
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing import TopologyTestDriver

RAW = RawRecord("orders", b"k", b"v", 1_700_000_000_000, (("trace", b"1"),), 3, 42)


class Outputs:
    def __init__(self) -> None:
        self.records: list[RawRecord] = []

    def add(self, record: RawRecord) -> None:
        self.records.append(record)


def handler(policy: ErrorPolicy) -> tuple[ErrorHandler, Outputs, list[str]]:
    outputs, told = Outputs(), list[str]()
    return ErrorHandler(policy, outputs, lambda place, error: told.append(f"{place}: {error}")), outputs, told


def test_failing_names_record_and_setting_and_writes_nothing() -> None:
    errors, outputs, told = handler(ErrorPolicy(dead_letter_topic="dead"))
    problem = SerializationError("no.")
    for call, setting in (
        (lambda: errors.deserialization(RAW, problem), "deserialization.exception.handler"),
        (lambda: errors.processing(RAW, problem), "processing.exception.handler"),
        (lambda: errors.production("out", RAW, problem), "production.exception.handler"),
    ):
        with pytest.raises(StreamsError, match=rf"orders-3@42.*no\..*{setting}"):
            call()
    assert not outputs.records and not told


def test_going_on_tells_and_keeps_a_letter_where_there_is_a_topic() -> None:
    errors, outputs, told = handler(CONTINUE)
    errors.deserialization(RAW, SerializationError("no"))
    assert told == ["orders-3@42: no"] and not outputs.records
    errors, outputs, told = handler(ErrorPolicy("continue", "continue", "continue", "dead"))
    errors.processing(RAW, SerializationError("no"))
    errors.production("out", None, SerializationError("late"))
    errors.production("dead", RAW, SerializationError("a letter that is too large goes nowhere"))
    first, second = outputs.records
    assert (first.topic, first.key, first.value, first.timestamp) == ("dead", b"k", b"v", RAW.timestamp)
    assert dict(first.headers) == {
        "trace": b"1",
        "__streams.errors.exception": b"kappaflow.errors.SerializationError",
        "__streams.errors.message": b"no",
        "__streams.errors.stacktrace": b"kappaflow.errors.SerializationError: no\n",
        "__streams.errors.topic": b"orders",
        "__streams.errors.partition": b"3",
        "__streams.errors.offset": b"42",
    }
    assert (second.key, second.value) == (None, None)
    assert len(told) == 3


def test_what_a_function_raised_is_told_with_where() -> None:
    def mine() -> None:
        raise ZeroDivisionError("by zero")

    def wrapped() -> None:
        try:
            mine()
        except ZeroDivisionError as cause:
            raise FunctionError("MINE failed") from cause

    with pytest.raises(KappaError) as raised:
        wrapped()
    headers = dict(dead_letter("dead", RAW, raised.value).headers)
    assert headers["__streams.errors.exception"] == b"builtins.ZeroDivisionError"
    assert headers["__streams.errors.message"] == b"MINE failed"
    assert b"in mine" in (headers["__streams.errors.stacktrace"] or b"")


DATA = st.none() | st.binary(max_size=300)
HEADERS = st.lists(st.fixed_dictionaries({"key": st.text(max_size=5), "value": DATA}), max_size=3)


@settings(deadline=None)  # the first call loads the kernel
@given(st.lists(st.tuples(DATA, DATA, HEADERS), min_size=1, max_size=5), st.integers(80, 700))
def test_sizes_are_those_of_batches_of_one_record(
    rows: list[tuple[bytes, bytes, list[dict[str, object]]]], limit: int
) -> None:
    kind = pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())]))
    keys, values = (pa.array([row[i] for row in rows], pa.binary()) for i in (0, 1))
    headers = pa.array([row[2] for row in rows], kind)
    sizes: list[int] = []
    for i in range(len(rows)):
        encoded = kernel.encode_records(
            keys[i : i + 1], values[i : i + 1], np.array([1_000]), headers=headers[i : i + 1], partitions=1
        )
        ((batch,),) = encoded.partitions.values()
        sizes.append(len(batch.data))
        assert batch_size(*rows[i]) == sizes[i]
    expected = {i: size for i, size in enumerate(sizes) if size > limit}
    assert rows_above(limit, keys, values, headers) == expected
    keys, values = keys.cast(pa.binary_view()), values.cast(pa.binary_view())
    assert rows_above(limit, keys, values, headers) == expected
    assert rows_above(limit, keys[1:], values[1:], headers[1:]) == {i - 1: size for i, size in expected.items() if i}


# ---- in a topology ----

TEXT, LONG = Serdes.string(), Serdes.long()


def driven(errors: ErrorPolicy | None, *values: str) -> tuple[TopologyTestDriver, list[Any], list[Any]]:
    """Two branches of one stream: one fails for what is no number, the other takes everything."""
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    source = builder.stream("in")
    source.map_values(int, name="as-number").to("numbers", value_serde=LONG)
    source.to("all")
    driver = TopologyTestDriver(builder.build(), errors=errors)
    driver.create_input_topic("in", TEXT, TEXT).pipe_values(values)
    numbers = driver.create_output_topic("numbers", TEXT, LONG).read_values_to_list()
    return driver, numbers, driver.create_output_topic("all", TEXT, TEXT).read_values_to_list()


def test_a_record_is_passed_behind_the_operator_that_fails_and_goes_on_in_other_branches() -> None:
    driver, numbers, everything = driven(ErrorPolicy(processing="continue", dead_letter_topic="dead"), "1", "x", "2")
    assert (numbers, everything) == ([1, 2], ["1", "x", "2"])
    (letter,) = driver.take("dead")
    told = {name.removeprefix("__streams.errors."): value for name, value in letter.headers}
    assert (letter.value, told["exception"], told["offset"]) == (b"x", b"builtins.ValueError", b"1")
    assert b"as-number failed for in-0@1: ValueError" in (told["message"] or b"")
    assert driver.dropped == {"processing": 1}


def test_a_handler_decides_about_each_record_and_writes_letters_of_its_own() -> None:
    seen: list[RecordProblem] = []

    def decide(problem: RecordProblem) -> Response | str:
        seen.append(problem)
        if problem.record is None or problem.record.value == b"worse":
            return "fail"
        return Response("continue", (RawRecord("mine", b"k", problem.record.value, 7),))

    driver, numbers, everything = driven(ErrorPolicy(processing=decide, dead_letter_topic="dead"), "1", "x")  # type: ignore[arg-type]
    assert (numbers, everything) == ([1], ["1", "x"])
    assert [record.value for record in driver.take("mine")] == [b"x"] and not driver.take("dead")
    assert [(p.kind, p.node, type(p.cause)) for p in seen] == [("processing", "as-number", ValueError)]
    with pytest.raises(RecordFailedError, match=r"cannot be processed: in-0@0: as-number failed .*ValueError"):
        driven(ErrorPolicy(processing=decide), "worse")  # type: ignore[arg-type]
    with pytest.raises(StreamsError, match="answers continue or fail, not 'perhaps'"):
        driven(ErrorPolicy(processing=lambda _: "perhaps"), "x")  # type: ignore[arg-type,return-value]


def test_what_cannot_be_read_or_written_goes_by_the_policy_too() -> None:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=LONG)
    builder.stream("in").map_values(lambda value: "big" if value > 9 else value).to("out")
    policy = ErrorPolicy("continue", production="continue", dead_letter_topic="dead")
    with TopologyTestDriver(builder.build(), errors=policy) as driver:
        driver.create_input_topic("in", TEXT, TEXT).pipe_input("a", "no long")
        driver.create_input_topic("in", TEXT, LONG).pipe_values([10, 2])
        assert driver.create_output_topic("out", TEXT, LONG).read_values_to_list() == [2]
        assert [letter.value for letter in driver.take("dead")] == [b"no long", LONG.serialize(10)]


def test_a_scheduled_call_that_fails_goes_by_the_policy() -> None:
    class Fails(Processor):
        def init(self, context: ProcessorContext) -> None:
            super().init(context)
            context.schedule(10, STREAM_TIME, lambda now: int("none"))

        def process(self, record: Record) -> None:
            self.context.forward(record)

    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    builder.stream("in").process(Fails, name="fails").to("out", key_serde=TEXT, value_serde=TEXT)
    seen: list[RecordProblem] = []
    policy = ErrorPolicy(processing="continue", listener=seen.append)
    with TopologyTestDriver(builder.build(), errors=policy) as driver:
        driver.create_input_topic("in", TEXT, TEXT).pipe_values(["x"])
        assert driver.create_output_topic("out", TEXT, TEXT).read_values_to_list() == ["x"]
    assert [problem.node for problem in seen] == ["fails"]


def test_without_a_policy_the_error_comes_as_it_was_raised_and_says_where() -> None:
    with pytest.raises(ValueError, match="invalid literal") as raised:
        driven(None, "1", "x")
    assert raised.value.__notes__ == ["While as-number processed in-0@1."]
