"""Functions over batches, and asynchronous functions: for models, and for services on the network."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from kappaflow.errors import UsageError
from kappaflow.serde import Serde
from kappaflow.serde.shape import Shape, shape_of
from kappaflow.streams import topology as run
from kappaflow.streams.columns.batch_function import BatchFunction, MapBatchesColumns
from kappaflow.streams.dsl.entries import Connected, MakeNode
from kappaflow.streams.dsl.expressions import Typed, serde_of_shape, value_serde_of
from kappaflow.streams.dsl.functions import with_key
from kappaflow.streams.expressions.scopes import shape_of_serde
from kappaflow.streams.processors.async_values import AsyncValuesProcessor
from kappaflow.streams.processors.map_batches import MapBatchesProcessor


def batches_node(of: Typed, function: Callable[[Any], Any], returns: Any, batch_size: int) -> tuple[MakeNode, Serde]:
    """Return what makes the operator of a function over batches, and how its values are written.

    Raises:
        UsageError: the columns of the stream or of the result are not known.
    """
    given = shape_of_serde(value_serde_of(of))
    if given is None:
        raise UsageError(
            f"map_batches needs to know the columns of the values of {of.name}: read them with Serdes.columns(..) or "
            "Serdes.json(..) of a type, or make them with expressions."
        )
    made = returns if isinstance(returns, Shape) else shape_of(returns)
    if made is None:
        raise UsageError(
            f"{returns!r} does not say which columns map_batches returns: float, str .., a TypedDict, or a dictionary "
            'of names and types such as {"score": float}.'
        )
    if batch_size < 1:
        raise UsageError(f"batch_size is at least 1, not {batch_size}.")

    def make(at: Connected) -> run.Node:
        called = BatchFunction(at.name, function, given, made, batch_size)
        return run.Operator(
            name=at.name,
            make=lambda context, _: MapBatchesProcessor(at.name, context, called),
            columns=lambda _context, _stores: MapBatchesColumns(called),
            shape=made,
            may_fail=True,
        )

    return make, serde_of_shape(made)


def async_node(
    function: Callable[..., Awaitable[Any]], max_in_flight: int, timeout_ms: int, *, by_key: bool
) -> MakeNode:
    """Return what makes the operator of an asynchronous function.

    Raises:
        UsageError: a number is out of range, or the function is not asynchronous.
    """
    if max_in_flight < 1 or timeout_ms < 1:
        raise UsageError("max_in_flight and timeout_ms are at least 1.")
    if inspect.isfunction(function) and not inspect.iscoroutinefunction(function):
        raise UsageError(f"{function.__qualname__} is not asynchronous: define it with async def, or use map_values.")
    call = with_key(function, "asynchronous function")
    return lambda at: run.Operator(
        name=at.name,
        make=lambda context, _: AsyncValuesProcessor(
            at.name, context, call, max_in_flight=max_in_flight, timeout_ms=timeout_ms, by_key=by_key
        ),
    )
