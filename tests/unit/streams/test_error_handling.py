"""Policies for bad records, dead letters, sizes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow import kernel
from kappaflow.errors import FunctionError, KappaError, SerializationError, StreamsError
from kappaflow.streams.execution.error_handling import CONTINUE, ErrorHandler, ErrorPolicy, dead_letter
from kappaflow.streams.execution.record_sizes import batch_size, rows_above
from kappaflow.streams.execution.row_task import RawRecord

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
