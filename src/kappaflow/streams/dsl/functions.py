"""Users' functions as operators call them.

A function may take the value alone or the key and the value: what it takes is what it is given.

    stream.map_values(str.upper)                      lambda value: ..
    stream.map_values(lambda key, value: ...)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from kappaflow.errors import UsageError
from kappaflow.streams.batch import Batch, Mask
from kappaflow.streams.record import Record

KeyValueFunction = Callable[[Any, Any], Any]


def required_arguments(function: Callable[..., Any]) -> int | None:
    """Return how many arguments a function needs; None where that cannot be told (some built-in functions)."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return sum(
        1
        for each in parameters
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) and each.default is each.empty
    )


def takes(function: Callable[..., Any], count: int) -> bool:
    """Tell whether a function can be called with so many arguments; where that cannot be told, it can.

    >>> takes(lambda one: one, 1), takes(lambda one: one, 2), takes(lambda one, *more: one, 2), takes(max, 2)
    (True, False, True, True)
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def with_key(function: Callable[..., Any], what: str = "function") -> KeyValueFunction:
    """Return a function of key and value.

    Raises:
        UsageError: it needs more than two arguments, or cannot be called.
    """
    if not callable(function):
        raise UsageError(f"{function!r} is no {what}: it cannot be called.")
    needed = required_arguments(function)
    if needed == 2:
        return function
    if takes(function, 1):
        return lambda _key, value: function(value)
    raise UsageError(f"The {what} {_name(function)} needs {needed} arguments; it gets the value, or key and value.")


def joiner_with_key(function: Callable[..., Any]) -> Callable[[Any, Any, Any], Any]:
    """Return a joiner of key, left and right value; one of two arguments takes the values.

    Raises:
        UsageError: it takes something else.
    """
    needed = required_arguments(function)
    if needed == 3:
        return function
    if takes(function, 2):
        return lambda _key, left, right: function(left, right)
    raise UsageError(f"The joiner {_name(function)} needs {needed} arguments; it gets two values, or key and values.")


def aggregator_with_key(function: Callable[..., Any]) -> Callable[[Any, Any, Any], Any]:
    """Return an aggregator of key, value and aggregate; one of two arguments takes value and aggregate.

    Raises:
        UsageError: it takes something else.
    """
    needed = required_arguments(function)
    if needed == 3:
        return function
    if takes(function, 2):
        return lambda _key, value, aggregate: function(value, aggregate)
    raise UsageError(
        f"The aggregator {_name(function)} needs {needed} arguments; it gets value and aggregate, or key, value and "
        "aggregate."
    )


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))


class Keeps:
    """A predicate of key and value as the operators' predicate."""

    columnar = False

    def __init__(self, function: KeyValueFunction, *, negated: bool = False) -> None:
        self._function = function
        self._negated = negated

    def row(self, record: Record) -> bool:
        """Tell whether the record is kept."""
        return bool(self._function(record.key, record.value)) is not self._negated

    def column(self, batch: Any) -> Any:
        """There is no column form."""
        raise TypeError("a callable has no column form")


class HasKey:
    """Keeps records that have a key.

    Args:
        keeps_all: tells whether those without one are kept as well; known when the topology is complete.
    """

    columnar = True

    def __init__(self, keeps_all: Callable[[], bool]) -> None:
        self._keeps_all = keeps_all

    def row(self, record: Record) -> bool:
        """Tell whether the record is kept."""
        return record.key is not None or self._keeps_all()

    def column(self, batch: Batch) -> Mask:
        """Return a mask of the rows that are kept."""
        if batch.key_valid is None or self._keeps_all():
            return np.ones(len(batch), np.bool_)
        return batch.key_valid


class Maps:
    """A function of key and value as the operators' mapper."""

    columnar = False

    def __init__(self, function: KeyValueFunction) -> None:
        self._function = function

    def row(self, record: Record) -> Any:
        """Return the new value, key, or list of values."""
        return self._function(record.key, record.value)

    def column(self, batch: Any) -> Any:
        """There is no column form."""
        raise TypeError("a callable has no column form")


class Joins:
    """A function of key and two values as the operators' joiner."""

    columnar = False

    def __init__(self, function: Callable[[Any, Any, Any], Any]) -> None:
        self._function = function

    def row(self, key: Any, left: Any, right: Any) -> Any:
        """Return the joined value."""
        return self._function(key, left, right)

    def column(self, batch: Any, right: Any, right_valid: Any) -> Any:
        """There is no column form."""
        raise TypeError("a callable has no column form")
