"""The row form: expressions compiled to one Python function over a `Record`.

    compile_row([("A", expr), ...], scope, on_error) -> RowProgram        program.function(record) -> tuple

Each expression stands on its own: an error nulls that column only and is told to ``on_error(name, error,
record)``.  An error inside an argument of a function, or inside an element of ARRAY, MAP or STRUCT, nulls that
argument or element only.  Records reach the function with plain values: never a `Change`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kappaflow.serde.types import DataType
from kappaflow.sql.ast.expressions import Expression
from kappaflow.sql.expressions.row_code import Code
from kappaflow.sql.expressions.row_emitter import RowEmitter
from kappaflow.sql.expressions.scope import Scope
from kappaflow.sql.expressions.typing import Typer
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.streams.record import Record

OnError = Callable[[str, Exception, Record], None]
RowFunction = Callable[[Record], tuple[Any, ...]]


@dataclass(frozen=True)
class RowProgram:
    """Checked expressions, compiled when a row first asks for it: many are only planned.

    Attributes:
        types: one per expression, None for a bare NULL.
        source: the Python text, for EXPLAIN and debugging.
        names: what the text refers to.
    """

    types: tuple[DataType | None, ...]
    source: str
    names: Mapping[str, Any]

    @cached_property
    def function(self) -> RowFunction:
        """From a record to one value per expression."""
        namespace = dict(self.names)
        exec(compile(self.source, "<sql expression>", "exec"), namespace)
        return namespace["row"]


def ignore_error(name: str, error: Exception, record: Record) -> None:
    """Drop an expression error."""


def compile_row(
    expressions: Sequence[tuple[str, Expression]],
    scope: Scope,
    on_error: OnError = ignore_error,
    registry: FunctionRegistry | None = None,
    typer: Typer | None = None,
) -> RowProgram:
    """Compile named expressions.

    Raises:
        StatementError: a name, type, operator or function does not fit.
    """
    typer = typer or Typer(scope, registry)
    emitter = RowEmitter(typer)
    types = tuple(typer.type_of(expression) for _, expression in expressions)
    codes = [emitter.emit_column(index, expression) for index, (_, expression) in enumerate(expressions)]
    source = _source(emitter, codes)
    names = tuple(name for name, _ in expressions)
    return RowProgram(types, source, {**emitter.function.constants, "_report": _reporter(names, on_error)})


def _source(emitter: RowEmitter, codes: Sequence[Code]) -> str:
    lines = ["def row(r):", *(f"    {line}" for line in emitter.prologue())]
    results: list[str] = []
    for index, code in enumerate(codes):
        if not code.raises:
            results.append(code.text)
            continue
        lines += [
            "    try:",
            f"        e{index} = {code.text}",
            "    except Exception as error:",
            f"        e{index} = None",
            f"        _report({index}, error, r)",
        ]
        results.append(f"e{index}")
    lines.append(f"    return ({', '.join(results)}{',' if len(results) == 1 else ''})")
    return "\n".join(lines) + "\n"


def _reporter(names: tuple[str, ...], on_error: OnError) -> Callable[[int, Exception, Record], None]:
    def report(index: int, error: Exception, record: Record) -> None:
        on_error(names[index], error, record)

    return report
