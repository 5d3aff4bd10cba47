"""Sorted tables: the native ones are the twin's byte for byte, and RocksDB reads out of them what went in."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.kernel import tables as twin
from kappaflow.serde.types import STRING
from kappaflow.state.database import StateDatabase

KEYS = st.none() | st.binary(max_size=3) | st.binary(max_size=40) | st.integers(0, 400).map(lambda n: b"key-%d" % n)
ROWS = st.none() | st.binary(max_size=60) | st.integers(0, 3).map(lambda n: b"row" * n)
CHUNKS = st.lists(st.lists(st.tuples(KEYS, ROWS), max_size=300), max_size=4)
PREFIXES = st.sampled_from([b"", b"q/0_0\x00counts\x00", b"\xff\xfe"])


@pytest.fixture(scope="module")
def kernel(backend: str) -> Any:
    return importlib.import_module("kappaflow.kernel.native_tables") if backend == "native" else twin


def columns(chunks: list[list[tuple[bytes | None, bytes | None]]]) -> tuple[list[Any], list[Any]]:
    keys = [pa.array([key for key, _ in chunk], pa.binary_view()) for chunk in chunks]
    return keys, [pa.array([row for _, row in chunk], pa.binary()) for chunk in chunks]


@contextmanager
def kernel_of_databases(kernel: Any) -> Generator[None]:
    """Have databases make their tables by this kernel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kappaflow.kernel.sorted_table", kernel.sorted_table)
        yield


def table_of(kernel: Any, prefix: bytes, keys: list[Any], rows: list[Any]) -> bytes | None:
    pieces: list[bytes] = []
    return b"".join(pieces) if kernel.sorted_table(prefix, keys, rows, pieces.append) else None


@given(chunks=CHUNKS, prefix=PREFIXES)
def test_equals_the_twin(kernel: Any, chunks: list[list[tuple[bytes | None, bytes | None]]], prefix: bytes) -> None:
    assert table_of(kernel, prefix, *columns(chunks)) == table_of(twin, prefix, *columns(chunks))


@settings(max_examples=30)
@given(chunks=CHUNKS)
def test_rocksdb_reads_what_went_in(kernel: Any, chunks: list[list[tuple[bytes | None, bytes | None]]]) -> None:
    with kernel_of_databases(kernel), tempfile.TemporaryDirectory(prefix="kappa-tables-") as directory:
        database = StateDatabase(Path(directory))
        store = database.store("q/0_0", "rows", (STRING,))
        before = {b"key-%d" % n: b"before" for n in range(50)}
        database.write_restored(store, before.items(), "q/0_0", {})
        table = database.write_table(store.prefix, *columns(chunks))
        expected: dict[bytes, bytes | None] = dict(before)
        expected.update((key, row) for chunk in chunks for key, row in chunk if key is not None)
        assert (table is None) == all(key is None for chunk in chunks for key, _ in chunk)
        if table is not None:
            database.take_table(table)
        for _ in range(2):  # in the second round from a database that was opened again
            # The filter is asked for single keys: one that it does not know would not be found.
            assert store.get_packed(list(expected)) == list(expected.values())
            assert store.get_packed([b"key-x", b"\xff" * 50]) == [None, None]
            found = dict(store.committed())
            assert found == {key: row for key, row in expected.items() if row is not None}
            database.close()
            database = StateDatabase(Path(directory))
            store = database.store("q/0_0", "rows", (STRING,))
        database.close()


def test_many_rows_make_many_blocks(kernel: Any) -> None:
    count = 30_000
    keys = pa.array([str(n * 7919 % count).encode() for n in range(count)], pa.binary())
    rows = pa.array([b"row of %d" % n for n in range(count)], pa.binary())
    whole = table_of(kernel, b"q/0_0\x00rows\x00", [keys], [rows])
    assert whole == table_of(twin, b"q/0_0\x00rows\x00", [keys], [rows])
    with kernel_of_databases(kernel), tempfile.TemporaryDirectory(prefix="kappa-tables-") as directory:
        database = StateDatabase(Path(directory))
        store = database.store("q/0_0", "rows", (STRING,))
        table = database.write_table(store.prefix, [keys], [rows])
        assert table is not None and table.read_bytes() == whole
        database.take_table(table)
        found = list(store.committed())
        assert found == sorted(zip(keys.to_pylist(), rows.to_pylist(), strict=True))
        assert store.get_packed([b"%d" % n for n in range(count, count + 500)]) == [None] * 500
        database.close()


@pytest.mark.parametrize("runs", [1, 2, 7, 64, 65, 500])
def test_rows_that_come_in_runs_are_sorted_and_the_last_row_of_a_key_counts(kernel: Any, runs: int) -> None:
    length = 2_000 // runs
    numbers = [run % 3 * 7 + 5 * at for run in range(runs) for at in range(length)]
    keys = [pa.array([b"%06d" % number for number in numbers], pa.binary_view())]
    keys.append(keys[0].slice(len(numbers) // 2))
    rows = [pa.array([b"%d" % at for at in range(len(part))], pa.binary()) for part in keys]
    assert table_of(kernel, b"q/0_0\x00", keys, rows) == table_of(twin, b"q/0_0\x00", keys, rows)


def test_refuses_columns_of_different_lengths(kernel: Any) -> None:
    with pytest.raises(ValueError, match="same length"):
        kernel.sorted_table(b"", [pa.array([b"a"])], [pa.array([], pa.binary())], print)
    with pytest.raises(ValueError, match="same length"):
        kernel.sorted_table(b"", [pa.array([b"a"])], [], print)


def test_what_goes_wrong_with_a_piece_ends_the_table(kernel: Any) -> None:
    def full(_: bytes) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        kernel.sorted_table(b"", [pa.array([b"a"])], [pa.array([b"b"])], full)
