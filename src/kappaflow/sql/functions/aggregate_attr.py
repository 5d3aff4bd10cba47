"""ATTR: the value that all rows of a group share."""

from __future__ import annotations

from typing import Any

from kappaflow.serde.types import INTEGER, Array, Struct, StructField
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, State
from kappaflow.sql.functions.arrays import same
from kappaflow.sql.functions.math import first_type
from kappaflow.sql.functions.registry import aggregate

_attr = aggregate("ATTR", "The one value of a group, NULL when there are several.", ("ATTR(city)",))


@_attr("(val T) -> T")
def attribute(call: AggregateCall) -> Aggregation:
    """ATTR(x)."""
    data_type = first_type(call.types)
    entry = Struct((StructField("VALUE", data_type), StructField("COUNT", INTEGER)))

    def change(by: int) -> Any:
        def fold(values: tuple[Any, ...], state: State) -> State:
            return (_changed(state[0], values[0], by),)

        return fold

    def merge(left: State, right: State) -> State:
        entries = left[0]
        for item in right[0]:
            entries = _changed(entries, item["VALUE"], item["COUNT"])
        return (entries,)

    return Aggregation(
        state_types=(Array(entry),),
        returns=data_type,
        initial=lambda: ([],),
        add=change(1),
        undo=change(-1),
        merge=merge,
        result=lambda state: state[0][0]["VALUE"] if len(state[0]) == 1 else None,
    )


def _changed(entries: list[dict[str, Any]], value: Any, by: int) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = []
    found = False
    for entry in entries:
        if not same(entry["VALUE"], value):
            result.append(entry)
            continue
        found = True
        if entry["COUNT"] + by > 0:
            result.append({"VALUE": value, "COUNT": entry["COUNT"] + by})
    if not found and by > 0:
        result.append({"VALUE": value, "COUNT": by})
    return result
