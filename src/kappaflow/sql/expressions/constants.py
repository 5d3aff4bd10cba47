"""Expressions without columns: literal arguments, and the values of INSERT VALUES."""

from __future__ import annotations

from typing import Any

from kappaflow.errors import FunctionError, SqlError, StatementError
from kappaflow.serde.types import (
    Array,
    Boolean,
    DataType,
    Date,
    Decimal,
    Map,
    String,
    Struct,
    Time,
    Timestamp,
)
from kappaflow.sql.ast.expressions import Expression
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.expressions import times, values
from kappaflow.sql.expressions.row import compile_row
from kappaflow.sql.expressions.scope import EmptyScope
from kappaflow.sql.functions.registry import FunctionRegistry
from kappaflow.sql.types import is_numeric, type_text
from kappaflow.streams.record import Record


def fold_constant(
    expression: Expression, target: DataType | None = None, registry: FunctionRegistry | None = None
) -> Any:
    """Return the value of an expression without columns, converted to `target` where given.

    Raises:
        StatementError: it has columns, a wrong type, or its evaluation fails.
    """
    value, data_type = _evaluate(expression, registry)
    if target is None or value is None:
        return value
    convert = values.caster(data_type, target)
    return value if convert is None else convert(value)


def _evaluate(expression: Expression, registry: FunctionRegistry | None) -> tuple[Any, DataType | None]:
    failures: list[Exception] = []
    program = compile_row([("", expression)], EmptyScope(), lambda _n, error, _r: failures.append(error), registry)
    value = program.function(Record(None, None, 0))[0]
    if failures:
        raise StatementError(f"Failed to evaluate {format_expression(expression)}: {failures[0]}")
    return value, program.types[0]


def evaluate_constant(
    expression: Expression, target: DataType, column: str, registry: FunctionRegistry | None = None
) -> Any:
    """Return the value of an INSERT VALUES expression as a value of the column's type.

    Numbers widen, strings become booleans, numbers and times, fields of structs are matched by name.

    Raises:
        StatementError: the value does not fit; the message names the column.
    """
    try:
        value, source = _evaluate(expression, registry)
        return coerce_value(value, source, target)
    except _Misfit as error:
        raise StatementError(
            f"Expected type {error.target} for field `{column}` but got {type_text(error.source)}"
            f"({format_expression(expression)})"
        ) from None
    except StatementError as error:
        raise error.within(f"The value of column `{column}` does not fit: {error}") from None
    except (SqlError, FunctionError) as error:
        raise StatementError(f"The value of column `{column}` does not fit {target}: {error}") from None


class _Misfit(Exception):
    def __init__(self, source: DataType | None, target: DataType) -> None:
        super().__init__()
        self.source = source
        self.target = target


def coerce_value(value: Any, source: DataType | None, target: DataType) -> Any:
    """Coerce a value as INSERT VALUES does.

    Raises:
        FunctionError: text that is not of the target type, or a number that does not fit.
    """
    if value is None or source is None or source == target:
        return value
    if is_numeric(source) and is_numeric(target):
        return _coerce_number(value, source, target)
    if isinstance(source, String):
        return _coerce_string(value, target)
    match source, target:
        case Array(old), Array(new):
            return [coerce_value(item, old, new) for item in value]
        case Map(old_key, old_value), Map(new_key, new_value):
            return {coerce_value(k, old_key, new_key): coerce_value(v, old_value, new_value) for k, v in value.items()}
        case Struct(), Struct():
            return _coerce_struct(value, source, target)
        case _:
            raise _Misfit(source, target)


def _coerce_number(value: Any, source: DataType, target: DataType) -> Any:
    from kappaflow.sql.types import can_widen

    if not isinstance(target, Decimal) and not can_widen(source, target):
        raise _Misfit(source, target)
    convert = values.caster(source, target)
    return value if convert is None else convert(value)


def _coerce_string(value: str, target: DataType) -> Any:
    match target:
        case Timestamp():
            return times.millis_of(value)
        case Date():
            return times.days_of(value)
        case Time():
            return times.millis_of_day(value)
        case Boolean():
            word = value.strip().lower()
            if word and ("true".startswith(word) or "yes".startswith(word)):
                return True
            if word and ("false".startswith(word) or "no".startswith(word)):
                return False
            raise _Misfit(String(), target)
        case Array() | Map() | Struct():
            raise _Misfit(String(), target)
        case _:
            convert = values.caster(String(), target)
            return value if convert is None else convert(value)


def _coerce_struct(value: dict[str, Any], source: Struct, target: Struct) -> dict[str, Any]:
    unknown = [field.name for field in source.fields if target.field(field.name) is None]
    if unknown:
        raise _Misfit(source, target)
    result: dict[str, Any] = {}
    for field in target.fields:
        old = source.field(field.name)
        result[field.name] = None if old is None else coerce_value(value.get(field.name), old.type, field.type)
    return result
