"""Python text for each kind of expression: what the row form is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal as PyDecimal
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.serde.types import (
    BIGINT,
    DOUBLE,
    INTEGER,
    TIMESTAMP,
    Array,
    Bytes,
    DataType,
    Decimal,
    Double,
    Integer,
    String,
)
from kappaflow.sql.ast import expressions as x
from kappaflow.sql.expressions import values
from kappaflow.sql.expressions.constant_expressions import is_constant
from kappaflow.sql.expressions.decimal_arithmetic import decimal_operation
from kappaflow.sql.expressions.java_text import order_key
from kappaflow.sql.expressions.like import like_matcher
from kappaflow.sql.expressions.scope import Place, ScopeColumn
from kappaflow.sql.expressions.typing import Typer
from kappaflow.sql.functions.signature import LambdaType
from kappaflow.sql.types import arithmetic_type, is_numeric, is_time

_UNSET: Any = object()
_FOLDED = (bool, int, float, str, bytes, PyDecimal)
_ORDER = {
    x.ComparisonOperator.LESS_THAN: "<",
    x.ComparisonOperator.LESS_THAN_OR_EQUAL: "<=",
    x.ComparisonOperator.GREATER_THAN: ">",
    x.ComparisonOperator.GREATER_THAN_OR_EQUAL: ">=",
}


@dataclass(frozen=True, slots=True)
class Code:
    """Python text of an expression.

    Attributes:
        text: an expression, safe to stand as an operand.
        nullable: whether it may give None.
        raises: whether it may raise.
        atom: a name or literal: free to repeat.
        constant: its value when it is known, else `_UNSET`.
    """

    text: str
    nullable: bool = True
    raises: bool = False
    atom: bool = False
    constant: Any = _UNSET

    @property
    def is_constant(self) -> bool:
        """Whether the value is known."""
        return self.constant is not _UNSET


NULL = Code("None", atom=True, constant=None)


class RowEmitter:
    """Emits the expressions of one function; collects the columns and constants that it reads."""

    def __init__(self, typer: Typer) -> None:
        self.typer = typer
        self.constants: dict[str, Any] = {}
        self._columns: dict[str, str] = {}
        self._key_columns = 0
        self._value_columns = 0
        self._temporaries = 0
        self._depth = 0
        self._current = 0

    def emit_column(self, index: int, node: x.Expression) -> Code:
        """Emit one of the function's results; an error of it as a whole is reported by who evaluates it."""
        self._current = index
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

    def constant(self, value: Any) -> str:
        """Give a Python object a name in the function."""
        name = f"_c{len(self.constants)}"
        self.constants[name] = value
        return name

    def literal(self, value: Any) -> Code:
        """Emit a known value."""
        if value is None:
            return NULL
        if isinstance(value, bool | int | str | bytes) or (isinstance(value, float) and value - value == 0.0):
            text = repr(value)
            return Code(f"({text})" if text.startswith("-") else text, False, False, True, value)
        return Code(self.constant(value), False, False, True, value)

    def emit(self, node: x.Expression) -> Code:
        """Emit an expression."""
        match node:
            case x.NullLiteral():
                return NULL
            case x.DecimalLiteral():
                data_type = self.typer.type_of(node)
                assert isinstance(data_type, Decimal)
                return self.literal(values.fit(node.value, data_type))
            case (
                x.BooleanLiteral(value)
                | x.IntegerLiteral(value)
                | x.LongLiteral(value)
                | x.DoubleLiteral(value)
                | x.StringLiteral(value)
                | x.BytesLiteral(value)
                | x.IntervalUnit(value)
            ):
                return self.literal(value)
            case x.ColumnReference():
                return self._column(node)
            case x.LambdaVariable(name):
                return Code(_variable(name), atom=True)
            case x.FunctionCall():
                return self._call(node)
            case x.Cast():
                return self.guarded(self._cast(node))
            case x.AtTimeZone(operand):
                return self.converted(self.emit(operand), self.typer.type_of(operand), TIMESTAMP)
            case _:
                return self._operator(node)

    def _operator(self, node: x.Expression) -> Code:
        match node:
            case x.Arithmetic(operator, left, right):
                return self._arithmetic(operator, left, right)
            case x.Negate(operand, plus):
                code = self.emit(operand)
                return code if plus else self._negated(code, self.typer.type_of(operand))
            case x.Comparison(operator, left, right):
                return self.comparison(operator, left, right)
            case x.Logical(operator, left, right):
                return self._logical(operator, self.emit(left), self.emit(right))
            case x.Not(operand):
                return self.strict([self.emit(operand)], lambda names: f"not {names[0]}")
            case x.IsNull(operand, negated):
                code = self.emit(operand)
                if code.is_constant:
                    answer = (code.constant is None) is not negated
                    return Code(str(answer), False, False, True, answer)
                return Code(f"({code.text} {'is not' if negated else 'is'} None)", False, code.raises)
            case x.Between(operand, low, high):
                first = self.comparison(x.ComparisonOperator.GREATER_THAN_OR_EQUAL, operand, low)
                second = self.comparison(x.ComparisonOperator.LESS_THAN_OR_EQUAL, operand, high)
                return Code(f"({first.text} and {second.text})", False, first.raises or second.raises)
            case x.In():
                return self._in(node)
            case x.Like(operand, pattern, escape):
                return self._like(operand, pattern, escape)
            case _:
                return self._structure(node)

    def _structure(self, node: x.Expression) -> Code:
        match node:
            case x.SearchedCase(whens, default):
                return self._case([(self.emit(w.condition), self.emit(w.result)) for w in whens], default)
            case x.SimpleCase(operand, whens, default):
                equal = x.ComparisonOperator.EQUAL
                branches = [(self.comparison(equal, operand, w.condition), self.emit(w.result)) for w in whens]
                return self._case(branches, default)
            case x.Subscript(base, index):
                return self._subscript(base, index)
            case x.Dereference(base, field_name):
                return self.strict([self.emit(base)], lambda names: f"{names[0]}.get({field_name!r})", nullable=True)
            case x.CreateArray():
                parts = [self.guarded(self.emit(e)) for e in self.typer.elements(node)]
                return Code(f"[{', '.join(part.text for part in parts)}]", False)
            case x.CreateMap(entries):
                elements = self.typer.elements(node)
                keys, items = elements[: len(entries)], elements[len(entries) :]
                pairs = [
                    (self.guarded(self.emit(k)), self.guarded(self.emit(v))) for k, v in zip(keys, items, strict=True)
                ]
                return Code(f"{{{', '.join(f'{k.text}: {v.text}' for k, v in pairs)}}}", False)
            case x.CreateStruct(fields):
                named = [(name, self.guarded(self.emit(value))) for name, value in fields]
                return Code(f"{{{', '.join(f'{name!r}: {code.text}' for name, code in named)}}}", False)
            case _:
                raise TypeError(f"no row form for {type(node).__name__}")

    # Building blocks

    def strict(
        self,
        operands: Sequence[Code],
        build: Callable[[list[str]], str],
        *,
        nullable: bool = False,
        raises: bool = False,
        when_null: str = "None",
    ) -> Code:
        """Emit ``build(names)`` guarded so that any NULL operand gives `when_null`."""
        checks: list[str] = []
        names: list[str] = []
        for operand in operands:
            if not operand.nullable:
                names.append(operand.text)
            elif operand.atom:
                checks.append(f"{operand.text} is None")
                names.append(operand.text)
            else:
                name = self.temporary()
                checks.append(f"({name} := {operand.text}) is None")
                names.append(name)
        raises = raises or any(operand.raises for operand in operands)
        if not checks:
            return Code(f"({build(names)})", nullable, raises)
        text = f"({when_null} if {' or '.join(checks)} else {build(names)})"
        return Code(text, nullable or when_null == "None", raises)

    def temporary(self) -> str:
        """Return a fresh name for an assignment expression."""
        self._temporaries += 1
        return f"t{self._temporaries}"

    def guarded(self, code: Code) -> Code:
        """Emit `code` so that an error becomes NULL and is reported."""
        if not code.raises:
            return code
        if "_guard" not in self.constants:
            self.constants["_guard"] = _guard
        return Code(f"_guard(lambda: {code.text}, _report, {self._current}, r)")

    def _cast(self, node: x.Cast) -> Code:
        return self.converted(self.emit(node.operand), self.typer.type_of(node.operand), node.type)

    def converted(self, code: Code, source: DataType | None, target: DataType | None) -> Code:
        """Emit the conversion of `code` to another type."""
        convert = None if target is None or source is None else values.caster(source, target)
        if convert is None or (code.is_constant and code.constant is None):
            return code
        if code.is_constant:
            try:
                return self.literal(convert(code.constant))
            except Exception:
                pass  # the row form raises it again for each row
        if source in (INTEGER, BIGINT) and target == DOUBLE:
            return self.strict([code], lambda names: f"float({names[0]})")
        name = self.constant(convert)
        return self.strict([code], lambda names: f"{name}({names[0]})", raises=True)

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
            name = self.constant(_all_headers)
            return Code(f"{name}(r.headers)", False)
        name = self.constant(_last_header)
        return Code(f"{name}(r.headers, {column.header_key!r})")

    # Operators

    def _arithmetic(self, operator: x.ArithmeticOperator, left: x.Expression, right: x.Expression) -> Code:
        left_type, right_type = self.typer.type_of(left), self.typer.type_of(right)
        result = arithmetic_type(operator, left_type, right_type)
        operands = [self.emit(left), self.emit(right)]
        if isinstance(result, String):
            return self.strict(operands, lambda names: f"{names[0]} + {names[1]}")
        if isinstance(result, Decimal):
            return self._decimal_arithmetic(operator, operands, (left_type, right_type), result)
        if isinstance(result, Double):
            return self._double_arithmetic(operator, operands, (left_type, right_type))
        return self._integer_arithmetic(operator, operands, 32 if isinstance(result, Integer) else 64)

    def _computed(self, operands: Sequence[Code], build: Callable[[list[str]], str], *, raises: bool = False) -> Code:
        """Emit arithmetic: a NULL operand gives NULL, inside a lambda it fails the call of the function."""
        if not self._depth:
            return self.strict(operands, build, raises=raises)
        self.constants["_null_operand"] = _null_operand
        nullable = any(operand.nullable for operand in operands)
        return self.strict(operands, build, raises=raises or nullable, when_null="_null_operand()")

    def _integer_arithmetic(self, operator: x.ArithmeticOperator, operands: list[Code], bits: int) -> Code:
        high = 2 ** (bits - 1) - 1
        wrap = self.constant(values.wrap_int if bits == 32 else values.wrap_long)
        if operator in (x.ArithmeticOperator.DIVIDE, x.ArithmeticOperator.MODULUS):
            divide = operator is x.ArithmeticOperator.DIVIDE
            name = self.constant(values.divide_integers if divide else values.remainder_integers)
            call = "{wrap}({name}({a}, {b}))" if divide else "{name}({a}, {b})"
            return self._computed(operands, lambda n: call.format(wrap=wrap, name=name, a=n[0], b=n[1]), raises=True)
        result = self.temporary()
        return self._computed(
            operands,
            lambda n: (
                f"{result} if {-high - 1} <= ({result} := {n[0]} {operator.value} {n[1]}) <= {high} "
                f"else {wrap}({result})"
            ),
        )

    def _double_arithmetic(
        self, operator: x.ArithmeticOperator, operands: list[Code], types: tuple[DataType | None, ...]
    ) -> Code:
        operands = [self.converted(code, data_type, DOUBLE) for code, data_type in zip(operands, types, strict=True)]
        if operator in (x.ArithmeticOperator.DIVIDE, x.ArithmeticOperator.MODULUS):
            divide = operator is x.ArithmeticOperator.DIVIDE
            name = self.constant(values.divide_doubles if divide else values.remainder_doubles)
            return self._computed(operands, lambda n: f"{name}({n[0]}, {n[1]})")
        return self._computed(operands, lambda n: f"{n[0]} {operator.value} {n[1]}")

    def _decimal_arithmetic(
        self,
        operator: x.ArithmeticOperator,
        operands: list[Code],
        types: tuple[DataType | None, ...],
        result: Decimal,
    ) -> Code:
        parts: list[Code] = []
        for code, data_type in zip(operands, types, strict=True):
            wanted = data_type if isinstance(data_type, Decimal) else _DECIMAL_OF[type(data_type)]
            parts.append(self.converted(code, data_type, wanted))
        name = self.constant(decimal_operation(operator, result.scale))
        raises = operator in (x.ArithmeticOperator.DIVIDE, x.ArithmeticOperator.MODULUS)
        return self._computed(parts, lambda n: f"{name}({n[0]}, {n[1]})", raises=raises)

    def _negated(self, code: Code, data_type: DataType | None) -> Code:
        if isinstance(data_type, Double | Decimal):
            name = self.constant(values.CONTEXT.minus) if isinstance(data_type, Decimal) else "-"
            return self._computed([code], lambda n: f"{name}({n[0]})")
        name = self.constant(values.wrap_int if isinstance(data_type, Integer) else values.wrap_long)
        return self._computed([code], lambda n: f"{name}(-{n[0]})")

    def comparison(self, operator: x.ComparisonOperator, left: x.Expression, right: x.Expression) -> Code:
        """Emit a two-valued comparison."""
        left_type, right_type = self.typer.type_of(left), self.typer.type_of(right)
        target = comparison_type(left_type, right_type)
        first, second = self.emit(left), self.emit(right)
        if isinstance(left_type, Decimal) or isinstance(right_type, Decimal):
            first, second = self._exact(first, left_type), self._exact(second, right_type)
        else:
            first = self.converted(first, left_type, target)
            second = self.converted(second, right_type, target)
        compared = target or left_type or right_type
        if operator in (x.ComparisonOperator.IS_DISTINCT_FROM, x.ComparisonOperator.IS_NOT_DISTINCT_FROM):
            return self._distinct(operator, first, second, compared)
        if operator is x.ComparisonOperator.EQUAL:
            return self.strict([first, second], lambda n: f"{n[0]} == {n[1]}", when_null="False")
        if operator is x.ComparisonOperator.NOT_EQUAL:
            if isinstance(compared, Double):
                name = self.constant(_doubles_differ)
                return self.strict([first, second], lambda n: f"{name}({n[0]}, {n[1]})", when_null="False")
            return self.strict([first, second], lambda n: f"{n[0]} != {n[1]}", when_null="False")
        if isinstance(compared, String | Bytes):
            key = self.constant(order_key)
            return self.strict(
                [first, second], lambda n: f"{key}({n[0]}) {_ORDER[operator]} {key}({n[1]})", when_null="False"
            )
        return self.strict([first, second], lambda n: f"{n[0]} {_ORDER[operator]} {n[1]}", when_null="False")

    def _distinct(self, operator: x.ComparisonOperator, first: Code, second: Code, compared: DataType | None) -> Code:
        is_distinct = operator is x.ComparisonOperator.IS_DISTINCT_FROM
        text = f"{first.text} {'!=' if is_distinct else '=='} {second.text}"
        if isinstance(compared, Double):
            name = self.constant(_doubles_are_distinct)
            text = f"{'' if is_distinct else 'not '}{name}({first.text}, {second.text})"
        return Code(f"({text})", False, first.raises or second.raises)

    def _exact(self, code: Code, data_type: DataType | None) -> Code:
        """Emit a number for comparison with a DECIMAL: integers compare exactly as they are."""
        if not isinstance(data_type, Double):
            return code
        name = self.constant(values.double_to_decimal)
        return self.strict([code], lambda n: f"{name}({n[0]})", raises=True)

    def _logical(self, operator: x.LogicalOperator, left: Code, right: Code) -> Code:
        word = "and" if operator is x.LogicalOperator.AND else "or"
        nullable = left.nullable or right.nullable
        raises = left.raises or right.raises
        if not left.nullable:
            return Code(f"({left.text} {word} {right.text})", nullable, raises)
        name = left.text if left.atom else self.temporary()
        test = f"{name} is None" if left.atom else f"({name} := {left.text}) is None"
        return Code(f"(None if {test} else {name} {word} {right.text})", True, raises)

    def _in(self, node: x.In) -> Code:
        operand, *items = self.typer.elements(node)
        needle = self.emit(operand)
        codes = [code for code in map(self.emit, items) if not (code.is_constant and code.constant is None)]
        if not codes:
            return Code("False", False, False, True, False)
        if all(code.is_constant for code in codes):
            members = [code.constant for code in codes]
            hashable = not isinstance(self.typer.type_of(operand), Array) and all(map(_is_hashable, members))
            name = self.constant(frozenset(members) if hashable else members)
            return self.strict([needle], lambda n: f"{n[0]} in {name}", when_null="False")
        listed = f"({', '.join(code.text for code in codes)},)"
        # `in` finds a NaN that is the same object; whether it is, is an accident.
        test = self.constant(values.is_among) if isinstance(self.typer.type_of(operand), Double) else ""
        return self.strict(
            [needle],
            lambda n: f"{test}({n[0]}, {listed})" if test else f"{n[0]} in {listed}",
            raises=any(code.raises for code in codes),
            when_null="False",
        )

    def _like(self, operand: x.Expression, pattern: x.Expression, escape: str | None) -> Code:
        subject, code = self.emit(operand), self.emit(pattern)
        if code.is_constant and isinstance(code.constant, str):
            name = self.constant(like_matcher(code.constant, escape))
            return self.strict([subject], lambda n: f"{name}({n[0]}) is not None")
        name = self.constant(lambda text, like: like_matcher(like, escape)(text) is not None)
        return self.strict([subject, code], lambda n: f"{name}({n[0]}, {n[1]})")

    def _case(self, branches: Sequence[tuple[Code, Code]], default: x.Expression | None) -> Code:
        last = NULL if default is None else self.emit(default)
        text = "".join(f"{result.text} if {condition.text} else " for condition, result in branches)
        codes = [last, *(code for branch in branches for code in branch)]
        nullable = last.nullable or any(result.nullable for _, result in branches)
        return Code(f"({text}{last.text})", nullable, any(code.raises for code in codes))

    def _subscript(self, base: x.Expression, index: x.Expression) -> Code:
        operands = [self.emit(base), self.emit(index)]
        if isinstance(self.typer.type_of(base), Array):
            name = self.constant(values.element_at)
            return self.strict(operands, lambda n: f"{name}({n[0]}, {n[1]})", nullable=True)
        return self.strict(operands, lambda n: f"{n[0]}.get({n[1]})", nullable=True)

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
            code = self.emit(argument)
            source = None if isinstance(argument, x.IntervalUnit) else self.typer.type_of(argument)
            arguments.append(self.guarded(self.converted(code, source, wanted)))
        if all(code.is_constant for code in arguments) and is_constant(node):
            folded = _folded(implementation, overload.null_in, [code.constant for code in arguments])
            if folded is not None:
                return self.literal(folded)
        name = self.constant(implementation)
        if overload.null_in:
            return Code(f"{name}({', '.join(code.text for code in arguments)})", True, not overload.total)
        return self.strict(arguments, lambda n: f"{name}({', '.join(n)})", nullable=True, raises=not overload.total)

    def _lambda(self, node: x.Lambda, wanted: LambdaType) -> Code:
        self.typer.enter(node, wanted.inputs)
        self._depth += 1
        try:
            body_type = self.typer.type_of(node.body)
            body = self.converted(self.emit(node.body), body_type, wanted.result)
        finally:
            self._depth -= 1
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


def comparison_type(left: DataType | None, right: DataType | None) -> DataType | None:
    """Return the type in which two values are compared; None: as they are."""
    if left is None or right is None or left == right:
        return None
    if is_numeric(left) and is_numeric(right):
        return DOUBLE if isinstance(left, Double) or isinstance(right, Double) else None
    if is_time(left) and is_time(right):
        return TIMESTAMP
    if is_time(left):
        return left
    return right if is_time(right) else None


def _variable(name: str) -> str:
    return "p_" + "".join(c if c.isalnum() and c.isascii() else f"_{ord(c):x}_" for c in name)


def _guard(thunk: Callable[[], Any], report: Callable[..., None], index: int, record: Any) -> Any:
    try:
        return thunk()
    except Exception as error:
        report(index, error, record)
        return None


def _null_operand() -> Any:
    raise FunctionError("arithmetic on NULL in a lambda")


def _all_headers(headers: Sequence[tuple[str, bytes | None]]) -> list[dict[str, Any]]:
    return [{"KEY": key, "VALUE": value} for key, value in headers]


def _last_header(headers: Sequence[tuple[str, bytes | None]], wanted: str) -> bytes | None:
    return next((value for key, value in reversed(headers) if key == wanted), None)


def _doubles_differ(left: float, right: float) -> bool:
    return left < right or left > right


def _doubles_are_distinct(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return left is not right
    return _doubles_differ(left, right)


def _is_hashable(value: Any) -> bool:
    return not isinstance(value, list | dict)


_DECIMAL_OF: dict[type[Any], DataType] = {Integer: Decimal(10, 0), type(BIGINT): Decimal(19, 0)}
