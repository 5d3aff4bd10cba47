"""Aggregate functions of users as the engine folds them.

The state of a group is kept as its SQL value, which the changelog holds, and handed to the methods as Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.errors import StatementError
from kappaflow.serde.types import DataType
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, AggregationFactory, State
from kappaflow.sql.functions.signature import Signature, bind_generics, substitute
from kappaflow.sql.functions.user.annotations import to_python, to_sql
from kappaflow.sql.functions.user.decorators import UserFunction, Variant
from kappaflow.sql.functions.user.scalar import argument_converters, failed


def call_types(name: str, signature: Signature, state: DataType, call: AggregateCall) -> tuple[DataType, DataType]:
    """Return the types of the state and of the result of a call.

    Raises:
        StatementError: a generic has no type, since its arguments are NULL.
    """
    bound: dict[str, DataType] = {}
    parameters = signature.expand(len(call.types))
    assert parameters is not None
    for parameter, data_type in zip(parameters, call.types, strict=True):
        if data_type is not None:
            bind_generics(parameter.type, data_type, bound)
    kept, returns = substitute(state, bound), substitute(signature.returns, bound)
    if kept is None or returns is None:
        raise StatementError(f"{name.upper()}: the type of NULL is not known. Cast it to a type.")
    return kept, returns


def aggregate_factory(function: UserFunction, variant: Variant) -> AggregationFactory:
    """Return what makes the steps of a call."""

    def make(call: AggregateCall) -> Aggregation:
        assert variant.state is not None
        kept, returns = call_types(function.name, variant.signature, variant.state, call)
        return _Steps(function.name, variant, call, kept, returns).aggregation()

    return make


class _Steps:
    """One call of an aggregate function: an instance of the user's class, and conversions."""

    def __init__(self, name: str, variant: Variant, call: AggregateCall, kept: DataType, returns: DataType) -> None:
        self._name = name
        self._kept, self._returns = kept, returns
        parameters = variant.signature.expand(len(call.types))
        assert parameters is not None
        literal_at = [index for index, parameter in enumerate(parameters) if parameter.literal]
        converters, strict = argument_converters(variant, call.types)
        literals = [
            value if value is None or (convert := converters[index]) is None else convert(value)
            for index, value in zip(literal_at, call.literals, strict=True)
        ]
        try:
            self._instance: Any = variant.target(*literals)
        except Exception as error:
            raise StatementError(str(failed(name, error))) from error
        columns = [index for index in range(len(call.types)) if index not in literal_at]
        self._converters = [converters[index] for index in columns]
        self._strict = [place for place, index in enumerate(columns) if index in strict]
        decode = to_python(kept, variant.state_hint)
        self._decode: Callable[[Any], Any] = lambda value: value if value is None or decode is None else decode(value)
        self._encode = to_sql(kept, variant.state_hint)
        self._result = to_sql(returns, variant.returns)
        self._undo = variant.undo

    def aggregation(self) -> Aggregation:
        """Return the steps."""
        instance = self._instance
        return Aggregation(
            state_types=(self._kept,),
            returns=self._returns,
            initial=lambda: (self._told(lambda: self._encode(instance.initialize())),),
            add=self._over(instance.aggregate),
            result=self._map,
            merge=lambda left, right: (
                self._told(lambda: self._encode(instance.merge(self._decode(left[0]), self._decode(right[0])))),
            ),
            undo=self._over(instance.undo) if self._undo else None,
        )

    def _told(self, step: Callable[[], Any]) -> Any:
        try:
            return step()
        except Exception as error:
            raise failed(self._name, error) from error

    def _over(self, method: Callable[..., Any]) -> Callable[[tuple[Any, ...], State], State]:
        converters, strict = self._converters, self._strict

        def fold(values: tuple[Any, ...], state: State) -> State:
            for place in strict:
                if values[place] is None:
                    return state
            arguments = [v if c is None or v is None else c(v) for v, c in zip(values, converters, strict=True)]
            return (self._told(lambda: self._encode(method(self._decode(state[0]), *arguments))),)

        return fold

    def _map(self, state: State) -> Any:
        mapped = getattr(self._instance, "map", None)
        if mapped is None:
            return state[0]
        return self._told(lambda: self._result(mapped(self._decode(state[0]))))
