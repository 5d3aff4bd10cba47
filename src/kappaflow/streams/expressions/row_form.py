"""The row form: expressions as one Python function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kappaflow.streams.expressions.conditions import to_double

if TYPE_CHECKING:
    from kappaflow.streams.expressions.binding import BoundCall, BoundExpression


class _Writer:
    """Writes the source of expressions; columns are read once, before."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"number": to_double}
        self.reads: dict[str, str] = {}
        self._count = 0

    def write(self, expression: BoundExpression) -> str:
        """Return the source of an expression."""
        from kappaflow.streams.expressions.binding import BoundColumn, BoundConstant

        if isinstance(expression, BoundColumn):
            return self.reads.setdefault(expression.row, f"c{len(self.reads)}")
        if isinstance(expression, BoundConstant):
            return self._constant(expression.value)
        return self._call(expression)

    def _call(self, call: BoundCall) -> str:
        from kappaflow.streams.expressions.binding import BoundColumn, BoundConstant

        tests: list[str] = []
        given: list[str] = []
        for argument in call.arguments:
            source = self.write(argument)
            if not call.bound.strict or (isinstance(argument, BoundConstant) and argument.value is not None):
                given.append(source)
            elif isinstance(argument, BoundColumn):
                tests.append(f"{source} is None")
                given.append(source)
            else:
                name = self._new("n")
                tests.append(f"({name} := {source}) is None")
                given.append(name)
        row = call.bound.row
        applied = row.format(*given) if isinstance(row, str) else f"{self._named('f', row)}({', '.join(given)})"
        return f"(None if {' or '.join(tests)} else {applied})" if tests else applied

    def _constant(self, value: Any) -> str:
        return repr(value) if value is None or isinstance(value, bool) else self._named("d", value)

    def _named(self, prefix: str, value: Any) -> str:
        name = self._new(prefix)
        self.names[name] = value
        return name

    def _new(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"


def compile_row(
    expressions: Sequence[BoundExpression],
    variables: Sequence[str],
    result: Callable[[Sequence[str]], str] | None = None,
    prelude: Sequence[str] = (),
) -> Callable[..., Any]:
    """Compile expressions to one function.

    Args:
        variables: its arguments, which columns are read from.
        result: gives the source of what it returns from the sources of the expressions; None returns the first.
        prelude: statements before the columns are read.
    """
    writer = _Writer()
    sources = [writer.write(each) for each in expressions]
    returned = sources[0] if result is None else result(sources)
    reads = [f"{name} = {source}" for source, name in writer.reads.items()]
    body = "\n    ".join([*prelude, *reads, f"return {returned}"])
    names = writer.names
    exec(f"def program({', '.join(variables)}):\n    {body}\n", names)
    return names["program"]
