"""TOPK and TOPKDISTINCT: the largest values, largest first."""

from __future__ import annotations

from typing import Any

from kappaflow.serde.types import Array, DataType, Struct, StructField
from kappaflow.sql.expressions.java_text import order_key
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, State
from kappaflow.sql.functions.arrays import holds
from kappaflow.sql.functions.math import first_type
from kappaflow.sql.functions.registry import aggregate

_topk = aggregate(
    "TOPK",
    "The k largest values, largest first; with other columns structs of the sorted value and those.",
    ("TOPK(amount, 2)", "TOPK(amount, name, 2)"),
)
_topk_distinct = aggregate(
    "TOPKDISTINCT", "The k largest distinct values, largest first.", ("TOPKDISTINCT(amount, 2)",)
)
_TYPES = ("INT", "BIGINT", "DOUBLE", "DECIMAL", "STRING", "BYTES", "DATE", "TIME", "TIMESTAMP")


def _array_of_first(types: tuple[DataType | None, ...]) -> DataType:
    return Array(first_type(types))


def topk(call: AggregateCall) -> Aggregation:
    """TOPK(x, k)."""
    return _largest(call, distinct=False)


def topk_distinct(call: AggregateCall) -> Aggregation:
    """TOPKDISTINCT(x, k)."""
    return _largest(call, distinct=True)


def _largest(call: AggregateCall, distinct: bool) -> Aggregation:
    data_type, k = Array(first_type(call.types)), call.at_least_one(-1, "k")

    def add(values: tuple[Any, ...], state: State) -> State:
        value, kept = values[0], state[0]
        if (
            value is None
            or (distinct and holds(kept, value))
            or (len(kept) >= k and order_key(value) <= order_key(kept[-1]))
        ):
            return state
        return (sorted([*kept, value], key=order_key, reverse=True)[:k],)

    def merge(left: State, right: State) -> State:
        state = left
        for value in right[0]:
            state = add((value,), state)
        return state

    return Aggregation(
        state_types=(data_type,),
        returns=data_type,
        initial=lambda: ([],),
        add=add,
        merge=merge,
        result=lambda state: state[0],
    )


for _name in _TYPES:
    _topk(f"(val {_name}, k INT!) -> ARRAY<{_name}>", returns=_array_of_first)(topk)
    _topk_distinct(f"(val {_name}, k INT!) -> ARRAY<{_name}>", returns=_array_of_first)(topk_distinct)


def _entry_type(types: tuple[DataType | None, ...]) -> Struct:
    columns = [data_type for data_type in types[:-1] if data_type is not None]
    others = (StructField(f"col{index}", data_type) for index, data_type in enumerate(columns[1:]))
    return Struct((StructField("sort_col", columns[0]), *others))


def topk_structs(call: AggregateCall) -> Aggregation:
    """TOPK(x, others.., k)."""
    entry, k = _entry_type(call.types), call.at_least_one(-1, "k")
    names = [field.name for field in entry.fields]

    def insert(kept: list[Any], item: dict[str, Any]) -> list[Any]:
        own = order_key(item["sort_col"])
        place = next((i for i, old in enumerate(kept) if order_key(old["sort_col"]) < own), len(kept))
        return [*kept[:place], item, *kept[place:]][:k]

    def add(values: tuple[Any, ...], state: State) -> State:
        if values[0] is None:
            return state
        return (insert(state[0], dict(zip(names, values, strict=True))),)

    def merge(left: State, right: State) -> State:
        kept = left[0]
        for item in right[0]:
            kept = insert(kept, item)
        return (kept,)

    return Aggregation(
        state_types=(Array(entry),),
        returns=Array(entry),
        initial=lambda: ([],),
        add=add,
        merge=merge,
        result=lambda state: state[0],
    )


for _name in _TYPES:
    _topk(
        f"(sortCol {_name}, col0 ANY, others ANY..., k INT!) -> ANY", returns=lambda types: Array(_entry_type(types))
    )(topk_structs)
