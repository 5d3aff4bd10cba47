from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kappaflow.kernel.record_columns import ArrowArray, Int64s

# An object with the buffer protocol; numpy's stubs name only concrete types of that kind.
Vector: TypeAlias = bytearray
# The name of a type, the names of its fields, its inner types.
TypeSpec: TypeAlias = tuple[str, list[str], list[Any]]

def decode_records(
    buffer: bytes | bytearray | memoryview,
    fetch_offset: int,
    check_crc: bool,
    read_committed: bool,
    aborted: list[tuple[int, int]],
    with_headers: bool,
) -> tuple[Vector, Vector, ArrowArray, ArrowArray, ArrowArray | None, int, tuple[int, str] | None]: ...
def encode_records(
    key: ArrowArray,
    value: ArrowArray,
    timestamp: Int64s,
    headers: ArrowArray | None,
    codec: int,
    partition: Int64s | None,
    partitions: int,
    sticky_partition: int,
    transactional: bool,
    producer: tuple[int, int, int],
    max_batch_bytes: int,
) -> tuple[list[list[tuple[bytes, Vector]]], int]: ...
def restamp(
    batch: bytes, producer_id: int, producer_epoch: int, base_sequence: int, transactional: bool | None
) -> bytes: ...
def check_batches(
    buffer: bytes,
    base_offset: int,
    next_offset: int,
    index_interval_bytes: int,
    bytes_since_entry: int,
    largest: tuple[int, int],
) -> tuple[
    int, bool, int, int, tuple[int, int], int | None, list[tuple[int, int, int, int]], list[tuple[int, int]]
]: ...
def producer_batches(buffer: bytes) -> tuple[list[int], int, bool]: ...
def murmur2(key: bytes) -> int: ...
def murmur2_column(keys: ArrowArray) -> Vector: ...
def json_decode(
    data: ArrowArray, names: list[str], types: list[TypeSpec], keep: list[bool], unwrapped: bool, header: int = 0
) -> tuple[list[ArrowArray | None], Vector, Vector]: ...
def json_encode(
    columns: list[ArrowArray],
    names: list[bytes],
    raw: list[bool],
    valid: object | None,
    rows: int,
    unwrapped: bool,
    header: bytes | None = None,
) -> ArrowArray: ...
def delimited_decode(
    data: ArrowArray, delimiter: int, types: list[TypeSpec], keep: list[bool]
) -> tuple[list[ArrowArray | None], Vector, Vector]: ...
def delimited_encode(columns: list[ArrowArray], delimiter: int, valid: object | None) -> ArrowArray: ...
def primitives_decode(data: ArrowArray, type_: TypeSpec) -> tuple[ArrowArray, Vector]: ...
def primitives_encode(column: ArrowArray) -> ArrowArray: ...
def double_text(value: float) -> str: ...
def windowed_append(keys: ArrowArray, first: Int64s, second: Int64s | None) -> ArrowArray: ...
def windowed_split(data: ArrowArray, count: int) -> tuple[ArrowArray, Vector, Vector]: ...

Flags: TypeAlias = npt.NDArray[np.uint8]

class FoldTable:
    def __new__(cls, folds: list[tuple[str, str]]) -> FoldTable: ...
    @property
    def bytes(self) -> int: ...
    def __len__(self) -> int: ...
    def missing(self, keys: ArrowArray) -> ArrowArray: ...
    def load(self, keys: ArrowArray, packed: ArrowArray) -> None: ...
    def fold_every(
        self,
        keys: ArrowArray,
        timestamp: Int64s,
        inputs: list[ArrowArray | None],
        mask: Flags | None,
        with_old: bool,
    ) -> tuple[list[ArrowArray], list[ArrowArray], Vector, Vector]: ...
    def fold_last(
        self, keys: ArrowArray, timestamp: Int64s, inputs: list[ArrowArray | None], mask: Flags | None
    ) -> None: ...
    def delete(self, keys: ArrowArray) -> None: ...
    def read(self, keys: ArrowArray) -> tuple[list[ArrowArray], list[ArrowArray], Vector, Vector]: ...
    def drain_dirty(self) -> tuple[ArrowArray, ArrowArray, list[ArrowArray], Vector]: ...
    def evict_clean(self, limit_bytes: int) -> int: ...

def sorted_table(
    prefix: bytes, keys: list[ArrowArray], rows: list[ArrowArray], write: Callable[[bytes], object]
) -> bool: ...
def pack_rows(timestamp: Int64s, columns: list[ArrowArray], types: list[str], valid: Flags | None) -> ArrowArray: ...
def assign_windows(
    timestamps: Int64s, stream_time: int, size_ms: int, advance_ms: int, grace_ms: int, valid: Flags | None
) -> tuple[Vector, Vector, int, int]: ...
def window_keys(keys: ArrowArray, starts: Int64s) -> ArrowArray: ...
def as_of(change_keys: ArrowArray, change_ord: Int64s, lookup_keys: ArrowArray, lookup_ord: Int64s) -> Vector: ...
def last_per_key(keys: ArrowArray) -> Vector: ...
def previous_in_key(keys: ArrowArray) -> Vector: ...

class RecordPlan:
    def __init__(self, kind: str, step: Any, prefix: bytes) -> None: ...

class WritePlan:
    def __init__(self, kind: str, step: Any, prefix: bytes) -> None: ...

def schema_encode(
    columns: list[ArrowArray],
    plan: WritePlan,
    valid: object | None,
    rows: int,
    is_unwrapped: bool,
    is_bare: bool,
) -> tuple[ArrowArray, Vector]: ...
def schema_ids(data: Any) -> list[int]: ...
def schema_decode(
    data: Any,
    plans: list[tuple[int, RecordPlan]],
    types: list[Any],
    keep: list[bool],
    is_bare: bool,
    is_framed: bool,
) -> tuple[list[Any], Any, Any]: ...
