"""What the data types mean in SQL: the numeric lattice, DECIMAL results, comparison and CAST rules.

    INTEGER < BIGINT < DECIMAL < DOUBLE        implicit widening, left to right

A type of ``None`` is the type of a bare NULL; it prints as ``null``.

Not here: values (kappaflow.sql.expressions.values), expressions (kappaflow.sql.expressions.typing).
"""

from __future__ import annotations

from kappaflow.errors import StatementError
from kappaflow.serde.types import (
    BIGINT,
    DOUBLE,
    INTEGER,
    STRING,
    TIMESTAMP,
    Array,
    BigInt,
    Boolean,
    Bytes,
    DataType,
    Date,
    Decimal,
    Double,
    Integer,
    Map,
    String,
    Struct,
    Time,
    Timestamp,
)
from kappaflow.sql.ast.expressions import ArithmeticOperator, ComparisonOperator

_RANKS: dict[type[DataType], int] = {Integer: 0, BigInt: 1, Decimal: 2, Double: 3}
_EQUALITY = frozenset(
    {
        ComparisonOperator.EQUAL,
        ComparisonOperator.NOT_EQUAL,
        ComparisonOperator.IS_DISTINCT_FROM,
        ComparisonOperator.IS_NOT_DISTINCT_FROM,
    }
)
_TIMES = (Time, Date, Timestamp)
_STRING_TARGETS = (Boolean, Integer, BigInt, Decimal, Double, Timestamp, Time, Date, Bytes)


def type_text(data_type: DataType | None) -> str:
    """Return the type as messages print it; ``null`` for the type of NULL."""
    return "null" if data_type is None else str(data_type)


def is_numeric(data_type: DataType | None) -> bool:
    """Tell whether the type is a number."""
    return type(data_type) in _RANKS


def is_time(data_type: DataType | None) -> bool:
    """Tell whether the type is TIME, DATE or TIMESTAMP."""
    return isinstance(data_type, _TIMES)


def as_decimal(data_type: DataType) -> Decimal:
    """Return the DECIMAL type that holds every value of an exact numeric type.

    Raises:
        StatementError: the type has no exact decimal form.
    """
    if isinstance(data_type, Decimal):
        return data_type
    if isinstance(data_type, Integer):
        return Decimal(10, 0)
    if isinstance(data_type, BigInt):
        return Decimal(19, 0)
    raise StatementError(f"Cannot convert {data_type} to DECIMAL.")


def widen(left: DataType, right: DataType) -> DataType | None:
    """Return the narrowest type that both types coerce to, or None; recurses into collections."""
    if left == right:
        return left
    if is_numeric(left) and is_numeric(right):
        return _widen_numbers(left, right)
    if isinstance(left, Array) and isinstance(right, Array):
        element = widen(left.element, right.element)
        return None if element is None else Array(element)
    if isinstance(left, Map) and isinstance(right, Map):
        key, value = widen(left.key, right.key), widen(left.value, right.value)
        return None if key is None or value is None else Map(key, value)
    return None


def _widen_numbers(left: DataType, right: DataType) -> DataType:
    if isinstance(left, Double) or isinstance(right, Double):
        return DOUBLE
    if not isinstance(left, Decimal) and not isinstance(right, Decimal):
        return BIGINT if BIGINT in (left, right) else INTEGER
    first, second = as_decimal(left), as_decimal(right)
    scale = max(first.scale, second.scale)
    return Decimal(scale + max(first.precision - first.scale, second.precision - second.scale), scale)


def can_widen(source: DataType, target: DataType) -> bool:
    """Tell whether a value of `source` is taken where `target` is wanted, without a CAST."""
    if source == target:
        return True
    if is_numeric(source) and is_numeric(target):
        if isinstance(source, Decimal) and isinstance(target, Decimal):
            return source.scale <= target.scale and source.precision - source.scale <= target.precision - target.scale
        return _RANKS[type(source)] <= _RANKS[type(target)]
    if isinstance(source, Array) and isinstance(target, Array):
        return can_widen(source.element, target.element)
    if isinstance(source, Map) and isinstance(target, Map):
        return can_widen(source.key, target.key) and can_widen(source.value, target.value)
    return False


def arithmetic_type(operator: ArithmeticOperator, left: DataType | None, right: DataType | None) -> DataType | None:
    """Return the type of ``left operator right``, or None where the operator does not exist."""
    if left is None or right is None:
        return None
    if isinstance(left, String) and isinstance(right, String):
        return STRING if operator is ArithmeticOperator.ADD else None
    if not is_numeric(left) or not is_numeric(right):
        return None
    if isinstance(left, Double) or isinstance(right, Double):
        return DOUBLE
    if not isinstance(left, Decimal) and not isinstance(right, Decimal):
        return BIGINT if BIGINT in (left, right) else INTEGER
    return _decimal_result(operator, as_decimal(left), as_decimal(right))


def _decimal_result(operator: ArithmeticOperator, left: Decimal, right: Decimal) -> Decimal:
    p1, s1, p2, s2 = left.precision, left.scale, right.precision, right.scale
    match operator:
        case ArithmeticOperator.ADD | ArithmeticOperator.SUBTRACT:
            scale = max(s1, s2)
            return Decimal(scale + max(p1 - s1, p2 - s2) + 1, scale)
        case ArithmeticOperator.MULTIPLY:
            return Decimal(p1 + p2 + 1, s1 + s2)
        case ArithmeticOperator.DIVIDE:
            scale = max(6, s1 + p2 + 1)
            return Decimal(p1 - s1 + s2 + scale, scale)
        case ArithmeticOperator.MODULUS:
            scale = max(s1, s2)
            return Decimal(min(p1 - s1, p2 - s2) + scale, scale)


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


def can_compare(operator: ComparisonOperator, left: DataType, right: DataType) -> bool:
    """Tell whether the operator compares values of these types."""
    if is_numeric(left) and is_numeric(right):
        return True
    if isinstance(left, String) and isinstance(right, String):
        return True
    if is_time(left) or is_time(right):
        return _can_compare_times(left, right)
    if isinstance(left, Bytes) and isinstance(right, Bytes):
        return True
    if type(left) is not type(right):
        return False
    return isinstance(left, Boolean | Array | Map | Struct) and operator in _EQUALITY


def _can_compare_times(left: DataType, right: DataType) -> bool:
    if isinstance(left, String) or isinstance(right, String):
        return True
    if type(left) is type(right):
        return True
    return {type(left), type(right)} == {Date, Timestamp}


def can_cast(source: DataType | None, target: DataType) -> bool:
    """Tell whether CAST turns values of `source` into `target`."""
    if source is None or source == target or isinstance(target, String):
        return True
    if is_numeric(source) and is_numeric(target):
        return True
    if isinstance(source, String):
        return isinstance(target, _STRING_TARGETS)
    if isinstance(source, Timestamp):
        return isinstance(target, Time | Date)
    if isinstance(source, Date):
        return isinstance(target, Timestamp)
    if isinstance(source, Array) and isinstance(target, Array):
        return can_cast(source.element, target.element)
    if isinstance(source, Map) and isinstance(target, Map):
        return can_cast(source.key, target.key) and can_cast(source.value, target.value)
    if isinstance(source, Struct) and isinstance(target, Struct):
        pairs = ((source.field(field.name), field) for field in target.fields)
        return all(old is None or can_cast(old.type, new.type) for old, new in pairs)
    return False


def check_cast(source: DataType | None, target: DataType) -> None:
    """Refuse a CAST that does not exist.

    Raises:
        StatementError: no value of `source` can become a `target`.
    """
    if not can_cast(source, target):
        raise StatementError(f"Cast of {type_text(source)} to {target} is not supported")
