"""Python text for each kind of expression: what the row form is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal as PyDecimal
from typing import Any

from kappaflow.serde.types import TIMESTAMP, Array, Decimal
from kappaflow.sql.ast import expressions as x
from kappaflow.sql.expressions import row_operators as operators
from kappaflow.sql.expressions import values
from kappaflow.sql.expressions.constant_expressions import is_constant
from kappaflow.sql.expressions.row_code import NULL, Code, FunctionText
from kappaflow.sql.expressions.scope import Place, ScopeColumn
from kappaflow.sql.expressions.typing import Typer
from kappaflow.sql.functions.signature import LambdaType

_FOLDED = (bool, int, float, str, bytes, PyDecimal)


class RowEmitter:
    """Emits the expressions of one function; collects the columns that it reads.

    Attributes:
        function: what the emitted pieces share.
    """

    def __init__(self, typer: Typer) -> None:
        self.typer = typer
        self.function = FunctionText()
        self._columns: dict[str, str] = {}
        self._key_columns = 0
        self._value_columns = 0

    def emit_column(self, index: int, node: x.Expression) -> Code:
        """Emit one of the function's results; an error of it as a whole is reported by who evaluates it."""
        self.function.result_index = index
        return self._cast(node) if isinstance(node, x.Cast) else self.emit(node)

    def prologue(self) -> list[str]:
        """Return the statements that read the columns into names."""
        lines: list[str] = []
        windowed = self.typer.scope.windowed
        places = set(self._columns.values())
        if self._value_columns:
            lines += ["v = r.value", f"if v is None: v = {(None,) * self._value_columns}"]
        if self._key_columns or any(text.startswith("w.") for text in places):
            lines.append("k = r.key" if not windowed else "w = r.key")
            if windowed:
                lines.append("k = w.key")
            lines.append(f"if k is None: k = {(None,) * self._key_columns}")
        return [*lines, *(f"{name} = {text}" for name, text in self._columns.items())]

    def emit(self, node: x.Expression) -> Code:
        """Emit an expression."""
        match node:
            case x.NullLiteral():
                return NULL
            case x.DecimalLiteral():
                data_type = self.typer.type_of(node)
                assert isinstance(data_type, Decimal)
                return self.function.literal(values.fit(node.value, data_type))
            case (
                x.BooleanLiteral(value)
                | x.IntegerLiteral(value)
                | x.LongLiteral(value)
                | x.DoubleLiteral(value)
                | x.StringLiteral(value)
                | x.BytesLiteral(value)
                | x.IntervalUnit(value)
            ):
                return self.function.literal(value)
            case x.ColumnReference():
                return self._column(node)
            case x.LambdaVariable(name):
                return Code(_variable(name), atom=True)
            case x.FunctionCall():
                return self._call(node)
            case x.Cast():
                return self.function.guarded(self._cast(node))
            case x.AtTimeZone(operand):
                return self.function.converted(self.emit(operand), self.typer.type_of(operand), TIMESTAMP)
            case _:
                return self._operator(node)

    def _operator(self, node: x.Expression) -> Code:
        match node:
            case x.Arithmetic(operator, left, right):
                types = (self.typer.type_of(left), self.typer.type_of(right))
                return operators.arithmetic(self.function, operator, [self.emit(left), self.emit(right)], types)
            case x.Negate(operand, plus):
                code = self.emit(operand)
                return code if plus else operators.negated(self.function, code, self.typer.type_of(operand))
            case x.Comparison(operator, left, right):
                return self._comparison(operator, left, right)
            case x.Logical(operator, left, right):
                return operators.logical(self.function, operator, self.emit(left), self.emit(right))
            case x.Not(operand):
                return self.function.strict([self.emit(operand)], lambda names: f"not {names[0]}")
            case x.IsNull(operand, negated):
                code = self._emit(operand, null_fails=True)
                if code.is_constant:
                    answer = code.is_null is not negated
                    return Code(str(answer), False, False, True, answer)
                return Code(f"({code.text} {'is not' if negated else 'is'} None)", False, code.raises)
            case x.Between(operand, low, high):
                first = self._comparison(x.ComparisonOperator.GREATER_THAN_OR_EQUAL, operand, low)
                second = self._comparison(x.ComparisonOperator.LESS_THAN_OR_EQUAL, operand, high)
                return Code(f"({first.text} and {second.text})", False, first.raises or second.raises)
            case x.In():
                operand, *items = self.typer.elements(node)
                needle, *members = (self._emit(part, null_fails=True) for part in (operand, *items))
                return operators.among(self.function, needle, members, self.typer.type_of(operand))
            case x.Like(operand, pattern, escape):
                return operators.like(self.function, self.emit(operand), self.emit(pattern), escape)
            case _:
                return self._structure(node)

    def _comparison(self, operator: x.ComparisonOperator, left: x.Expression, right: x.Expression) -> Code:
        types = (self.typer.type_of(left), self.typer.type_of(right))
        operands = [self._emit(side, null_fails=True) for side in (left, right)]
        return operators.comparison(self.function, operator, operands, types)

    def _emit(self, node: x.Expression, *, null_fails: bool) -> Code:
        """Emit an operand of what answers NULL with a value, or a part of which an error alone is NULL."""
        outer, self.function.null_fails = self.function.null_fails, null_fails
        try:
            return self.emit(node)
        finally:
            self.function.null_fails = outer

    def _structure(self, node: x.Expression) -> Code:
        match node:
            case x.SearchedCase(whens, default):
                return self._case([(self.emit(w.condition), self.emit(w.result)) for w in whens], default)
            case x.SimpleCase(operand, whens, default):
                equal = x.ComparisonOperator.EQUAL
                branches = [(self._comparison(equal, operand, w.condition), self.emit(w.result)) for w in whens]
                return self._case(branches, default)
            case x.Subscript(base, index):
                return self._subscript(base, index)
            case x.Dereference(base, field_name):
                return self.function.strict(
                    [self.emit(base)], lambda names: f"{names[0]}.get({field_name!r})", nullable=True
                )
            case x.CreateArray():
                parts = [self._guarded(element) for element in self.typer.elements(node)]
                return Code(f"[{', '.join(part.text for part in parts)}]", False)
            case x.CreateMap(entries):
                elements = self.typer.elements(node)
                keys, items = elements[: len(entries)], elements[len(entries) :]
                pairs = [(self._guarded(k), self._guarded(v)) for k, v in zip(keys, items, strict=True)]
                return Code(f"{{{', '.join(f'{k.text}: {v.text}' for k, v in pairs)}}}", False)
            case x.CreateStruct(fields):
                named = [(name, self._guarded(value)) for name, value in fields]
                return Code(f"{{{', '.join(f'{name!r}: {code.text}' for name, code in named)}}}", False)
            case _:
                raise TypeError(f"no row form for {type(node).__name__}")

    def _guarded(self, node: x.Expression) -> Code:
        return self.function.guarded(self._emit(node, null_fails=False))

    def _cast(self, node: x.Cast) -> Code:
        operand = self._emit(node.operand, null_fails=False)
        return self.function.converted(operand, self.typer.type_of(node.operand), node.type)

    def _case(self, branches: Sequence[tuple[Code, Code]], default: x.Expression | None) -> Code:
        last = NULL if default is None else self.emit(default)
        branches = [(operators.condition(self.function, condition), result) for condition, result in branches]
        text = "".join(f"{result.text} if {condition.text} else " for condition, result in branches)
        codes = [last, *(code for branch in branches for code in branch)]
        nullable = last.nullable or any(result.nullable for _, result in branches)
        return Code(f"({text}{last.text})", nullable, any(code.raises for code in codes))

    def _subscript(self, base: x.Expression, index: x.Expression) -> Code:
        operands = [self.emit(base), self.emit(index)]
        if isinstance(self.typer.type_of(base), Array):
            name = self.function.constant(values.element_at)
            return self.function.strict(operands, lambda n: f"{name}({n[0]}, {n[1]})", nullable=True)
        return self.function.strict(operands, lambda n: f"{n[0]}.get({n[1]})", nullable=True)

    # Columns

    def _column(self, node: x.ColumnReference) -> Code:
        column = self.typer.scope.resolve(node.name, node.source)
        assert column is not None
        match column.place:
            case Place.VALUE:
                self._value_columns = max(self._value_columns, column.index + 1)
                return self._read(f"v{column.index}", f"v[{column.index}]")
            case Place.KEY:
                self._key_columns = max(self._key_columns, column.index + 1)
                return self._read(f"k{column.index}", f"k[{column.index}]")
            case Place.HEADERS:
                return self._headers(column)
            case Place.TIMESTAMP:
                return self._read("rt", "r.timestamp", nullable=False)
            case Place.PARTITION:
                return self._read("rp", "r.partition", nullable=False)
            case Place.OFFSET:
                return self._read("ro", "r.offset", nullable=False)
            case Place.WINDOW_START:
                return self._read("ws", "w.start", nullable=False)
            case Place.WINDOW_END:
                return self._read("we", "w.end", nullable=False)

    def _read(self, name: str, text: str, nullable: bool = True) -> Code:
        self._columns[name] = text
        return Code(name, nullable, False, True)

    def _headers(self, column: ScopeColumn) -> Code:
        if column.header_key is None:
            name = self.function.constant(_all_headers)
            return Code(f"{name}(r.headers)", False)
        name = self.function.constant(_last_header)
        return Code(f"{name}(r.headers, {column.header_key!r})")

    # Functions

    def _call(self, node: x.FunctionCall) -> Code:
        resolved = self.typer.call(node)
        overload = resolved.overload
        implementation = overload.implementation
        if overload.typed:
            implementation = implementation(resolved.types, resolved.returns)
        arguments: list[Code] = []
        for argument, wanted in zip(node.arguments, resolved.types, strict=True):
            if isinstance(argument, x.Lambda):
                assert isinstance(wanted, LambdaType)
                arguments.append(self._lambda(argument, wanted))
                continue
            code = self._emit(argument, null_fails=False)
            source = None if isinstance(argument, x.IntervalUnit) else self.typer.type_of(argument)
            arguments.append(self.function.guarded(self.function.converted(code, source, wanted)))
        if all(code.is_constant for code in arguments) and is_constant(node):
            folded = _folded(implementation, overload.null_in, [code.constant for code in arguments])
            if folded is not None:
                return self.function.literal(folded)
        name = self.function.constant(implementation)
        raises = not overload.total
        if overload.null_in:
            return Code(f"{name}({', '.join(code.text for code in arguments)})", True, raises)
        return self.function.strict(arguments, lambda n: f"{name}({', '.join(n)})", nullable=True, raises=raises)

    def _lambda(self, node: x.Lambda, wanted: LambdaType) -> Code:
        self.typer.enter(node, wanted.inputs)
        self.function.lambda_depth += 1
        try:
            body_type = self.typer.type_of(node.body)
            body = self.function.converted(self.emit(node.body), body_type, wanted.result)
        finally:
            self.function.lambda_depth -= 1
            self.typer.leave()
        parameters = ", ".join(_variable(name) for name in node.parameters)
        return Code(f"(lambda {parameters}: {body.text})", False)


def _folded(implementation: Callable[..., Any], null_in: bool, values_in: list[Any]) -> Any:
    """Return the value of a call that no row changes; None where it has to be found out by row, as for its error."""
    if not null_in and None in values_in:
        return None
    try:
        value = implementation(*values_in)
    except Exception:
        return None
    return value if isinstance(value, _FOLDED) else None  # an array could be changed by who gets it


def _variable(name: str) -> str:
    return "p_" + "".join(c if c.isalnum() and c.isascii() else f"_{ord(c):x}_" for c in name)


def _all_headers(headers: Sequence[tuple[str, bytes | None]]) -> list[dict[str, Any]]:
    return [{"KEY": key, "VALUE": value} for key, value in headers]


def _last_header(headers: Sequence[tuple[str, bytes | None]], wanted: str) -> bytes | None:
    return next((value for key, value in reversed(headers) if key == wanted), None)
