"""Formats by name, what they can hold, and the small formats."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kappaflow.errors import ConfigError, SerializationError
from kappaflow.serde import WindowedKeySerde, format_serde
from kappaflow.serde import types as t
from kappaflow.serde.arrow import array_to_values, values_to_array
from kappaflow.serde.formats import properties_problem, schema_message, wrapping_problem
from kappaflow.serde.schema import Column, Namespace, WindowInfo, WindowType

KEY = Column("K", t.STRING, Namespace.KEY)


def columns(*types: t.DataType) -> tuple[Column, ...]:
    return tuple(Column(f"C{i}", dt) for i, dt in enumerate(types))


@pytest.mark.parametrize(
    ("name", "types", "message"),
    [
        ("FOO", (), "Unknown format: FOO"),
        ("KAFKA", (t.Array(t.INTEGER),), "The 'KAFKA' format does not support type 'ARRAY'"),
        ("KAFKA", (t.BOOLEAN,), "The 'KAFKA' format does not support type 'BOOLEAN'"),
        ("KAFKA", (t.Decimal(3, 1),), "The 'KAFKA' format does not support type 'DECIMAL'"),
        ("KAFKA", (t.INTEGER, t.INTEGER), "only supports a single field. Got: [`C0` INTEGER, `C1` INTEGER]"),
        ("DELIMITED", (t.Map(t.STRING, t.INTEGER),), "The 'DELIMITED' format does not support type 'MAP'"),
        ("DELIMITED", (t.Struct(()),), "does not support type 'STRUCT', column: `C0`"),
        ("NONE", (t.STRING,), "The 'NONE' format can only be used when no columns are defined. Got: [`C0` STRING]"),
        ("JSON", (t.Array(t.Map(t.INTEGER, t.DOUBLE)),), "JSON only supports MAP types with STRING keys"),
    ],
)  # fmt: skip
def test_columns_that_a_format_cannot_hold_are_refused(name: str, types: tuple[t.DataType, ...], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        format_serde(name, columns(*types), is_key=False)
    assert message in str(caught.value)


def test_the_message_about_a_schema_names_format_schema_and_reason() -> None:
    column = Column("K", t.BOOLEAN, Namespace.KEY)
    assert schema_message("KAFKA", (column,), is_key=True) == (
        "Key format does not support schema.\nformat: KAFKA\nschema: Persistence{columns=[`K` BOOLEAN KEY],"
        " features=[]}\nreason: The 'KAFKA' format does not support type 'BOOLEAN'"
    )


def test_wrapping_and_properties_are_checked() -> None:
    one, two = columns(t.INTEGER), columns(t.INTEGER, t.INTEGER)
    assert wrapping_problem("KAFKA", one, wrap_single_value=True) == (
        "Format 'KAFKA' does not support 'WRAP_SINGLE_VALUE' set to 'true'."
    )
    assert wrapping_problem("JSON", one, wrap_single_value=True) is None
    assert wrapping_problem("JSON", two, wrap_single_value=False) == (
        "'WRAP_SINGLE_VALUE' is only valid for single-field value schemas"
    )
    assert properties_problem("JSON", frozenset({"delimiter"})) == (
        "JSON does not support the following configs: [delimiter]"
    )


@pytest.mark.parametrize(
    ("data_type", "value", "data"),
    [
        (t.INTEGER, -2, b"\xff\xff\xff\xfe"),
        (t.BIGINT, 1, b"\0\0\0\0\0\0\0\x01"),
        (t.DOUBLE, 1.1, b"\x3f\xf1\x99\x99\x99\x99\x99\x9a"),
        (t.STRING, "é", b"\xc3\xa9"),
        (t.BYTES, b"\xff", b"\xff"),
    ],
)
def test_primitives(data_type: t.DataType, value: Any, data: bytes) -> None:
    serde = format_serde("KAFKA", columns(data_type), is_key=True)
    assert serde.serialize((value,)) == data
    assert serde.deserialize(data) == (value,)
    assert serde.serialize((None,)) is None
    assert serde.deserialize(None) is None


def test_a_primitive_of_the_wrong_size_is_refused() -> None:
    serde = format_serde("KAFKA", columns(t.INTEGER), is_key=True, topic="orders")
    with pytest.raises(SerializationError, match=r"orders\. Size of data received by IntegerDeserializer is not 4"):
        serde.deserialize(b"12345")
    assert list(serde.decode(pa.array([b"12345", b"1234"])).messages) == [0]


def test_without_columns_there_are_no_bytes() -> None:
    for name in ("NONE", "KAFKA"):
        serde = format_serde(name, (), is_key=True)
        assert serde.serialize(()) is None
        assert serde.deserialize(b"x") is None
        assert serde.encode([], length=2).to_pylist() == [None, None]


def test_delimited_rows() -> None:
    serde = format_serde("DELIMITED", columns(t.INTEGER, t.STRING, t.Decimal(6, 4), t.DATE), is_key=False)
    assert serde.deserialize(b'"1","a,b",.5,-3') == (1, "a,b", Decimal("0.5000"), -3)
    assert serde.serialize((-1, "x", Decimal("0.0000"), None)) == b'"-1",x,0.0000,'
    assert serde.deserialize(b",,,") == (None, None, None, None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"1", "Column count mismatch on deserialization. topic: orders, expected: 2, got: 1"),
        (b"", "No fields in record"),
        (b"a,b", "not an integer"),
        (b'1,"b', "EOF reached before encapsulated token finished"),
    ],
)
def test_delimited_lines_that_do_not_fit_are_refused(line: bytes, message: str) -> None:
    serde = format_serde("DELIMITED", columns(t.INTEGER, t.STRING), is_key=False, topic="orders")
    with pytest.raises(SerializationError, match=r"Error deserializing delimited") as caught:
        serde.deserialize(line)
    assert message in str(caught.value)


@pytest.mark.parametrize(("given", "char"), [("TAB", "\t"), ("space", " "), ("$", "$"), (None, ",")])
def test_delimiters(given: str | None, char: str) -> None:
    serde = format_serde("DELIMITED", columns(t.STRING, t.STRING), is_key=False, delimiter=given)
    assert serde.serialize(("a", "b")) == f"a{char}b".encode()


@pytest.mark.parametrize(
    ("given", "message"), [("", "Delimiter cannot be empty"), ("::", "Invalid delimiter value: '::'")]
)
def test_delimiters_that_are_refused(given: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        format_serde("DELIMITED", columns(t.STRING), is_key=False, delimiter=given)
    with pytest.raises(ConfigError, match=r"JSON does not support the following configs: \[delimiter\]"):
        format_serde("JSON", columns(t.STRING), is_key=False, delimiter=";")


def test_a_time_window_adds_its_start_to_the_key() -> None:
    serde = WindowedKeySerde(format_serde("KAFKA", (KEY,), is_key=True), WindowInfo(WindowType.HOPPING, 10))
    data = serde.serialize(("a",), 1, 11)
    assert data == b"a\0\0\0\0\0\0\0\x01"
    assert serde.deserialize(data) == (("a",), 1, 11)
    assert serde.deserialize(b"a\x7f" + b"\xff" * 7) == (("a",), 2**63 - 1, 2**63 - 1)


def test_a_session_window_adds_end_and_start_to_the_key() -> None:
    serde = WindowedKeySerde(format_serde("KAFKA", (KEY,), is_key=True), WindowInfo(WindowType.SESSION))
    data = serde.serialize(("a",), 1, 2)
    assert data == b"a\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01"
    assert serde.deserialize(data) == (("a",), 1, 2)
    start, end = np.array([1]), np.array([2])
    assert serde.encode([pa.array(["a"])], start, end).to_pylist() == [data]
    decoded = serde.decode(pa.array([data]))
    assert (decoded.start.tolist(), decoded.end.tolist()) == ([1], [2])


def test_a_windowed_key_without_room_for_its_bounds_is_refused() -> None:
    serde = WindowedKeySerde(format_serde("KAFKA", (KEY,), is_key=True), WindowInfo(WindowType.SESSION))
    with pytest.raises(SerializationError, match="8 bytes cannot hold the window bounds"):
        serde.deserialize(b"12345678")


def test_nested_values_survive_arrow() -> None:
    data_type = t.Array(t.Map(t.STRING, t.Struct((t.StructField("T", t.TIME), t.StructField("D", t.Decimal(60, 2))))))
    values = [None, [], [None, {"a": None, "b": {"T": 86_400_000, "D": Decimal("1.50")}}]]
    assert array_to_values(values_to_array(values, data_type), data_type) == values
