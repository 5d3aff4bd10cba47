"""MIN and MAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.serde.types import Bytes, Decimal
from kappaflow.sql.expressions.java_text import order_key
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, AggregationFactory, State
from kappaflow.sql.functions.math import first_type
from kappaflow.sql.functions.registry import Definition, aggregate

_TYPES = ("INT", "BIGINT", "DOUBLE", "DECIMAL", "STRING", "BYTES", "DATE", "TIME", "TIMESTAMP")


def _extreme(choose: Callable[[Any, Any], Any], fold: str) -> AggregationFactory:
    def factory(call: AggregateCall) -> Aggregation:
        data_type = first_type(call.types)

        def pick(left: Any, right: Any) -> Any:
            if left is None:
                return right
            return left if right is None else choose(left, right)

        def add(values: tuple[Any, ...], state: State) -> State:
            return (pick(state[0], values[0]),)

        return Aggregation(
            state_types=(data_type,),
            returns=data_type,
            initial=lambda: (None,),
            add=add,
            merge=lambda left, right: (pick(left[0], right[0]),),
            result=lambda state: state[0],
            folds=None if isinstance(data_type, Bytes | Decimal) else (fold,),
        )

    return factory


def _define(define: Definition, factory: AggregationFactory) -> None:
    for name in _TYPES:
        options: dict[str, Any] = {"returns": first_type} if name == "DECIMAL" else {}
        define(f"(val {name}) -> {name}", **options)(factory)


_define(
    aggregate("MIN", "The smallest value; NULLs are left out.", ("MIN(amount)",)),
    _extreme(lambda left, right: min(left, right, key=order_key), "min"),
)
_define(
    aggregate("MAX", "The largest value; NULLs are left out.", ("MAX(amount)",)),
    _extreme(lambda left, right: max(left, right, key=order_key), "max"),
)
