"""Arrow computations for the expressions whose column form gives exactly what the row form gives.

Each computation comes with the masks of rows that it leaves undecided: a divisor of zero, a cast that may fail.
Such rows hold any value until the row form has decided them.  Everything else is `Unsupported`, with the reason
that EXPLAIN prints.  Nothing here can fail for a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as _compute

from kappaflow.serde.arrow import arrow_type, values_to_array
from kappaflow.serde.types import (
    DOUBLE,
    BigInt,
    Boolean,
    DataType,
    Date,
    Decimal,
    Double,
    Integer,
    String,
    Struct,
    Time,
    Timestamp,
)
from kappaflow.sql.ast import expressions as x
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.expressions import column_functions as functions
from kappaflow.sql.expressions import values
from kappaflow.sql.expressions.column_functions import Column, Compute, Unsupported, decided_in_bmp, plain
from kappaflow.sql.expressions.constant_expressions import is_constant
from kappaflow.sql.expressions.constants import fold_constant
from kappaflow.sql.expressions.like import like_regex
from kappaflow.sql.expressions.scope import Place
from kappaflow.sql.expressions.typing import Typer
from kappaflow.sql.functions.registry import Resolved
from kappaflow.sql.types import arithmetic_type, comparison_type
from kappaflow.streams.batch import ArrowArray, Batch

__all__ = ["ColumnEmitter", "Emitted", "Unsupported"]

pc: Any = _compute  # its functions are made at import and have no types
_NUMBERS = (Integer, BigInt, Double)
_TIMES = (Time, Date, Timestamp)
_COMPARE: dict[x.ComparisonOperator, str] = {
    x.ComparisonOperator.EQUAL: "equal",
    x.ComparisonOperator.NOT_EQUAL: "not_equal",
    x.ComparisonOperator.LESS_THAN: "less",
    x.ComparisonOperator.LESS_THAN_OR_EQUAL: "less_equal",
    x.ComparisonOperator.GREATER_THAN: "greater",
    x.ComparisonOperator.GREATER_THAN_OR_EQUAL: "greater_equal",
}
_MIRRORED = {
    x.ComparisonOperator.LESS_THAN: x.ComparisonOperator.GREATER_THAN,
    x.ComparisonOperator.LESS_THAN_OR_EQUAL: x.ComparisonOperator.GREATER_THAN_OR_EQUAL,
    x.ComparisonOperator.GREATER_THAN: x.ComparisonOperator.LESS_THAN,
    x.ComparisonOperator.GREATER_THAN_OR_EQUAL: x.ComparisonOperator.LESS_THAN_OR_EQUAL,
}
_DISTINCT = (x.ComparisonOperator.IS_DISTINCT_FROM, x.ComparisonOperator.IS_NOT_DISTINCT_FROM)
_ARITHMETIC: dict[x.ArithmeticOperator, str] = {
    x.ArithmeticOperator.ADD: "add",
    x.ArithmeticOperator.SUBTRACT: "subtract",
    x.ArithmeticOperator.MULTIPLY: "multiply",
}


@dataclass(frozen=True, slots=True)
class Emitted:
    """An expression as a column of its own Arrow type."""

    column: Column
    type: Any

    def array(self, batch: Batch) -> ArrowArray:
        """Return the expression as an array as long as the batch."""
        result = self.column.compute(batch)
        if isinstance(result, pa.Scalar):
            return pa.repeat(plain(result, self.type), len(batch))
        return plain(result, self.type)

    def undecided(self, batch: Batch) -> ArrowArray | None:
        """Return a mask of the rows that the row form decides, None when there are none."""
        result: Any = None
        for mask in self.column.undecided:
            marked = pc.fill_null(mask(batch), False)
            result = marked if result is None else pc.or_(result, marked)
        if isinstance(result, pa.Scalar):
            return pa.repeat(result, len(batch))
        return result


class ColumnEmitter:
    """Builds the computations of expressions over one scope."""

    def __init__(self, typer: Typer) -> None:
        self._typer = typer
        self._null_fails = False  # as FunctionText.null_fails of the row form

    def column(self, node: x.Expression) -> Emitted:
        """Return the computation of an expression.

        Raises:
            Unsupported: only the row form can do it.
        """
        data_type = self._typer.type_of(node)
        if data_type is None:
            raise Unsupported("a NULL without type")
        return Emitted(self.emit(node), arrow_type(data_type))

    def emit(self, node: x.Expression) -> Column:
        """Return the computation of an expression."""
        match node:
            case x.ColumnReference():
                return self._reference(node)
            case _ if is_constant(node):
                return self._constant(node, self._typer.type_of(node))
            case x.Arithmetic(operator, left, right):
                return self._arithmetic(operator, left, right)
            case x.Negate(operand, sign):
                return self.emit(operand) if sign else self._negated(operand)
            case x.Comparison(operator, left, right):
                return self._comparison(operator, left, right)
            case x.Logical(operator, left, right):
                return self._logical(operator, self._boolean(left), self._boolean(right))
            case x.Not(operand):
                inner = self._boolean(operand)
                return Column(lambda batch: pc.invert(inner.compute(batch)), inner.undecided)
            case x.IsNull(operand, negated):
                inner = self._within(True, lambda: self.emit(operand))
                test = pc.is_valid if negated else pc.is_null
                return Column(lambda batch: test(inner.compute(batch)), inner.undecided)
            case _:
                return self._other(node)

    def _within(self, null_fails: bool, emit: Callable[[], Column]) -> Column:
        outer, self._null_fails = self._null_fails, null_fails
        try:
            return emit()
        finally:
            self._null_fails = outer

    def _computed(self, column: Column, nodes: Sequence[x.Expression], operands: Sequence[Column]) -> Column:
        """Leave rows with a NULL operand undecided where arithmetic on NULL fails; arithmetic within has done so."""
        if not self._null_fails:
            return column
        done = (isinstance(node, x.Arithmetic) and not is_constant(node) for node in nodes)
        masks = [_missing(operand) for operand, is_done in zip(operands, done, strict=True) if not is_done]
        return Column(column.compute, (*column.undecided, *masks))

    def _other(self, node: x.Expression) -> Column:
        match node:
            case x.Between(operand, low, high):
                above = self._comparison(x.ComparisonOperator.GREATER_THAN_OR_EQUAL, operand, low)
                below = self._comparison(x.ComparisonOperator.LESS_THAN_OR_EQUAL, operand, high)
                return _both(pc.and_, above, below)
            case x.In():
                return self._in(node)
            case x.Like(operand, pattern, escape):
                return self._like(operand, pattern, escape)
            case x.SearchedCase(whens, default):
                conditions = [self._condition(when.condition) for when in whens]
                branches = [(c, when.result) for c, when in zip(conditions, whens, strict=True)]
                return self._case(node, branches, default)
            case x.SimpleCase(operand, whens, default):
                equal = x.ComparisonOperator.EQUAL
                branches = [(self._comparison(equal, operand, w.condition), w.result) for w in whens]
                return self._case(node, branches, default)
            case x.Cast(operand, data_type):
                source = self._typer.type_of(operand)
                return functions.cast(self._within(False, lambda: self.emit(operand)), source, data_type)
            case x.Dereference(base, field_name):
                return self._dereference(base, field_name)
            case x.FunctionCall(name, arguments):
                return self._call(node, name, arguments)
            case _:
                raise Unsupported(f"{type(node).__name__} has no column form")

    def _reference(self, node: x.ColumnReference) -> Column:
        column = self._typer.scope.resolve(node.name, node.source)
        assert column is not None
        index, wanted = column.index, arrow_type(column.type)
        match column.place:
            case Place.VALUE:
                return Column(lambda batch: plain(batch.value[index], wanted))
            case Place.KEY:
                return Column(lambda batch: plain(batch.key[index], wanted))
            case Place.TIMESTAMP:
                return Column(lambda batch: pa.array(batch.timestamp))
            case Place.WINDOW_START:
                return Column(lambda batch: pa.array(batch.window_start))
            case Place.WINDOW_END:
                return Column(lambda batch: pa.array(batch.window_end))
            case _:
                raise Unsupported(f"{node.name} is read from the record itself")

    def _constant(self, node: x.Expression, target: DataType | None) -> Column:
        if target is None:
            raise Unsupported("a NULL without type")
        scalar = values_to_array([fold_constant(node, target)], target)[0]
        return Column(lambda _: scalar)

    def _boolean(self, node: x.Expression) -> Column:
        if self._typer.type_of(node) is None:
            raise Unsupported("a NULL as a condition")
        return self.emit(node)

    def _condition(self, node: x.Expression) -> Column:
        """Leave rows whose condition is NULL undecided: CASE fails there."""
        column = self._boolean(node)
        return column if _is_two_valued(node) else Column(column.compute, (*column.undecided, _missing(column)))

    def _converted(self, node: x.Expression, target: DataType) -> Column:
        if is_constant(node):
            return self._constant(node, target)
        source = self._typer.type_of(node)
        return self.emit(node) if source == target else functions.cast(self.emit(node), source, target)

    # Operators

    def _arithmetic(self, operator: x.ArithmeticOperator, left: x.Expression, right: x.Expression) -> Column:
        result = arithmetic_type(operator, self._typer.type_of(left), self._typer.type_of(right))
        if isinstance(result, String):
            return _both(_joined, self.emit(left), self.emit(right))
        if not isinstance(result, _NUMBERS):
            raise Unsupported(f"arithmetic that gives {result}")
        first, second = self._converted(left, result), self._converted(right, result)
        name = _ARITHMETIC.get(operator)
        if name is not None:
            return self._computed(_both(getattr(pc, name), first, second), (left, right), (first, second))
        divide = operator is x.ArithmeticOperator.DIVIDE
        if isinstance(result, Double):
            both = _both(pc.divide if divide else _remainder_doubles, first, second)
            return self._computed(both, (left, right), (first, second))
        zero = Column(lambda batch: pc.equal(second.compute(batch), 0), second.undecided)
        both = _both(_divide_integers if divide else _remainder_integers, first, second)
        column = Column(both.compute, (*both.undecided, zero.compute))
        return self._computed(column, (left, right), (first, second))

    def _negated(self, operand: x.Expression) -> Column:
        data_type = self._typer.type_of(operand)
        if not isinstance(data_type, _NUMBERS):
            raise Unsupported(f"negation of {data_type}")
        inner = self.emit(operand)
        negative = Column(lambda batch: pc.negate(inner.compute(batch)), inner.undecided)
        return self._computed(negative, (operand,), (inner,))

    def _comparison(self, operator: x.ComparisonOperator, left: x.Expression, right: x.Expression) -> Column:
        return self._within(True, lambda: self._compare(operator, left, right))

    def _compare(self, operator: x.ComparisonOperator, left: x.Expression, right: x.Expression) -> Column:
        left_type, right_type = self._typer.type_of(left), self._typer.type_of(right)
        if left_type is None or right_type is None:
            raise Unsupported("a comparison with NULL")
        if isinstance(right_type, Decimal) and is_constant(right) and isinstance(left_type, _NUMBERS):
            return self._with_decimal(operator, left, left_type, right)
        if isinstance(left_type, Decimal) and is_constant(left) and isinstance(right_type, _NUMBERS):
            return self._with_decimal(_MIRRORED.get(operator, operator), right, right_type, left)
        target = comparison_type(left_type, right_type) or _common(left_type, right_type)
        if not isinstance(target, (*_NUMBERS, *_TIMES, String, Boolean)):
            raise Unsupported(f"a comparison of {left_type} with {right_type}")
        return _compared(operator, self._converted(left, target), self._converted(right, target), target)

    def _with_decimal(
        self, operator: x.ComparisonOperator, node: x.Expression, data_type: DataType, literal: x.Expression
    ) -> Column:
        """Compare a number with a DECIMAL literal: exact, by a bound of the number's own type."""
        bound = fold_constant(literal)
        column = self.emit(node)
        if isinstance(data_type, Double):
            number = float(bound)
            if values.double_to_decimal(number) != bound:
                raise Unsupported(f"{format_expression(literal)} has no equal DOUBLE")
            compared = _compared(operator, column, Column(lambda _: pa.scalar(number)), DOUBLE)
            special = Column(lambda batch: pc.invert(pc.is_finite(column.compute(batch))))
            return Column(compared.compute, (*compared.undecided, special.compute))
        if operator not in _MIRRORED:
            if bound != bound.to_integral_value():
                raise Unsupported(f"{operator.value} with a fraction")
            limit = int(bound)
        else:
            up = operator in (x.ComparisonOperator.LESS_THAN, x.ComparisonOperator.GREATER_THAN_OR_EQUAL)
            limit = math.ceil(bound) if up else math.floor(bound)
        if not -(2**63) <= limit < 2**63:
            raise Unsupported(f"{format_expression(literal)} is outside BIGINT")
        return _compared(operator, column, Column(lambda _: pa.scalar(limit, pa.int64())), data_type)

    def _logical(self, operator: x.LogicalOperator, left: Column, right: Column) -> Column:
        if operator is x.LogicalOperator.AND:
            return _both(lambda a, b: pc.if_else(a, b, False), left, right)
        return _both(lambda a, b: pc.if_else(a, True, b), left, right)

    def _in(self, node: x.In) -> Column:
        operand, *items = self._typer.elements(node)
        data_type = self._typer.type_of(operand)
        items = [item for item in items if not isinstance(item, x.NullLiteral)]
        if all(map(is_constant, items)) and isinstance(data_type, Integer | BigInt | String):
            if any(self._typer.type_of(item) != data_type for item in items):
                raise Unsupported("IN of several types")
            needle = self._within(True, lambda: self.emit(operand))
            members = values_to_array([fold_constant(item) for item in items], data_type)
            return Column(lambda batch: _is_in(needle.compute(batch), members), needle.undecided)
        tests = [self._comparison(x.ComparisonOperator.EQUAL, operand, item) for item in items]
        result = tests[0]
        for test in tests[1:]:
            result = _both(pc.or_, result, test)
        return result

    def _like(self, operand: x.Expression, pattern: x.Expression, escape: str | None) -> Column:
        if not is_constant(pattern) or self._typer.type_of(operand) is None:
            raise Unsupported("LIKE with a pattern from the row")
        text = fold_constant(pattern)
        if text is None:
            raise Unsupported("LIKE with NULL")
        subject = self.emit(operand)
        regex = f"(?s)^(?:{like_regex(text, escape)})$".replace(r"\ ", " ")
        return Column(lambda batch: pc.match_substring_regex(subject.compute(batch), regex), subject.undecided)

    def _case(
        self, node: x.Expression, branches: list[tuple[Column, x.Expression]], default: x.Expression | None
    ) -> Column:
        data_type = self._typer.type_of(node)
        if not isinstance(data_type, (*_NUMBERS, *_TIMES, String, Boolean)):
            raise Unsupported(f"CASE that gives {data_type}")
        results = [(condition, self._branch(result, data_type)) for condition, result in branches]
        last = self._branch(default, data_type)

        def compute(batch: Batch) -> Any:
            value = last.compute(batch)
            for condition, result in reversed(results):
                taken = pc.fill_null(condition.compute(batch), False)
                value = pc.if_else(taken, result.compute(batch), value)
            return value

        parts = [last, *(column for pair in results for column in pair)]
        return Column(compute, tuple(mask for part in parts for mask in part.undecided))

    def _branch(self, node: x.Expression | None, data_type: DataType) -> Column:
        if node is None or isinstance(node, x.NullLiteral):
            empty = pa.scalar(None, arrow_type(data_type))
            return Column(lambda _: empty)
        return self._converted(node, data_type)

    def _dereference(self, base: x.Expression, field_name: str) -> Column:
        struct = self._typer.type_of(base)
        assert isinstance(struct, Struct)
        index = [field.name for field in struct.fields].index(field_name)
        inner = self.emit(base)
        return Column(lambda batch: pc.struct_field(inner.compute(batch), [index]), inner.undecided)

    def _call(self, node: x.FunctionCall, name: str, arguments: tuple[x.Expression, ...]) -> Column:
        if is_constant(node):
            return self._constant(node, self._typer.type_of(node))
        resolved = self._typer.call(node)
        if any(data_type is None for data_type in resolved.types):
            raise Unsupported(f"{name} with NULL or a lambda has no column form")
        types = tuple(data_type for data_type in resolved.types if data_type is not None)
        if resolved.function.declaration is not None:
            return self._user_call(resolved, arguments, types)
        build = functions.column_function(name, types)
        literals = [fold_constant(a, t) if is_constant(a) else None for a, t in zip(arguments, types, strict=True)]
        columns = self._arguments(arguments, types)
        return build(columns, literals, types)

    def _arguments(self, arguments: Sequence[x.Expression], types: Sequence[DataType]) -> list[Column]:
        """An error in an argument makes that argument NULL."""
        pairs = zip(arguments, types, strict=True)
        return [self._within(False, partial(self._converted, a, t)) for a, t in pairs]

    def _user_call(
        self, resolved: Resolved, arguments: tuple[x.Expression, ...], types: tuple[DataType, ...]
    ) -> Column:
        if resolved.overload.columns is None or resolved.returns is None:
            raise Unsupported(f"{resolved.function.name.upper()} is a Python function without a column form")
        columns = self._arguments(arguments, types)
        over = resolved.overload.columns(types, resolved.returns)
        computes = [column.compute for column in columns]
        undecided = tuple(mask for column in columns for mask in column.undecided)
        return Column(lambda batch: over(batch, computes)[0], (*undecided, lambda batch: over(batch, computes)[1]))


def _is_two_valued(node: x.Expression) -> bool:
    """Tell whether a condition is never NULL."""
    match node:
        case x.Logical(_, left, right):
            return _is_two_valued(left) and _is_two_valued(right)
        case x.Not(operand):
            return _is_two_valued(operand)
        case _:
            return isinstance(node, x.Comparison | x.Between | x.In | x.IsNull)


def _missing(column: Column) -> Compute:
    """Return the mask of rows that are NULL."""

    def mask(batch: Batch) -> Any:
        value = column.compute(batch)
        return pa.scalar(False) if isinstance(value, pa.Array) and not value.null_count else pc.is_null(value)

    return mask


def _joined(left: Any, right: Any) -> Any:
    return pc.binary_join_element_wise(pc.fill_null(left, "null"), pc.fill_null(right, "null"), "")


def _common(left: DataType, right: DataType) -> DataType | None:
    """Return the type that holds both, of those that are compared as they are."""
    if left == right:
        return left
    return BigInt() if isinstance(left, Integer | BigInt) and isinstance(right, Integer | BigInt) else None


def _both(function: Callable[[Any, Any], Any], first: Column, second: Column) -> Column:
    return Column(
        lambda batch: function(first.compute(batch), second.compute(batch)), (*first.undecided, *second.undecided)
    )


def _compared(operator: x.ComparisonOperator, first: Column, second: Column, data_type: DataType) -> Column:
    if operator in _DISTINCT:
        same = operator is x.ComparisonOperator.IS_NOT_DISTINCT_FROM
        alike = _doubles_alike if isinstance(data_type, Double) else pc.equal
        return _both(
            lambda a, b: _not_distinct(alike, a, b) if same else pc.invert(_not_distinct(alike, a, b)), first, second
        )
    if operator is x.ComparisonOperator.NOT_EQUAL and isinstance(data_type, Double):
        return _both(lambda a, b: pc.fill_null(pc.or_(pc.less(a, b), pc.greater(a, b)), False), first, second)
    function = getattr(pc, _COMPARE[operator])
    if isinstance(data_type, String) and operator in _MIRRORED:
        first, second = decided_in_bmp(first), decided_in_bmp(second)
    return _both(lambda a, b: pc.fill_null(function(a, b), False), first, second)


def _doubles_alike(left: Any, right: Any) -> Any:
    """Neither is less: so NaN is like every number."""
    return pc.invert(pc.or_(pc.less(left, right), pc.greater(left, right)))


def _not_distinct(alike: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    absent = pc.and_(pc.is_null(left), pc.is_null(right))
    return pc.or_(pc.fill_null(alike(left, right), False), absent)


def _is_in(needle: Any, members: ArrowArray) -> Any:
    return pc.and_(pc.is_in(needle, value_set=members), pc.is_valid(needle))


def _divide_integers(left: Any, right: Any) -> Any:
    """Divide, truncating; dividing by -1 is negation, which wraps; a zero divisor gives any value."""
    harmless = pc.if_else(pc.or_(pc.equal(right, 0), pc.equal(right, -1)), pa.scalar(1, right.type), right)
    return pc.if_else(pc.equal(right, -1), pc.negate(left), pc.divide(left, harmless))


def _remainder_integers(left: Any, right: Any) -> Any:
    return pc.subtract(left, pc.multiply(_divide_integers(left, right), right))


def _remainder_doubles(left: Any, right: Any) -> Any:
    if isinstance(left, pa.Scalar):
        left = pa.repeat(left, len(right))
    if isinstance(right, pa.Scalar):
        right = pa.repeat(right, len(left))
    missing = pc.or_(pc.is_null(left), pc.is_null(right)).to_numpy(zero_copy_only=False)
    with np.errstate(all="ignore"):
        result = np.fmod(
            pc.fill_null(left, 0.0).to_numpy(zero_copy_only=False),
            pc.fill_null(right, 1.0).to_numpy(zero_copy_only=False),
        )
    return pa.array(result, pa.float64(), mask=missing)
