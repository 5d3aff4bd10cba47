"""One type for the parts of IN, ARRAY[..] and MAP(..).

Literals give way: a string literal is read as the type of the others, a number or boolean literal beside
strings becomes its text.  Expressions only widen (INTEGER to BIGINT to DECIMAL to DOUBLE).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from kappaflow.errors import StatementError
from kappaflow.kernel.number_text import parse_decimal
from kappaflow.serde.types import (
    BIGINT,
    INTEGER,
    STRING,
    Array,
    Boolean,
    DataType,
    Decimal,
    Double,
    Map,
    String,
    Struct,
    StructField,
)
from kappaflow.sql.ast import expressions as x
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.types import is_numeric, is_time, widen

_LITERALS = (x.BooleanLiteral, x.IntegerLiteral, x.LongLiteral, x.DecimalLiteral, x.DoubleLiteral)
_TRUE_WORDS = ("true", "yes")
_FALSE_WORDS = ("false", "no")


class TypeSource(Protocol):
    """Gives the types of expressions."""

    def type_of(self, node: x.Expression) -> DataType | None:
        """Return the type of `node`."""
        ...


def coerce_elements(
    nodes: Sequence[x.Expression], typer: TypeSource
) -> tuple[tuple[x.Expression, ...], DataType | None]:
    """Rewrite expressions to their common type; the type is None when all are NULL.

    Raises:
        StatementError: they have no common type, or a string literal cannot be read as it.
    """
    common: DataType | None = None
    strings: list[x.StringLiteral] = []
    only_literals = True
    for node in nodes:
        if isinstance(node, x.StringLiteral):
            strings.append(node)
            continue
        data_type = typer.type_of(node)
        if data_type is None:
            continue
        literal = isinstance(node, _LITERALS)
        common = _merge(common, data_type, node, literal, only_literals)
        only_literals = only_literals and literal
    if strings:
        common = STRING if common is None else _merge_strings(common, strings)
    if common is None:
        return tuple(nodes), None
    return tuple(_convert(node, common, typer) for node in nodes), common


def _merge(
    common: DataType | None, data_type: DataType, node: x.Expression, literal: bool, only_literals: bool
) -> DataType:
    if common is None or common == data_type:
        return data_type
    if isinstance(common, String) and literal:
        return common
    if isinstance(data_type, String) and only_literals:
        return data_type
    merged = _lenient(common, data_type, node)
    if merged is not None:
        return merged
    raise StatementError(
        f"operator does not exist: {common} = {data_type} ({format_expression(node)})"
        "\nHint: You might need to add explicit type casts."
    )


def _lenient(common: DataType, data_type: DataType, node: x.Expression) -> DataType | None:
    """Widen, letting constructors of literals follow the type before them."""
    wider = widen(common, data_type)
    if wider is not None:
        return wider
    match node, common, data_type:
        case x.CreateArray(elements), Array(wanted), Array():
            return common if all(_follows(e, wanted) for e in elements) else None
        case x.CreateMap(entries), Map(key, value), Map():
            follows = all(_follows(k, key) and _follows(v, value) for k, v in entries)
            return common if follows else None
        case x.CreateStruct(fields), Struct(), Struct():
            return _union_structs(common, data_type, dict(fields))
        case _:
            return _widen_structs(common, data_type)


def _widen_structs(left: DataType, right: DataType) -> DataType | None:
    if not isinstance(left, Struct) or not isinstance(right, Struct):
        return None
    return _union_structs(left, right, {})


def _union_structs(left: Struct, right: Struct, literals: dict[str, x.Expression]) -> Struct | None:
    """Return the struct with the fields of both; fields of one name widen, literals follow `left`."""
    fields: list[StructField] = []
    for first in left.fields:
        second = right.field(first.name)
        wider = first.type if second is None else widen(first.type, second.type)
        if wider is None and first.name in literals and _follows(literals[first.name], first.type):
            wider = first.type
        if wider is None:
            return None
        fields.append(StructField(first.name, wider))
    return Struct((*fields, *(field for field in right.fields if left.field(field.name) is None)))


def _follows(node: x.Expression, wanted: DataType) -> bool:
    match node, wanted:
        case x.NullLiteral(), _:
            return True
        case x.StringLiteral(), _:
            read_literal(node.value, wanted)
            return True
        case x.CreateArray(elements), Array(element):
            return all(_follows(e, element) for e in elements)
        case ((x.IntegerLiteral() | x.LongLiteral() | x.DecimalLiteral() | x.DoubleLiteral()), _):
            return is_numeric(wanted)
        case x.BooleanLiteral(), _:
            return isinstance(wanted, Boolean)
        case _:
            return False


def _merge_strings(common: DataType, strings: Sequence[x.StringLiteral]) -> DataType:
    for node in strings:
        literal = read_literal(node.value, common)
        if is_numeric(common):
            wider = widen(common, _literal_type(literal))
            assert wider is not None
            common = wider
    return common


def _literal_type(literal: x.Expression) -> DataType:
    match literal:
        case x.IntegerLiteral():
            return INTEGER
        case x.LongLiteral():
            return BIGINT
        case x.DecimalLiteral(value):
            _, digits, exponent = value.as_tuple()
            scale = max(0, -int(exponent))
            return Decimal(max(len(digits) + max(0, int(exponent)), scale), scale)
        case _:
            return Double()


def read_literal(text: str, wanted: DataType) -> x.Expression:
    """Read the text of a string literal as a literal of another type.

    Raises:
        StatementError: the text is not of that type.
    """
    if isinstance(wanted, Boolean):
        word = text.lower()
        if word and any(full.startswith(word) for full in _TRUE_WORDS):
            return x.BooleanLiteral(True)
        if word and any(full.startswith(word) for full in _FALSE_WORDS):
            return x.BooleanLiteral(False)
        raise _invalid(wanted, text)
    if is_numeric(wanted):
        return _read_number(text, wanted)
    if isinstance(wanted, String) or is_time(wanted):
        return x.StringLiteral(text)
    raise _invalid(wanted, text)


def _read_number(text: str, wanted: DataType) -> x.Expression:
    try:
        value = parse_decimal(text.strip())
    except ValueError:
        raise _invalid(wanted, text) from None
    if "e" in text.lower():
        return x.DoubleLiteral(float(text))
    if int(value.as_tuple().exponent) < 0:
        return x.DecimalLiteral(value)
    number = int(value)
    if -(2**31) <= number < 2**31:
        return x.IntegerLiteral(number)
    if -(2**63) <= number < 2**63:
        return x.LongLiteral(number)
    return x.DecimalLiteral(value)


def _invalid(wanted: DataType, text: str) -> StatementError:
    return StatementError(f'invalid input syntax for type {wanted}: "{text}".')


def _convert(node: x.Expression, common: DataType, typer: TypeSource) -> x.Expression:
    if isinstance(node, x.NullLiteral):
        return node
    if isinstance(node, x.StringLiteral):
        if isinstance(common, String):
            return node
        literal = read_literal(node.value, common)
        return literal if isinstance(common, Boolean) else x.Cast(literal, common)
    if isinstance(node, x.CreateArray) and isinstance(common, Array):
        return replace(node, elements=tuple(_convert(e, common.element, typer) for e in node.elements))
    if isinstance(node, x.CreateMap) and isinstance(common, Map):
        entries = tuple((_convert(k, common.key, typer), _convert(v, common.value, typer)) for k, v in node.entries)
        return replace(node, entries=entries)
    if isinstance(node, x.CreateStruct) and isinstance(common, Struct):
        by_name = dict(node.fields)
        missing = x.NullLiteral()
        fields = tuple(
            (f.name, _convert(by_name[f.name], f.type, typer) if f.name in by_name else x.Cast(missing, f.type))
            for f in common.fields
        )
        return replace(node, fields=fields)
    data_type = typer.type_of(node)
    if data_type == common or data_type is None:
        return node
    if isinstance(common, String) and isinstance(node, _LITERALS):
        return x.StringLiteral(format_expression(node))
    return x.Cast(node, common)
