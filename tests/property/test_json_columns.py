"""The column form of every format equals its row form, record by record, whichever kernel runs it."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.kernel.selection import backend, native_available
from kappaflow.serde import Decoded, Serde, WindowedKeySerde, format_serde
from kappaflow.serde import types as t
from kappaflow.serde.arrow import arrays_to_rows, rows_to_arrays
from kappaflow.serde.delimited_format import DelimitedSerde
from kappaflow.serde.json_format import JsonSerde
from kappaflow.serde.schema import Column, WindowInfo, WindowType
from kappaflow.testing.toolchain import required_toolchains

pytestmark = pytest.mark.skipif(
    not native_available() and "rust" not in required_toolchains(), reason="the native kernel is not built"
)

SCALARS: tuple[t.DataType, ...] = (
    t.BOOLEAN,
    t.INTEGER,
    t.BIGINT,
    t.DOUBLE,
    t.STRING,
    t.BYTES,
    t.TIME,
    t.DATE,
    t.TIMESTAMP,
    t.Decimal(5, 2),
    t.Decimal(38, 10),
    t.Decimal(4, 0),
    t.Decimal(45, 3),
)
scalar_types = st.sampled_from(SCALARS)
data_types = st.recursive(
    scalar_types,
    lambda inner: st.one_of(
        inner.map(t.Array),
        inner.map(lambda value: t.Map(t.STRING, value)),
        st.lists(inner, min_size=1, max_size=2).map(
            lambda fields: t.Struct(tuple(t.StructField("FG"[i], f) for i, f in enumerate(fields)))
        ),
    ),
    max_leaves=3,
)
NAMES = ("A", "B", "a", "É", "SS", "AB")
KEYS = ("aB", "ab", "Ab", "A", "a", "B", "b", "É", "é", "ß", "ss", "F", "g", "\\u0041", "\\u00e9", "C", "x\\ny", "ı")


@st.composite
def schemas(draw: st.DrawFn, types: st.SearchStrategy[t.DataType] = data_types) -> tuple[Column, ...]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    return tuple(Column(name, draw(types)) for name in names)


numbers = st.one_of(
    st.integers(-100, 100).map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(
        [
            "-0",
            "-0.0",
            "0.00",
            "1.50",
            "0.000001",
            "0.0000001",
            "-0.00",
            "1e3",
            "1E-7",
            "1e400",
            "-1e-400",
            "12.340",
            "99999.99",
            "123456789012345678901234567890.5",
            "2147483648",
            "9223372036854775808",
            "86400000",
            "86400001",
            "1e99999999999",
        ]
    ),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000).map(str),
)
text_pieces = st.sampled_from(
    [
        "a",
        "Z",
        " ",
        "12",
        "-7",
        "1.5",
        "true",
        "aGk=",
        "aGk",
        "é",
        "€",
        "😀",
        "\\n",
        '\\"',
        "\\\\",
        "\\/",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\ud83d",
        "\\ude00",
        "\x7f",
        "\t",
        "\\u0000",
        "1e5",
        "+1",
        "١",
    ]
)
strings = st.lists(text_pieces, max_size=3).map(lambda pieces: '"' + "".join(pieces) + '"')
blanks = st.sampled_from(["", "", " ", "\n\t"])


def container(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    keys = st.one_of(st.sampled_from(KEYS).map(lambda key: f'"{key}"'), strings)
    members = st.tuples(keys, blanks, inner).map(lambda m: f"{m[0]}{m[1]}:{m[2]}")
    return st.one_of(
        st.lists(members, max_size=5).map(lambda parts: "{" + ",".join(parts) + "}"),
        st.lists(inner, max_size=3).map(lambda parts: "[" + ", ".join(parts) + "]"),
    )


values = st.recursive(st.one_of(st.sampled_from(["true", "false", "null"]), numbers, strings), container, max_leaves=12)
whole = st.tuples(
    blanks, st.one_of(values, container(values), container(values)), st.sampled_from(["", "", " ", "x", "\n{"])
)


@st.composite
def documents(draw: st.DrawFn) -> bytes | None:
    data = bytearray("".join(draw(whole)).encode())
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.sampled_from([None, b"", b" ", b"null", b"\xef\xbb\xbf{}", '{"A":1}'.encode("utf-16")]))
    if kind <= 3:
        at = draw(st.integers(0, len(data)))
        piece = draw(st.sampled_from([*list(b'{}[],:"\\eE+-.01 \n\x00\x1f\x80\xc0\xed\xf0'), None]))
        if piece is None:
            del data[at:]
        else:
            data[at : at + draw(st.integers(0, 2))] = bytes([piece])
    return bytes(data)


def assert_same(ours: Decoded, rows: Decoded) -> None:
    assert ours.messages == rows.messages
    assert_same_mask(ours.errors, rows.errors)
    assert_same_mask(ours.valid, rows.valid)
    for native, twin in zip(ours.columns, rows.columns, strict=True):
        native.validate(full=True)
        assert native.type == twin.type
        assert (
            repr(native.to_pylist()) == repr(twin.to_pylist()) if native.type == pa.float64() else native.equals(twin)
        )


def assert_same_mask(ours: Any, rows: Any) -> None:
    assert (ours is None) == (rows is None)
    assert ours is None or np.array_equal(ours, rows)


def check_decode(serde: Serde, records: Sequence[bytes | None], projection: list[int] | None) -> None:
    data = pa.array(records, type=pa.binary())
    expected = Serde.decode(serde, data, projection)
    assert_same(serde.decode(data, projection), expected)
    assert_same(serde.decode(data.cast(pa.binary_view()), projection), expected)


def test_the_native_kernel_is_what_runs() -> None:
    assert native_available()
    assert backend() == os.environ.get("KAPPA_KERNEL", "native")


@settings(max_examples=400, deadline=None)
@given(schemas(), st.lists(documents(), max_size=6), st.data())
def test_json_documents_decode_as_their_rows_do(
    columns: tuple[Column, ...], records: list[bytes | None], data: st.DataObject
) -> None:
    projection = data.draw(st.none() | st.lists(st.integers(0, len(columns) - 1), unique=True))
    check_decode(JsonSerde(columns, topic="t"), records, projection)
    check_decode(JsonSerde(columns[:1], unwrapped=True), records, None)


fields = st.sampled_from(
    [
        "",
        "1",
        "-1",
        "+1",
        "a",
        "b c",
        " x",
        "é",
        "😀",
        '"',
        '""',
        '"a"',
        '"a,b"',
        "\n",
        "\r\n",
        "true",
        "TRUE",
        "1.5",
        "-0.0",
        "NaN",
        "1e3",
        "1d",
        "aGk=",
        "aGk",
        "99999.99",
        "1.005",
        "86400001",
        "2147483648",
        "\x01",
    ]
)


@settings(max_examples=400, deadline=None)
@given(schemas(scalar_types), st.lists(st.lists(fields, max_size=5).map(",".join), max_size=6), st.data())
def test_delimited_lines_decode_as_their_rows_do(
    columns: tuple[Column, ...], lines: list[str], data: st.DataObject
) -> None:
    projection = data.draw(st.none() | st.lists(st.integers(0, len(columns) - 1), unique=True))
    records: list[bytes | None] = [line.encode() for line in lines]
    check_decode(DelimitedSerde(columns, topic="t"), [*records, None, b"\xff,\xc3", b"\xc3\xa9"], projection)


doubles = st.one_of(
    st.floats(),
    st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack(">d", struct.pack(">Q", bits))[0]),
    st.integers(-(10**6), 10**6).map(lambda n: n / 100),
)
texts = st.text(
    alphabet=st.sampled_from('aZ09,;"\\\n\r\t\x00\x1f\x7f é€😀#!~-') | st.characters(codec="utf-8"), max_size=6
)


def row_values(data_type: t.DataType) -> st.SearchStrategy[Any]:
    return st.none() | _present(data_type)


def _present(data_type: t.DataType) -> st.SearchStrategy[Any]:
    match data_type:
        case t.Boolean():
            return st.booleans()
        case t.Integer() | t.Date():
            return st.integers(-(2**31), 2**31 - 1)
        case t.BigInt() | t.Timestamp():
            return st.integers(-(2**63), 2**63 - 1)
        case t.Double():
            return doubles
        case t.String():
            return texts
        case t.Bytes():
            return st.binary(max_size=5)
        case t.Time():
            return st.integers(0, 86_400_000)
        case t.Decimal(precision, scale):
            bound = 10 ** min(precision, 40) - 1
            return st.integers(-bound, bound).map(lambda n: Decimal((int(n < 0), tuple(map(int, str(abs(n)))), -scale)))
        case t.Array(element):
            return st.lists(row_values(element), max_size=3)
        case t.Map(_, value):
            return st.dictionaries(texts, row_values(value), max_size=2)
        case t.Struct(members):
            return st.fixed_dictionaries({f.name: row_values(f.type) for f in members})
        case _:
            raise TypeError(data_type)


@st.composite
def tables(draw: st.DrawFn, types: st.SearchStrategy[t.DataType]) -> tuple[tuple[Column, ...], list[Any]]:
    columns = draw(schemas(types))
    row = st.tuples(*(row_values(column.type) for column in columns))
    return columns, draw(st.lists(st.none() | row, max_size=5))


def check_encode(serde: Serde, rows: list[Any]) -> None:
    types = [column.type for column in serde.columns]
    arrays = rows_to_arrays(rows, types) if rows else [a[:0] for a in rows_to_arrays([None], types)]
    valid = np.array([row is not None for row in rows], dtype=np.bool_)
    expected = Serde.encode(serde, arrays, valid)
    assert serde.encode(arrays, valid).to_pylist() == expected.to_pylist()
    assert expected.to_pylist() == [serde.serialize(row) for row in rows]
    if valid.all():
        assert serde.encode(arrays).to_pylist() == expected.to_pylist()
    views = [a.cast(pa.string_view()) if a.type == pa.string() else a for a in arrays]
    assert serde.encode(views, valid).to_pylist() == expected.to_pylist()


@settings(max_examples=400, deadline=None)
@given(tables(data_types))
def test_json_documents_are_encoded_as_their_rows_are(table: tuple[tuple[Column, ...], list[Any]]) -> None:
    columns, rows = table
    check_encode(JsonSerde(columns), rows)
    check_encode(JsonSerde(columns[:1], unwrapped=True), [row if row is None else row[:1] for row in rows])


@settings(max_examples=400, deadline=None)
@given(tables(scalar_types), st.sampled_from(",;\t -a"))
def test_delimited_lines_are_encoded_as_their_rows_are(
    table: tuple[tuple[Column, ...], list[Any]], delimiter: str
) -> None:
    check_encode(DelimitedSerde(table[0], delimiter), table[1])


PRIMITIVES = st.sampled_from([t.INTEGER, t.BIGINT, t.DOUBLE, t.STRING, t.BYTES])


@settings(max_examples=200, deadline=None)
@given(tables(PRIMITIVES), st.lists(st.none() | st.binary(max_size=9), max_size=5))
def test_primitives_are_the_same_as_columns_and_rows(
    table: tuple[tuple[Column, ...], list[Any]], records: list[bytes | None]
) -> None:
    serde = format_serde("KAFKA", table[0][:1], is_key=True)
    rows = [row if row is None else row[:1] for row in table[1]]
    check_encode(serde, rows)
    check_decode(serde, [*records, *map(serde.serialize, rows)], None)


bounds = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 10**13)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.none() | st.tuples(st.none() | texts), bounds, bounds), max_size=5),
    st.lists(st.none() | st.binary(max_size=20), max_size=4),
    st.sampled_from([WindowInfo(WindowType.TUMBLING, 60_000), WindowInfo(WindowType.SESSION)]),
)
def test_windowed_keys_are_the_same_as_columns_and_rows(
    keys: list[tuple[Any, int, int]], records: list[bytes | None], window: WindowInfo
) -> None:
    serde = WindowedKeySerde(format_serde("KAFKA", (Column("K", t.STRING),), is_key=True), window)
    written = [serde.serialize(*key) for key in keys]
    arrays = rows_to_arrays([key[0] or (None,) for key in keys], [t.STRING]) if keys else [pa.array([], pa.string())]
    start, end = (np.array([key[i] for key in keys], dtype=np.int64) for i in (1, 2))
    assert serde.encode(arrays, start, end).to_pylist() == written
    decoded = serde.decode(pa.array([*written, *records], type=pa.binary()))
    read: list[Any] = []
    for position, record in enumerate([*written, *records]):
        try:
            read.append(serde.deserialize(record))
        except Exception as error:
            read.append(None)
            assert decoded.keys.messages[position] == str(error)
    present = [entry is not None for entry in read]
    rows = arrays_to_rows(decoded.keys.columns, [t.STRING], len(read))
    assert [row for row, ok in zip(rows, present, strict=True) if ok] == [entry[0] for entry in read if entry]
    for found, index in ((decoded.start, 1), (decoded.end, 2)):
        assert found[present].tolist() == [entry[index] for entry in read if entry]
