"""Scalar and table functions of users as the engine calls them: arguments and results converted, errors told."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.serde.types import DataType
from kappaflow.sql.functions.user.annotations import Convert, to_python, to_sql
from kappaflow.sql.functions.user.decorators import UserFunction, Variant

Factory = Callable[[tuple[DataType | None, ...], DataType | None], Callable[..., Any]]


def failed(name: str, error: BaseException) -> FunctionError:
    """Return the error of a row: what the function raised, and where."""
    if isinstance(error, FunctionError) and error.__traceback__ is None:
        return error
    frames = traceback.extract_tb(error.__traceback__)[1:]
    place = f" ({frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno})" if frames else ""
    if isinstance(error, FunctionError):
        place = ""
    return FunctionError(f"{name.upper()} failed: {type(error).__name__}: {error}{place}")


def argument_converters(variant: Variant, types: Sequence[DataType | None]) -> tuple[list[Convert | None], list[int]]:
    """Return what converts each argument of a call, and the positions whose NULL makes the result NULL."""
    parameters = variant.signature.expand(len(types))
    assert parameters is not None
    declared = variant.signature.parameters
    places = [declared.index(parameter) for parameter in parameters]
    nullable = variant.takes_null
    converters = [
        None if data_type is None else to_python(data_type, variant.hints[place])
        for data_type, place in zip(types, places, strict=True)
    ]
    return converters, [index for index, place in enumerate(places) if not nullable[place]]


def scalar_factory(function: UserFunction, variant: Variant) -> Factory:
    """Return what makes, of the types of a call, the function over values."""
    target, name = variant.target, function.name

    def make(types: tuple[DataType | None, ...], returns: DataType | None) -> Callable[..., Any]:
        converters, strict = argument_converters(variant, types)
        encode = to_sql(returns, variant.returns) if returns is not None else _null

        def call(*values: Any) -> Any:
            for index in strict:
                if values[index] is None:
                    return None
            try:
                return encode(
                    target(*[v if c is None or v is None else c(v) for v, c in zip(values, converters, strict=True)])
                )
            except Exception as error:
                raise failed(name, error) from error

        return call

    return make


def table_factory(function: UserFunction, variant: Variant) -> Factory:
    """Return what makes, of the types of a call, the function that gives a list of rows."""
    target, name = variant.target, function.name

    def make(types: tuple[DataType | None, ...], returns: DataType | None) -> Callable[..., Any]:
        converters, strict = argument_converters(variant, types)
        encode = to_sql(returns, variant.returns) if returns is not None else _null

        def call(*values: Any) -> list[Any]:
            for index in strict:
                if values[index] is None:
                    return []
            try:
                rows = target(*[v if c is None or v is None else c(v) for v, c in zip(values, converters, strict=True)])
                return [] if rows is None else [encode(row) for row in rows]
            except Exception as error:
                raise failed(name, error) from error

        return call

    return make


def _null(value: Any) -> None:
    del value
