from typing import TypeAlias

from kappaflow.kernel.record_columns import ArrowArray, Int64s

# An object with the buffer protocol; numpy's stubs name only concrete types of that kind.
Vector: TypeAlias = bytearray

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
def murmur2(key: bytes) -> int: ...
def murmur2_column(keys: ArrowArray) -> Vector: ...
def json_decode(
    data: ArrowArray, names: list[str], types: list[str], keep: list[bool], unwrapped: bool
) -> tuple[list[ArrowArray | None], Vector, Vector]: ...
def json_encode(
    columns: list[ArrowArray],
    names: list[bytes],
    raw: list[bool],
    valid: object | None,
    rows: int,
    unwrapped: bool,
) -> ArrowArray: ...
def delimited_decode(
    data: ArrowArray, delimiter: int, types: list[str], keep: list[bool]
) -> tuple[list[ArrowArray | None], Vector, Vector]: ...
def delimited_encode(columns: list[ArrowArray], delimiter: int, valid: object | None) -> ArrowArray: ...
def primitives_decode(data: ArrowArray, type_: str) -> tuple[ArrowArray, Vector]: ...
def primitives_encode(column: ArrowArray) -> ArrowArray: ...
def double_text(value: float) -> str: ...
def windowed_append(keys: ArrowArray, first: Int64s, second: Int64s | None) -> ArrowArray: ...
def windowed_split(data: ArrowArray, count: int) -> tuple[ArrowArray, Vector, Vector]: ...
