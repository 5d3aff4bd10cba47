"""Expressions of the streams library: what wrong ones say, and how their results are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pytest

from kappaflow.errors import SerializationError, UsageError
from kappaflow.serde.shape import shape_of
from kappaflow.streams import JoinWindows, Serdes, StreamsBuilder, TimeWindows, col, count, lit, when
from kappaflow.testing import TopologyTestDriver


class Address(TypedDict):
    city: str


class Order(TypedDict):
    item: str
    units: int
    price: float
    address: Address
    tags: list[str]


@dataclass
class Point:
    x: int
    y: float | None


TEXT, ORDER = Serdes.string(), Serdes.columns(Order)


def orders() -> Any:
    return StreamsBuilder(key_serde=TEXT).stream("orders", value_serde=ORDER)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            lambda s: s.filter(col("prize") > 1),
            "no column prize: the values of KSTREAM-SOURCE-0000000000 have item, units",
        ),
        (lambda s: s.filter(col("units")), "true or false; this one is BIGINT"),
        (lambda s: s.filter(col("item") > 1), "> takes two numbers or two texts, not STRING and BIGINT"),
        (lambda s: s.map_values(col("item") * 2), r"\* takes numbers, not STRING and BIGINT"),
        (lambda s: s.map_values(col("price") // 2), "// takes whole numbers, not DOUBLE and BIGINT"),
        (lambda s: s.map_values(when(col("units") > 1).then(1).otherwise("x")), "when mixes BIGINT, STRING"),
        (lambda s: s.map_values({"a": None}), "a is always None"),
        (lambda s: s.map_values({}), "has no columns"),
        (lambda s: s.map_values(col("address")["street"]), "no field street: it has city"),
        (lambda s: s.map_values(col.value), None),
        (lambda s: s.map_values(col("item").cast(list)), "cast makes int, float, str, bool"),
        (lambda s: s.map_values(col("tags").cast(str)), "cannot be cast to str"),
        (lambda s: s.filter(col("item").matches("(")), "no regular expression"),
        (lambda s: s.filter(col("item").in_([1])), "in_ compares STRING with values of the same kind"),
        (lambda s: s.filter(col("units") > 1 and col("price") > 1), "combine conditions with & | ~"),
        (lambda s: s.filter(col("units") == 2**70), "does not fit into 64 bits"),
        (lambda s: s.filter(col("units") == [1]), "A constant is"),
        (lambda s: s.filter(col.window_start > 1), "in the results of windows only"),
        (lambda s: s.filter(col.left("item") == "a"), "in a joiner only"),
        (lambda s: s.map_values(col("units").sum()), "belongs into aggregate"),
        (lambda s: s.flat_map_values(col("item")), "takes a list, such as col.value.split"),
        (lambda s: s.group_by_key().aggregate({"a": col("units")}), "a is no fold"),
        (lambda s: s.group_by_key().aggregate({}), "at least one fold"),
        (lambda s: s.group_by_key().aggregate(col("item").sum()), "a sum of STRING, but sums take numbers"),
        (lambda s: s.group_by_key().aggregate({"a": col("tags").max()}), "folds take plain values"),
        (lambda s: s.group_by_key().aggregate(lambda: 0), "aggregate takes two functions"),
        (lambda s: s.map_values(lambda v: v).filter(col("a") > 1), "no serde is named"),
        (lambda s: s.select_key(lambda v: v).filter(col.key["a"] > 1), "There is no column a"),
        (
            lambda s: s.join(s, {"a": col("item")}, JoinWindows.of(1)),
            r"two values: col.left\('item'\) or col.right\('item'\)",
        ),
    ],
)
def test_wrong_expressions_say_what_is_wrong(wrong: Callable[[Any], Any], says: str | None) -> None:
    if says is None:
        wrong(orders())
        return
    with pytest.raises(UsageError, match=says):
        wrong(orders())


def test_a_table_row_has_no_time() -> None:
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    with pytest.raises(UsageError, match=r"col.timestamp is there in records of a stream only"):
        builder.table("t").map_values(col.timestamp)


def test_results_have_serdes_of_their_own() -> None:
    plain: dict[Any, Any] = {
        "LONG": col("units"),
        "DOUBLE": col("price"),
        "STRING": col("item"),
        "BOOLEAN": col("units") > 1,
        "COLUMNS(JSON)": {"a": col("units")},
    }
    for name, expression in plain.items():
        assert orders().map_values(expression).value_serde.name == name
    nested = orders().map_values({"address": col("address"), "tags": col("tags"), "n": col("tags").length()})
    assert nested.value_serde.serialize({"address": {"city": "x"}, "tags": ["a"], "n": 1}) == (
        b'{"address":{"city":"x"},"tags":["a"],"n":1}'
    )


def test_windows_keys_and_constants_in_one_program() -> None:
    builder = StreamsBuilder(key_serde=TEXT)
    stream = builder.stream("orders", value_serde=ORDER, timestamp=col("units") * 1000)
    counted = stream.group_by({"item": col("item"), "one": lit(1)}).windowed_by(TimeWindows.of(5_000, grace=0))
    shown = counted.aggregate({"n": count()}).map_values(
        {"item": col.key["item"], "from": col.window_start, "to": col.window_end, "n": col("n")}
    )
    shown.to_stream(lambda window, _: window.key["item"]).to("out", key_serde=TEXT, value_serde=Serdes.json())
    with TopologyTestDriver(builder.build()) as driver:
        source = driver.create_input_topic("orders", TEXT, ORDER)
        for units in (1, 4, 6):
            source.pipe_input("k", {"item": "pen", "units": units, "price": 1.0, "address": None, "tags": []})
        assert driver.create_output_topic("out", TEXT, Serdes.json()).read_values_to_list() == [
            {"item": "pen", "from": 0, "to": 5000, "n": 1},
            {"item": "pen", "from": 0, "to": 5000, "n": 2},
            {"item": "pen", "from": 5000, "to": 10000, "n": 1},
        ]


class Tagged(msgspec.Struct, tag=True):
    x: int


class Plain(msgspec.Struct):
    x: int


@pytest.mark.parametrize(
    ("of", "names"),
    [
        (Point, ("x", "y")),
        (Order, ("item", "units", "price", "address", "tags")),
        ({"a": int, "b": list[float]}, ("a", "b")),
        (Plain, ("x",)),
        (Tagged, None),
        ({"a": object}, None),
        (TypedDict("Some", {"a": int}, total=False), None),
        (dict, None),
    ],
)
def test_which_types_lie_in_columns(of: Any, names: tuple[str, ...] | None) -> None:
    shape = shape_of(of)
    assert (None if shape is None else shape.names) == names


def test_values_of_a_type_come_back_as_they_were() -> None:
    for serde, value in ((Serdes.json(Point), Point(1, None)), (Serdes.columns(Point), Point(-(2**63), 2.5))):
        data = serde.serialize(value)
        assert serde.deserialize(data) == value
        assert serde.encode(*serde.shape.arrays([value, None]), 2).to_pylist() == [data, None]
    with pytest.raises(SerializationError, match="does not fit into 64 bits"):
        Serdes.json(Point).deserialize(b'{"x":9223372036854775808,"y":1.0}')
    with pytest.raises(UsageError, match="does not lie in columns"):
        Serdes.columns(Tagged)
