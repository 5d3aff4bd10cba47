"""Folds under random batch cuts equal a fold record by record, in both kernels."""

from __future__ import annotations

import importlib
import itertools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kappaflow.kernel import fold_table, lookups, packed_rows, windows
from kappaflow.kernel.fold_columns import arrow_type
from kappaflow.kernel.fold_steps import pack

INPUTS: dict[str, st.SearchStrategy[Any]] = {
    "BOOLEAN": st.booleans(),
    "INTEGER": st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 3),
    "BIGINT": st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3),
    "DOUBLE": st.floats() | st.sampled_from([0.0, -0.0, math.nan, 0.1, 1e16, -1e16]),
    "STRING": st.text(max_size=4) | st.sampled_from(["\ue000", "\uffff", "\U00010000", "a" * 40]),
    "BYTES": st.binary(max_size=30),
    "DATE": st.integers(-1000, 1000),
    "TIME": st.integers(0, 86_399_999),
    "TIMESTAMP": st.integers(-(2**40), 2**40),
}
FOLDS = [
    (kind, of)
    for of in INPUTS
    for kind in ("count", "sum", "min", "max", "latest", "earliest", "last")
    if kind != "sum" or of in ("INTEGER", "BIGINT", "DOUBLE")
]
keys = st.none() | st.sampled_from(
    [b"", b"a", b"b", b"\0", b"16 bytes of key!", b"17 bytes of key!!", b"k" * 33, b"k" * 32 + b"j"]
)


@pytest.fixture(scope="module")
def kernel(backend: str) -> Any:
    """The folds, windows and look-ups of one kernel; held against the twins."""
    if backend == "native":
        return importlib.import_module("kappaflow.kernel.native_folds")
    return SimpleNamespace(
        FoldTable=fold_table.FoldTable,
        assign_windows=windows.assign_windows,
        window_keys=windows.window_keys,
        as_of=lookups.as_of,
        last_per_key=lookups.last_per_key,
        previous_in_key=lookups.previous_in_key,
        pack_rows=packed_rows.pack_rows,
    )


@st.composite
def scenarios(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]], list[int]]:
    """Folds, rows (key, timestamp, masked in, delete afterwards, one input a fold), and where batches are cut."""
    folds = draw(st.lists(st.sampled_from(FOLDS), min_size=1, max_size=4))
    values = [st.none() | INPUTS[of] for _, of in folds]
    row = st.tuples(
        keys, st.integers(0, 9), st.booleans() | st.just(True), st.integers(0, 9).map(lambda n: n == 0), *values
    )
    rows = draw(st.lists(row, max_size=30))
    return folds, rows, sorted(draw(st.lists(st.integers(0, len(rows)), max_size=4)))


def arrays(folds: list[tuple[str, str]], rows: list[tuple[Any, ...]]) -> list[pa.Array]:
    return [pa.array([row[4 + at] for row in rows], arrow_type(of)) for at, (_, of) in enumerate(folds)]


def lists(columns: list[pa.Array]) -> list[list[Any]]:
    return [column.to_pylist() for column in columns]


def batches(rows: list[Any], cuts: list[int]) -> list[list[Any]]:
    bounds = [0, *cuts, len(rows)]
    return [rows[start:end] for start, end in itertools.pairwise(bounds)]


class Run:
    """A table and the store beside it."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.store: dict[bytes, bytes | None] = {}
        self.trace: list[Any] = []

    def step(self, folds: list[tuple[str, str]], rows: list[tuple[Any, ...]], evict: bool) -> None:
        if not rows:
            return
        column = pa.array([row[0] for row in rows], pa.binary_view())
        missing = self.table.missing(column)
        self.table.load(missing, pa.array([self.store.get(key) for key in missing.to_pylist()], pa.binary()))
        assert len(self.table.missing(column)) == 0
        times = np.array([row[1] for row in rows], np.int64)
        mask = np.array([row[2] for row in rows], np.bool_)
        output = self.table.fold_every(column, times, arrays(folds, rows), mask, with_old=True)
        new, old = lists(output.columns), lists(output.old_columns)
        for at in range(len(rows)):
            self.trace.append(
                ([c[at] for c in new], [c[at] for c in old], bool(output.old_valid[at]), int(output.timestamp[at]))
            )
        if rows[-1][3]:
            self.table.delete(column[-1:])
        if evict:
            self.drain()
            self.table.evict_clean(0)

    def drain(self) -> list[Any]:
        dirty = self.table.drain_dirty()
        drained = list(zip(dirty.keys.to_pylist(), dirty.packed.to_pylist(), dirty.timestamp.tolist(), strict=True))
        self.store |= {key: packed for key, packed, _ in drained}
        return [drained, lists(dirty.columns)]


@given(scenarios(), st.booleans())
def test_cut_batches_equal_single_rows(kernel: Any, scenario: Any, evict: bool) -> None:
    folds, rows, cuts = scenario
    parts = batches(rows, cuts)
    # A delete closes its batch, so that it means the same under other cuts.
    parts = [piece for part in parts for piece in split_after_deletes(part)]
    whole, single = Run(kernel.FoldTable(folds)), Run(fold_table.FoldTable(folds))
    for part in parts:
        whole.step(folds, part, evict)
    for row in rows:
        single.step(folds, [row], False)
    assert repr(whole.trace) == repr(single.trace)
    assert repr(whole.drain()) == repr(single.drain()) or evict
    assert {k: v for k, v in whole.store.items() if v} == {k: v for k, v in single.store.items() if v}
    assert len(whole.table.drain_dirty().keys) == 0


def split_after_deletes(rows: list[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    pieces: list[list[tuple[Any, ...]]] = [[]]
    for row in rows:
        pieces[-1].append(row)
        if row[3]:
            pieces.append([])
    return [piece for piece in pieces if piece]


@given(scenarios())
def test_read_and_fold_last_agree(kernel: Any, scenario: Any) -> None:
    folds, rows, _ = scenario
    column = pa.array([row[0] for row in rows], pa.binary())
    times = np.array([row[1] for row in rows], np.int64)
    tables = [kernel.FoldTable(folds), fold_table.FoldTable(folds)]
    for table in tables:
        table.fold_last(column, times, arrays(folds, rows))
    ours, twin = (table.read(pa.array([b"a", None, b"absent", b"k" * 33], pa.binary())) for table in tables)
    assert repr(lists(ours.columns)) == repr(lists(twin.columns))
    assert ours.old_valid.tolist() == twin.old_valid.tolist()
    assert ours.timestamp.tolist() == twin.timestamp.tolist()


@given(st.lists(st.sampled_from(FOLDS), min_size=1, max_size=10), st.binary(max_size=40))
def test_bytes_that_are_no_state_are_refused(kernel: Any, folds: list[tuple[str, str]], packed: bytes) -> None:
    key = pa.array([b"k"], pa.binary())
    outcomes: list[str] = []
    for table in (kernel.FoldTable(folds), fold_table.FoldTable(folds)):
        try:
            table.load(key, pa.array([packed], pa.binary()))
            outcomes.append("taken")
        except ValueError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_a_double_sum_goes_on_from_the_state(kernel: Any) -> None:
    table = kernel.FoldTable([("sum", "DOUBLE")])
    key, time = pa.array([b"k"] * 3, pa.binary()), np.zeros(3, np.int64)
    first = table.fold_every(key, time, [pa.array([1e16, 1.0, -1e16])])
    assert first.columns[0].to_pylist() == [1e16, 1e16 + 1.0, (1e16 + 1.0) - 1e16]


@given(
    st.lists(st.tuples(st.integers(0, 100), st.booleans() | st.just(True)), max_size=30),
    st.integers(-1, 50),
    st.integers(1, 30),
    st.integers(1, 30),
    st.integers(0, 20),
)
def test_windows_agree(
    kernel: Any, rows: list[tuple[int, bool]], stream_time: int, size: int, advance: int, grace: int
) -> None:
    times = np.array([row[0] for row in rows], np.int64)
    valid = np.array([row[1] for row in rows], np.bool_)
    for mask in (None, valid):
        ours = kernel.assign_windows(times, stream_time, size, advance, grace, mask)
        twin = windows.assign_windows(times, stream_time, size, advance, grace, mask)
        assert [ours.row.tolist(), ours.start.tolist(), *ours[2:]] == [
            twin.row.tolist(),
            twin.start.tolist(),
            *twin[2:],
        ]


def test_a_window_is_closed_when_its_end_and_grace_are_reached(kernel: Any) -> None:
    # Stream time 25, grace 5: the window [10, 20) ends at 20 = 25 - 5 and is closed.
    rows = kernel.assign_windows(np.array([25, 19, 20], np.int64), -1, 10, 10, 5)
    assert (rows.row.tolist(), rows.start.tolist(), rows.late_count, rows.stream_time) == ([0, 2], [20, 20], 1, 25)


@given(st.lists(st.tuples(keys, st.integers(-(2**63), 2**63 - 1)), max_size=10))
def test_window_keys_agree(kernel: Any, pairs: list[tuple[Any, int]]) -> None:
    column = pa.array([key for key, _ in pairs], pa.binary_view())
    starts = np.array([start for _, start in pairs], np.int64)
    assert kernel.window_keys(column, starts).to_pylist() == windows.window_keys(column, starts).to_pylist()


ordered = st.lists(st.tuples(st.integers(0, 20), keys), max_size=30).map(lambda rows: sorted(rows, key=lambda r: r[0]))


@given(ordered, ordered)
def test_as_of_agrees(kernel: Any, changes: list[tuple[int, Any]], asked: list[tuple[int, Any]]) -> None:
    found = kernel.as_of(
        pa.array([key for _, key in changes], pa.binary()),
        np.array([order for order, _ in changes], np.int64),
        pa.array([key for _, key in asked], pa.binary_view()),
        np.array([order for order, _ in asked], np.int64),
    )
    expected = [
        max((i for i, (o, k) in enumerate(changes) if k is not None and k == key and o < order), default=-1)
        for order, key in asked
    ]
    assert found.tolist() == expected


@given(st.lists(keys, max_size=30))
def test_positions_in_a_key_agree(kernel: Any, values: list[Any]) -> None:
    column = pa.array(values, pa.binary_view())
    assert kernel.last_per_key(column).tolist() == lookups.last_per_key(column).tolist()
    assert kernel.previous_in_key(column).tolist() == lookups.previous_in_key(column).tolist()


@given(scenario=scenarios(), data=st.data())
def test_packed_rows_are_those_of_the_row_form(
    kernel: Any, scenario: tuple[list[tuple[str, str]], list[tuple[Any, ...]], list[int]], data: st.DataObject
) -> None:
    folds, rows, _ = scenario
    types = [of for _, of in folds]
    times = np.array([row[1] for row in rows], np.int64)
    valid = np.array([row[2] for row in rows], np.bool_) if data.draw(st.booleans()) else None
    columns = arrays(folds, rows)
    packed = kernel.pack_rows(times, columns, types, valid).to_pylist()
    plain = [fold_table.plain_values(column, of) for column, of in zip(columns, types, strict=True)]
    assert packed == [
        pack(row[1], [column[at] for column in plain], types) if valid is None or valid[at] else None
        for at, row in enumerate(rows)
    ]
