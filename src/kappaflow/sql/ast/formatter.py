"""Expressions, types and statements back to SQL text, as messages and stored statements show them."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kappaflow.serde.types import Array as ArrayType
from kappaflow.serde.types import DataType, Struct
from kappaflow.serde.types import Map as MapType
from kappaflow.sql.ast import expressions as e

_PLAIN = re.compile(r"[A-Z_][A-Z0-9_@]*")
# Words that would be read as something else than a name.
RESERVED = frozenset(
    [
        "ALL",
        "AND",
        "ARRAY",
        "AS",
        "BETWEEN",
        "BY",
        "CASE",
        "CAST",
        "CREATE",
        "DELETE",
        "DESC",
        "DESCRIBE",
        "DISTINCT",
        "DROP",
        "ELSE",
        "END",
        "EXISTS",
        "FALSE",
        "FROM",
        "FULL",
        "GROUP",
        "HAVING",
        "IN",
        "INNER",
        "INSERT",
        "INTO",
        "IS",
        "JOIN",
        "LEFT",
        "LIKE",
        "LIMIT",
        "LIST",
        "NOT",
        "NULL",
        "ON",
        "OR",
        "OUTER",
        "PRINT",
        "RIGHT",
        "RUN",
        "SELECT",
        "STREAM",
        "TABLE",
        "TERMINATE",
        "THEN",
        "TOPIC",
        "TRUE",
        "UNSET",
        "VALUES",
        "WHEN",
        "WHERE",
        "WINDOW",
        "WITH",
        "WITHIN",
        "EMIT",
        "PARTITION",
    ]
)


def format_name(name: str) -> str:
    """Quote a name where it would otherwise read differently."""
    if _PLAIN.fullmatch(name) and name not in RESERVED:
        return name
    return "`" + name.replace("`", "``") + "`"


def format_string(value: str) -> str:
    """Quote a string."""
    return "'" + value.replace("'", "''") + "'"


def format_type(type_: DataType) -> str:
    """Print a type as it is written in a statement."""
    if isinstance(type_, ArrayType):
        return f"ARRAY<{format_type(type_.element)}>"
    if isinstance(type_, MapType):
        return f"MAP<{format_type(type_.key)}, {format_type(type_.value)}>"
    if isinstance(type_, Struct):
        return "STRUCT<" + ", ".join(f"{format_name(f.name)} {format_type(f.type)}" for f in type_.fields) + ">"
    return str(type_)


def format_expression(expression: e.Expression) -> str:
    """Print an expression with all its parentheses.

    >>> from kappaflow.sql.grammar.parser import parse_expression
    >>> format_expression(parse_expression("a + 1 > b and not c is null"))
    '(((A + 1) > B) AND (NOT (C IS NULL)))'
    """
    return _FORMATTERS[type(expression)](expression)


def _list(items: tuple[e.Expression, ...]) -> str:
    return ", ".join(format_expression(item) for item in items)


def _operator(node: Any) -> str:
    return f"({format_expression(node.left)} {node.operator.value} {format_expression(node.right)})"


def _double(value: float) -> str:
    mantissa, _, exponent = f"{value!r}".upper().partition("E")
    return f"{mantissa}E{int(exponent or 0)}"


def _column(node: e.ColumnReference) -> str:
    name = format_name(node.name)
    return f"{format_name(node.source)}.{name}" if node.source is not None else name


def _whens(whens: tuple[e.WhenClause, ...], default: e.Expression | None) -> str:
    text = "".join(f" WHEN {format_expression(w.condition)} THEN {format_expression(w.result)}" for w in whens)
    return text + (f" ELSE {format_expression(default)}" if default is not None else "") + " END"


def _lambda(node: e.Lambda) -> str:
    return f"({', '.join(node.parameters)}) => {format_expression(node.body)}"


def _like(node: e.Like) -> str:
    escape = f" ESCAPE {format_string(node.escape)}" if node.escape else ""
    return f"({format_expression(node.operand)} LIKE {format_expression(node.pattern)}{escape})"


def _is_null(node: e.IsNull) -> str:
    return f"({format_expression(node.operand)} IS {'NOT ' if node.negated else ''}NULL)"


def _call(node: e.FunctionCall) -> str:
    star = "*" if node.name == "COUNT" and not node.arguments else ""
    return f"{format_name(node.name)}({star}{_list(node.arguments)})"


def _map(node: e.CreateMap) -> str:
    return "MAP(" + ", ".join(f"{format_expression(k)}:={format_expression(v)}" for k, v in node.entries) + ")"


def _struct(node: e.CreateStruct) -> str:
    return "STRUCT(" + ", ".join(f"{format_name(n)}:={format_expression(v)}" for n, v in node.fields) + ")"


def _decimal_text(value: Decimal) -> str:
    text = format(value, "f")
    return text if "." in text else f"{text}."


_FORMATTERS: dict[type[e.Expression], Callable[[Any], str]] = {
    e.NullLiteral: lambda _: "null",
    e.BooleanLiteral: lambda node: "true" if node.value else "false",
    e.IntegerLiteral: lambda node: str(node.value),
    e.LongLiteral: lambda node: str(node.value),
    e.DecimalLiteral: lambda node: _decimal_text(node.value),
    e.DoubleLiteral: lambda node: _double(node.value),
    e.StringLiteral: lambda node: format_string(node.value),
    e.BytesLiteral: lambda node: f"TO_BYTES('{node.value.hex()}', 'hex')",
    e.IntervalUnit: lambda node: node.value,
    e.ColumnReference: _column,
    e.LambdaVariable: lambda node: node.name,
    e.Arithmetic: _operator,
    e.Comparison: _operator,
    e.Logical: _operator,
    e.Negate: lambda node: f"{'+' if node.plus else '-'}{format_expression(node.operand)}",
    e.Not: lambda node: f"(NOT {format_expression(node.operand)})",
    e.IsNull: _is_null,
    e.Between: lambda node: (
        f"({format_expression(node.operand)} BETWEEN {format_expression(node.low)} AND {format_expression(node.high)})"
    ),
    e.In: lambda node: f"({format_expression(node.operand)} IN ({_list(node.values)}))",
    e.Like: _like,
    e.SearchedCase: lambda node: "(CASE" + _whens(node.whens, node.default) + ")",
    e.SimpleCase: lambda node: f"(CASE {format_expression(node.operand)}" + _whens(node.whens, node.default) + ")",
    e.Cast: lambda node: f"CAST({format_expression(node.operand)} AS {format_type(node.type)})",
    e.FunctionCall: _call,
    e.Lambda: _lambda,
    e.Subscript: lambda node: f"{format_expression(node.base)}[{format_expression(node.index)}]",
    e.Dereference: lambda node: f"{format_expression(node.base)}->{format_name(node.field_name)}",
    e.CreateArray: lambda node: f"ARRAY[{_list(node.elements)}]",
    e.CreateMap: _map,
    e.CreateStruct: _struct,
    e.AtTimeZone: lambda node: f"({format_expression(node.operand)} AT TIME ZONE {format_string(node.zone)})",
}
