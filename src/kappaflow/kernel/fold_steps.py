"""What each kind of fold does with a state and an input, on plain values; twin of the native steps."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

Step = Callable[[Any, Any], Any]

_WIDTHS = {"BOOLEAN": 1, "INTEGER": 4, "DATE": 4, "TIME": 4, "BIGINT": 8, "TIMESTAMP": 8, "DOUBLE": 8}


def start_of(kind: str, of: str) -> Any:
    """The state before the first input: zero for counts and sums, else null."""
    if kind == "count" or (kind == "sum" and of != "DOUBLE"):
        return 0
    return 0.0 if kind == "sum" else None


def step_of(kind: str, of: str) -> Step:
    """The function (state, input) -> state; the input of a count is whether the row counts."""
    if kind == "count":
        return lambda state, counts: _wrap(state + 1, 64) if counts else state
    if kind == "sum":
        if of == "DOUBLE":
            return lambda state, value: state if value is None else state + value
        bits = 32 if of == "INTEGER" else 64
        return lambda state, value: state if value is None else _wrap(state + value, bits)
    if kind == "last":
        return lambda _state, value: value
    if kind == "latest":
        return lambda state, value: state if value is None else value
    if kind == "earliest":
        return lambda state, value: value if state is None else state
    order = ordering_key(of)
    if kind == "min":
        return lambda state, value: (
            value if value is not None and (state is None or order(value) < order(state)) else state
        )
    return lambda state, value: value if value is not None and (state is None or order(value) > order(state)) else state


def ordering_key(of: str) -> Callable[[Any], Any]:
    """What Java compares: doubles with -0.0 before 0.0 and NaN above all, strings by UTF-16 units."""
    if of == "DOUBLE":
        return lambda value: (1, 0.0, 0) if math.isnan(value) else (0, value, math.copysign(1, value))
    if of == "STRING":
        return lambda value: value.encode("utf-16-be", "surrogatepass")
    return lambda value: value


def _wrap(number: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (number + half) % (half * 2) - half


def pack(timestamp: int, state: list[Any], types: list[str]) -> bytes:
    """Pack a state: timestamp, a bit per column (lowest first, set where not null), then the values that are there.

    Numbers are big-endian (BOOLEAN 1 byte; INTEGER, DATE, TIME 4; BIGINT, TIMESTAMP, DOUBLE 8), STRING and BYTES
    follow their length in 4 bytes.  Every NaN is packed as the one of Java, 7ff8000000000000.
    """
    bitmap = sum(1 << column for column, value in enumerate(state) if value is not None)
    out = bytearray(struct.pack(">q", timestamp) + bitmap.to_bytes((len(types) + 7) // 8, "little"))
    for value, of in zip(state, types, strict=True):
        if value is None:
            continue
        if of in ("STRING", "BYTES"):
            data = value.encode() if isinstance(value, str) else value
            out += struct.pack(">I", len(data)) + data
        elif of == "DOUBLE":
            out += struct.pack(">d", math.nan if math.isnan(value) else value)
        else:
            out += int(value).to_bytes(_WIDTHS[of], "big", signed=True)
    return bytes(out)


def unpack(packed: bytes, types: list[str]) -> tuple[int, list[Any]]:
    """Read a packed state: its timestamp and one value a column.

    Raises:
        ValueError: the bytes are not a packed state of these types.
    """
    at = 8 + (len(types) + 7) // 8
    if len(packed) < at:
        raise ValueError("a packed state is cut off")
    bitmap = int.from_bytes(packed[8:at], "little")
    state: list[Any] = []
    for column, of in enumerate(types):
        if not bitmap >> column & 1:
            state.append(None)
            continue
        width = _WIDTHS.get(of)
        if width is None:
            width = int.from_bytes(packed[at : at + 4], "big")
            at += 4
        data = packed[at : at + width]
        at += width
        if at > len(packed):
            raise ValueError("a packed state is cut off")
        state.append(_value(data, of))
    if at != len(packed):
        raise ValueError("bytes follow a packed state")
    return int.from_bytes(packed[:8], "big", signed=True), state


def _value(data: bytes, of: str) -> Any:
    if of == "STRING":
        return data.decode()
    if of == "BYTES":
        return data
    if of == "DOUBLE":
        return struct.unpack(">d", data)[0]
    number = int.from_bytes(data, "big", signed=True)
    return bool(number) if of == "BOOLEAN" else number
