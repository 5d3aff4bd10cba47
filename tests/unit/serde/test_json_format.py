"""The JSON format: what is read from a document, what is refused and why, what is written."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from kappaflow.errors import SerializationError
from kappaflow.serde import format_serde
from kappaflow.serde import types as t
from kappaflow.serde.schema import Column

POINT = t.Struct((t.StructField("X", t.INTEGER), t.StructField("Y", t.Array(t.DOUBLE))))


def read(document: str | bytes, **columns: t.DataType) -> Any:
    serde = format_serde("JSON", tuple(Column(n, dt) for n, dt in columns.items()), is_key=False, topic="orders")
    return serde.deserialize(document.encode() if isinstance(document, str) else document)


@pytest.mark.parametrize(
    ("data_type", "text", "value"),
    [
        (t.BOOLEAN, "true", True),
        (t.INTEGER, "12", 12),
        (t.INTEGER, '"12"', 12),
        (t.INTEGER, "12.9", 12),
        (t.INTEGER, "-12.9", -12),
        (t.INTEGER, "2147483648", -2147483648),
        (t.BIGINT, "9223372036854775808", -9223372036854775808),
        (t.BIGINT, "1e3", 1000),
        (t.BIGINT, "1e400", 0),
        (t.DOUBLE, "1", 1.0),
        (t.DOUBLE, '"1.5d"', 1.5),
        (t.DOUBLE, "1e400", math.inf),
        (t.DOUBLE, '"Infinity"', math.inf),
        (t.Decimal(5, 2), "1.5", Decimal("1.50")),
        (t.Decimal(5, 2), '"1e2"', Decimal("100.00")),
        (t.Decimal(5, 2), "1.500", Decimal("1.50")),
        (t.Decimal(50, 0), "9" * 50, Decimal("9" * 50)),
        (t.STRING, "12", "12"),
        (t.STRING, "1.50", "1.50"),
        (t.STRING, "1e2", "1E+2"),
        (t.STRING, "0.0000001", "1E-7"),
        (t.STRING, "-0.0", "0.0"),
        (t.STRING, "false", "false"),
        (t.STRING, '{"b": [1.0, "x", null], "a": true}', '{"b":[1.0,"x",null],"a":true}'),
        (t.STRING, '[1, "x", null, [2], {"a": 1}]', '[1, x, null, [2], {"a":1}]'),
        (t.STRING, '"\\ud83d\\ude00 \\ud83d"', "😀 ?"),
        (t.BYTES, '"aGk="', b"hi"),
        (t.BYTES, '" aGk=\\n"', b"hi"),
        (t.TIME, "86400000", 86_400_000),
        (t.DATE, '"-5"', -5),
        (t.TIMESTAMP, "1.9", 1),
        (t.Array(t.STRING), '[1, null, "a"]', ["1", None, "a"]),
        (t.Map(t.STRING, t.INTEGER), '{"a": 1, "b": null}', {"a": 1, "b": None}),
        (POINT, '{"y": [1, "2"], "z": 0}', {"X": None, "Y": [1.0, 2.0]}),
    ],
)  # fmt: skip
def test_a_node_becomes_the_type_of_its_column(data_type: t.DataType, text: str, value: Any) -> None:
    assert read(f'{{"V": {text}}}', V=data_type) == (value,)
    decoded = format_serde("JSON", (Column("V", data_type),), is_key=False, unwrapped=True).deserialize(text.encode())
    assert decoded == (value,)


@pytest.mark.parametrize(
    ("data_type", "text", "message"),
    [
        (t.BOOLEAN, '"true"', "Can't convert type. sourceType: TextNode, requiredType: BOOLEAN, path: $.V"),
        (t.INTEGER, "true", "Can't convert type. sourceType: BooleanNode, requiredType: INTEGER, path: $.V"),
        (t.INTEGER, '"1.5"', "Can't coerce string to type. targetType: INTEGER, path: $.V"),
        (t.BIGINT, '""', "Can't coerce string to type. targetType: BIGINT, path: $.V"),
        (t.DOUBLE, "[]", "Can't convert type. sourceType: ArrayNode, requiredType: DOUBLE, path: $.V"),
        (t.Decimal(3, 1), "100", "must round to an absolute value less than 10^2. Got 100, path: $.V"),
        (t.Decimal(3, 1), "1.25", "Cannot fit decimal '1.25' into DECIMAL(3, 1) without rounding."),
        (t.BYTES, '"a"', "Value is not a valid Base64 encoded string: a, path: $.V"),
        (t.TIME, "86400001", "Time values must use number of milliseconds"),
        (t.Array(t.INTEGER), '[1, {}]', "sourceType: ObjectNode, requiredType: INTEGER, path: $.V[1]"),
        (t.Map(t.STRING, t.INTEGER), '{"a": []}', "requiredType: INTEGER, path: $.V.a.value"),
        (POINT, '{"Y": [1, "x"]}', "targetType: DOUBLE, path: $.V.Y[1]"),
        (POINT, "5", "sourceType: IntNode, requiredType: STRUCT<`X` INTEGER, `Y` ARRAY<DOUBLE>>, path: $.V"),
    ],
)  # fmt: skip
def test_a_node_that_does_not_fit_is_refused_with_its_path(data_type: t.DataType, text: str, message: str) -> None:
    with pytest.raises(SerializationError) as caught:
        read(f'{{"V": {text}}}', V=data_type)
    assert str(caught.value).startswith("Failed to deserialize value from topic: orders. ")
    assert message in str(caught.value)


def test_names_match_exactly_first_and_then_in_upper_case() -> None:
    assert read('{"id": 1, "ID": 2}', ID=t.INTEGER) == (2,)
    assert read('{"ID": 1, "id": 2}', ID=t.INTEGER) == (1,)
    assert read('{"Id": 1, "id": 2}', ID=t.INTEGER) == (2,)
    assert read('{"ID": 1}', id=t.INTEGER) == (None,)


def test_of_names_that_differ_in_case_the_one_that_first_appeared_last_counts() -> None:
    assert read('{"iD": 1, "id": 2, "iD": 3}', ID=t.INTEGER) == (2,)
    serde = format_serde("JSON", (Column("ID", t.INTEGER),), is_key=False)
    decoded = serde.decode(pa.array([b'{"iD": 1, "id": 2, "iD": 3}', b'{"iD": 1, "id": 2, "id": 3}']))
    assert decoded.columns[0].to_pylist() == [2, 3]


@pytest.mark.parametrize("document", [b"null", b" null "])
def test_a_null_document_is_no_row(document: bytes) -> None:
    assert read(document, V=t.INTEGER) is None
    assert read(b"{}", V=t.INTEGER) == (None,)


@pytest.mark.parametrize(
    "document", [b"", b"  ", b"5", b"[]", b'{"V": 1', b'{"V": 01}', b'{"V": NaN}', b"{'V': 1}", b'{"V": 1,}']
)
def test_what_is_no_object_is_refused(document: bytes) -> None:
    with pytest.raises(SerializationError):
        read(document, V=t.INTEGER)


def test_what_follows_the_document_is_ignored() -> None:
    assert read(b'{"V": 1} {"V": 2} \xff', V=t.INTEGER) == (1,)


def test_an_unwrapped_null_is_a_row_with_a_null_and_no_bytes() -> None:
    serde = format_serde("JSON", (Column("V", t.INTEGER),), is_key=False, unwrapped=True)
    assert serde.deserialize(b"null") == (None,)
    assert serde.deserialize(None) is None
    assert serde.serialize((None,)) is None
    assert serde.encode([pa.array([1, None], pa.int32())]).to_pylist() == [b"1", None]


def test_a_row_is_written_compactly_with_every_column() -> None:
    columns = (
        Column("A", t.DOUBLE), Column("b", t.STRING), Column("C", t.Decimal(10, 8)), Column("D", t.BYTES),
        Column("E", POINT), Column("F", t.Map(t.STRING, t.DATE)), Column("G", t.BOOLEAN),
    )  # fmt: skip
    row = (1e10, 'é"\n😀\x01', Decimal("1E-8"), b"hi", {"X": 1, "Y": [None, math.nan]}, {"k": -1}, None)
    text = (
        '{"A":1.0E10,"b":"é\\"\\n\\uD83D\\uDE00\\u0001","C":1E-8,"D":"aGk=","E":{"X":1,"Y":[null,"NaN"]},'
        '"F":{"k":-1},"G":null}'
    )
    serde = format_serde("JSON", columns, is_key=False)
    assert serde.serialize(row) == text.encode()
    assert serde.deserialize(text.encode())[:3] == row[:3]  # type: ignore[index]


def test_a_broken_record_is_marked_and_the_others_are_read() -> None:
    serde = format_serde("JSON", (Column("A", t.INTEGER), Column("B", t.STRING)), is_key=False, topic="orders")
    decoded = serde.decode(pa.array([b'{"a":1,"b":"x"}', b'{"a":[]}', None, b"null", b'{"a":"7"}']), [1, 0])
    assert [column.to_pylist() for column in decoded.columns] == [
        ["x", None, None, None, None],
        [1, None, None, None, 7],
    ]
    assert decoded.valid is not None
    assert decoded.valid.tolist() == [True, False, False, False, True]
    assert decoded.errors is not None
    assert decoded.errors.tolist() == [False, True, False, False, False]
    assert decoded.messages == {
        1: "Failed to deserialize value from topic: orders. Can't convert type. sourceType: ArrayNode,"
        " requiredType: INTEGER, path: $.A"
    }


def test_a_column_that_is_not_wanted_still_breaks_its_record() -> None:
    serde = format_serde("JSON", (Column("A", t.INTEGER), Column("B", t.Array(t.INTEGER))), is_key=False)
    decoded = serde.decode(pa.array([b'{"a":1,"b":["x"]}', b'{"a":2,"b":[3]}']), [0])
    assert decoded.columns[0].to_pylist() == [None, 2]
    assert list(decoded.messages) == [0]
