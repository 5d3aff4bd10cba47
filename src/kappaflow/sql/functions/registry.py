"""The functions of SQL by name: what a call means, and what SHOW FUNCTIONS and DESCRIBE FUNCTION print.

    abs_ = scalar("abs", "MATHEMATICAL", "The absolute value of a number.")

    @abs_("(value BIGINT) -> BIGINT")
    def absolute(value): ...

A family module registers into the built-in registry when `default_registry` first loads it.  A registry made by
`FunctionRegistry.extended` adds a user's functions without touching the built-in ones.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from kappaflow.errors import StatementError
from kappaflow.serde.types import DataType
from kappaflow.sql.functions.signature import Argument, LambdaTyper, Match, Signature, parse_signature
from kappaflow.sql.nearest_names import did_you_mean
from kappaflow.sql.types import type_text

_FAMILIES = (
    "aggregate_attr",
    "aggregate_collect",
    "aggregate_count",
    "aggregate_extremes",
    "aggregate_histogram",
    "aggregate_offsets",
    "aggregate_statistics",
    "aggregate_sums",
    "aggregate_topk",
    "arrays",
    "bytes",
    "date_arithmetic",
    "dates",
    "json",
    "lambdas",
    "maps",
    "masks",
    "math",
    "nulls",
    "regex",
    "strings",
    "table",
    "trigonometry",
    "urls",
)

F = TypeVar("F", bound=Callable[..., Any])

ReturnTyper = Callable[[tuple[DataType | None, ...]], DataType]


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature with its implementation.

    Attributes:
        signature: parameters and result.
        implementation: scalar: the function over argument values; table: gives a list of rows;
            aggregate: an `AggregationFactory`.
        null_in: true: the implementation sees NULL arguments; false: any NULL argument makes NULL.
        typed: the implementation is a factory that is called once with the argument types and the return type.
        total: it never raises on values of its types.
        returns: computes the return type where the signature cannot say it.
        description: what this overload does, when it differs from the function.
        columns: makes the column form of a call, given its types; None where the implementation alone says it.
    """

    signature: Signature
    implementation: Callable[..., Any]
    null_in: bool = False
    typed: bool = False
    total: bool = False
    returns: ReturnTyper | None = None
    description: str = ""
    columns: Callable[[tuple[DataType | None, ...], DataType], Any] | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """A call whose overload is known: the types its arguments are converted to, and its own type."""

    function: Function
    overload: Overload
    types: tuple[DataType | None, ...]
    returns: DataType | None


@dataclass(slots=True)
class Function:
    """A function by name.

    Attributes:
        name: as messages print it, in the case that ksqlDB has for it; lists print it in upper case.
        kind: ``scalar``, ``aggregate`` or ``table``.
        category: the heading under which it is listed.
        description: what it does, one or two sentences.
        overloads: its signatures.
        examples: calls and their results, as text.
        author, version: of user functions.
        declaration: what is known of a user's function without its code; None for a built-in one.
    """

    name: str
    kind: str
    category: str
    description: str
    overloads: list[Overload] = field(default_factory=list[Overload])
    examples: tuple[str, ...] = ()
    author: str = ""
    version: str = ""
    declaration: Any = None

    def resolve(self, arguments: Sequence[Argument], lambdas: LambdaTyper) -> Resolved:
        """Find the overload that the arguments mean.

        Raises:
            StatementError: none accepts them, or several do.
        """
        for casts in (False, True):
            matches = [
                (overload, match)
                for overload in self.overloads
                if (match := overload.signature.match(arguments, casts, lambdas)) is not None
            ]
            if matches:
                return self._best(matches, arguments)
        raise StatementError(self._refusal(arguments))

    def _best(self, matches: list[tuple[Overload, Match]], arguments: Sequence[Argument]) -> Resolved:
        ranked = sorted(matches, key=lambda pair: _rank(pair[0].signature), reverse=True)
        if len(ranked) > 1 and _rank(ranked[0][0].signature) == _rank(ranked[1][0].signature):
            raise StatementError(
                f"Function '{self.name}' cannot be resolved due to ambiguous method parameters "
                f"({_argument_texts(arguments)}).\nUse CAST to choose one. {self._alternatives()}"
            )
        overload, match = ranked[0]
        returns = overload.returns(match.types) if overload.returns else match.returns
        return Resolved(self, overload, match.types, returns)

    def _refusal(self, arguments: Sequence[Argument]) -> str:
        return (
            f"Function '{self.name}' does not accept parameters ({_argument_texts(arguments)}).\n{self._alternatives()}"
        )

    def _alternatives(self) -> str:
        lines = "\n".join(f"{self.name}{overload.signature}" for overload in self.overloads)
        return (
            f"Valid alternatives are:\n{lines}\n"
            "For detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;"
        )


def _rank(signature: Signature) -> tuple[bool, int, int]:
    return (not signature.variadic, -signature.generics, len(signature.parameters))


def _argument_texts(arguments: Sequence[Argument]) -> str:
    return ", ".join(
        type_text(argument) if isinstance(argument, DataType) or argument is None else str(argument)
        for argument in arguments
    )


class FunctionRegistry:
    """Functions by upper-case name."""

    def __init__(self, parent: FunctionRegistry | None = None) -> None:
        self._parent = parent
        self._functions: dict[str, Function] = {}

    def extended(self) -> FunctionRegistry:
        """Return a registry that adds functions to this one."""
        return FunctionRegistry(self)

    def fixed(self) -> FunctionRegistry:
        """Return a registry that stays as this one is now, for what is compiled later."""
        return self

    def define(self, function: Function) -> Function:
        """Add a function (a second definition of a name replaces the first)."""
        self._functions[function.name.upper()] = function
        return function

    def get(self, name: str) -> Function | None:
        """Return the function called `name`, or None."""
        found = self._functions.get(name.upper())
        if found is None and self._parent is not None:
            return self._parent.get(name)
        return found

    def find(self, name: str) -> Function:
        """Return the function called `name`.

        Raises:
            StatementError: there is none; the message names the one that is spelt most like it.
        """
        found = self.get(name)
        if found is None:
            hint = did_you_mean((function.name.upper() for function in self), name)
            raise StatementError(f"Can't find any functions with the name '{name.upper()}'{hint and '.'}{hint}")
        return found

    def is_aggregate(self, name: str) -> bool:
        """Tell whether `name` is an aggregate function."""
        found = self.get(name)
        return found is not None and found.kind == "aggregate"

    def is_table(self, name: str) -> bool:
        """Tell whether `name` is a table function."""
        found = self.get(name)
        return found is not None and found.kind == "table"

    def __iter__(self) -> Iterator[Function]:
        """Iterate over all functions in order of name."""
        names = {**({f.name.upper(): f for f in self._parent} if self._parent else {}), **self._functions}
        return iter(names[name] for name in sorted(names))


_BUILTIN = FunctionRegistry()


@cache
def default_registry() -> FunctionRegistry:
    """Return the registry of the functions that ship with the product."""
    for family in _FAMILIES:
        importlib.import_module(f"kappaflow.sql.functions.{family}")
    return _BUILTIN


class Definition:
    """Collects the overloads of one function: call it with a signature to decorate an implementation."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def __call__(self, signature: str, **options: Any) -> Callable[[F], F]:
        """Return a decorator that adds an overload; `options` are the attributes of `Overload`."""

        def add(implementation: F) -> F:
            self.function.overloads.append(Overload(parse_signature(signature), implementation, **options))
            return implementation

        return add


def scalar(
    name: str,
    category: str,
    description: str,
    examples: tuple[str, ...] = (),
    registry: FunctionRegistry = _BUILTIN,
) -> Definition:
    """Define a function from values to a value."""
    return Definition(registry.define(Function(name, "scalar", category, description, examples=examples)))


def aggregate(
    name: str, description: str, examples: tuple[str, ...] = (), registry: FunctionRegistry = _BUILTIN
) -> Definition:
    """Define a function from the rows of a group to a value; implementations are `AggregationFactory`."""
    return Definition(registry.define(Function(name, "aggregate", "AGGREGATE", description, examples=examples)))


def table(
    name: str, description: str, examples: tuple[str, ...] = (), registry: FunctionRegistry = _BUILTIN
) -> Definition:
    """Define a function from values to a list of rows."""
    return Definition(registry.define(Function(name, "table", "TABLE", description, examples=examples)))
