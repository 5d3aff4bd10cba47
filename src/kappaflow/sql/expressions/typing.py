"""The type of every expression, the overload of every call, and the checks that come with them.

A type of None is the type of NULL.
"""

from __future__ import annotations

from collections.abc import Sequence

from kappaflow.errors import StatementError
from kappaflow.serde.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DOUBLE,
    INTEGER,
    STRING,
    TIMESTAMP,
    Array,
    Boolean,
    DataType,
    Decimal,
    Integer,
    Map,
    String,
    Struct,
    StructField,
)
from kappaflow.sql.ast import expressions as x
from kappaflow.sql.ast.formatter import format_expression
from kappaflow.sql.expressions.coercion import coerce_elements
from kappaflow.sql.expressions.scope import Scope
from kappaflow.sql.functions.registry import FunctionRegistry, Resolved, default_registry
from kappaflow.sql.functions.signature import UNIT, Argument, LambdaArgument, is_unit
from kappaflow.sql.types import arithmetic_type, can_compare, check_cast, is_numeric, type_text

_EMPTY_ARRAY = (
    "Array constructor cannot be empty. Please supply at least one element "
    "(see https://github.com/confluentinc/ksql/issues/4239)."
)
_NULL_ARRAY = (
    "Cannot construct an array with all NULL elements (see https://github.com/confluentinc/ksql/issues/4239). "
    "As a workaround, you may cast a NULL value to the desired type."
)
_EMPTY_MAP = (
    "Map constructor cannot be empty. Please supply at least one key value pair "
    "(see https://github.com/confluentinc/ksql/issues/4239)."
)
_NULL_MAP = (
    "Cannot construct a map with all NULL {} (see https://github.com/confluentinc/ksql/issues/4239). "
    "As a workaround, you may cast a NULL {} to the desired type."
)


def type_of(expression: x.Expression, scope: Scope, registry: FunctionRegistry | None = None) -> DataType | None:
    """Return the type of an expression, None for NULL.

    Raises:
        StatementError: a name, type, operator or function does not fit.
    """
    return Typer(scope, registry).type_of(expression)


class Typer:
    """Types the expressions of one scope; remembers what it resolved, for the compilers."""

    def __init__(self, scope: Scope, registry: FunctionRegistry | None = None) -> None:
        self.scope = scope
        self.registry = registry or default_registry()
        self._types: dict[int, DataType | None] = {}
        self._calls: dict[int, Resolved] = {}
        self._coerced: dict[int, tuple[x.Expression, ...]] = {}
        self._kept: list[x.Expression] = []
        self._variables: list[dict[str, DataType]] = []

    def type_of(self, node: x.Expression) -> DataType | None:
        """Return the type of `node`, None for NULL.

        Raises:
            StatementError: a name, type, operator or function does not fit.
        """
        key = id(node)
        if key in self._types:
            return self._types[key]
        try:
            data_type = self._type(node)
        except StatementError as error:
            error.locate(node.position)
            raise
        if not self._variables:
            self._types[key] = data_type
            self._kept.append(node)
        return data_type

    def call(self, node: x.FunctionCall) -> Resolved:
        """Return the overload that a call means."""
        resolved = self._calls.get(id(node))
        if resolved is None or self._variables:
            function = self.registry.find(node.name)
            arguments = [self._argument(a) for a in node.arguments]

            def type_lambda(index: int, inputs: tuple[DataType, ...]) -> DataType | None:
                argument = node.arguments[index]
                assert isinstance(argument, x.Lambda)
                return self.lambda_type(argument, inputs)

            resolved = function.resolve(arguments, type_lambda)
            self._calls[id(node)] = resolved
            self._kept.append(node)
        return resolved

    def lambda_type(self, node: x.Lambda, inputs: Sequence[DataType]) -> DataType | None:
        """Return the type of a lambda's body when its parameters have the given types."""
        with_parameters = dict(zip(node.parameters, inputs, strict=True))
        self._variables.append({**(self._variables[-1] if self._variables else {}), **with_parameters})
        try:
            return self.type_of(node.body)
        finally:
            self._variables.pop()

    def enter(self, node: x.Lambda, inputs: Sequence[DataType]) -> None:
        """Make the parameters of a lambda known, until `leave`."""
        known = self._variables[-1] if self._variables else {}
        self._variables.append({**known, **dict(zip(node.parameters, inputs, strict=True))})

    def leave(self) -> None:
        """Forget the parameters of the innermost lambda."""
        self._variables.pop()

    def elements(self, node: x.Expression) -> tuple[x.Expression, ...]:
        """Return the parts of an IN, ARRAY or MAP node after coercion to their common types."""
        self._type(node)
        return self._coerced[id(node)]

    def _argument(self, node: x.Expression) -> Argument:
        if isinstance(node, x.Lambda):
            return LambdaArgument(len(node.parameters))
        if isinstance(node, x.IntervalUnit):
            return UNIT if is_unit(node.value) else self.type_of(x.ColumnReference(node.value))
        return self.type_of(node)

    def _type(self, node: x.Expression) -> DataType | None:
        match node:
            case x.NullLiteral():
                return None
            case x.BooleanLiteral():
                return BOOLEAN
            case x.IntegerLiteral():
                return INTEGER
            case x.LongLiteral():
                return BIGINT
            case x.DoubleLiteral():
                return DOUBLE
            case x.StringLiteral():
                return STRING
            case x.BytesLiteral():
                return BYTES
            case x.DecimalLiteral(value):
                return decimal_literal_type(value.as_tuple().digits, int(value.as_tuple().exponent))
            case x.ColumnReference():
                return self._column(node)
            case x.LambdaVariable(name):
                return self._variable(name)
            case x.FunctionCall():
                return self.call(node).returns
            case x.Cast(operand, data_type):
                check_cast(self.type_of(operand), data_type)
                return data_type
            case x.AtTimeZone(operand):
                self.type_of(operand)
                return TIMESTAMP
            case _:
                return self._operator(node)

    def _operator(self, node: x.Expression) -> DataType | None:
        match node:
            case x.Arithmetic(operator, left, right):
                return self._arithmetic(node, operator, left, right)
            case x.Negate(operand):
                return self._negated(node, operand)
            case x.Comparison(operator, left, right):
                self.check_comparison(operator, left, right)
            case x.Logical(_, left, right):
                self._boolean(node, left)
                self._boolean(node, right)
            case x.Not(operand):
                self._boolean(node, operand)
            case x.IsNull(operand):
                self.type_of(operand)
            case x.Between(operand, low, high):
                self._between(operand, low, high)
            case x.In(operand, values):
                self._in(node, operand, values)
            case x.Like(operand, pattern):
                self._like(operand, pattern)
            case _:
                return self._structure(node)
        return BOOLEAN

    def _structure(self, node: x.Expression) -> DataType | None:
        match node:
            case x.SearchedCase(whens, default):
                for when in whens:
                    self._condition(when.condition)
                return self._case(whens, default)
            case x.SimpleCase(operand, whens, default):
                for when in whens:
                    self.check_comparison(x.ComparisonOperator.EQUAL, operand, when.condition)
                return self._case(whens, default)
            case x.Subscript(base, index):
                return self._subscript(base, index)
            case x.Dereference(base, field_name):
                return self._dereference(base, field_name)
            case x.CreateArray(elements):
                return self._array(node, elements)
            case x.CreateMap(entries):
                return self._map(node, entries)
            case x.CreateStruct(fields):
                return self._struct(fields)
            case x.IntervalUnit():
                return UNIT
            case _:
                raise StatementError(f"Unsupported expression: {format_expression(node)}")

    def _column(self, node: x.ColumnReference) -> DataType:
        if node.source is None and self._variables and node.name in self._variables[-1]:
            return self._variables[-1][node.name]
        column = self.scope.resolve(node.name, node.source)
        if column is None:
            raise StatementError(f"column '{format_expression(node)}' cannot be resolved.")
        return column.type

    def _variable(self, name: str) -> DataType:
        known = self._variables[-1] if self._variables else {}
        if name not in known:
            raise StatementError(f"Can't find lambda variable '{name}'. Name it before the arrow.")
        return known[name]

    def _arithmetic(
        self, node: x.Expression, operator: x.ArithmeticOperator, left: x.Expression, right: x.Expression
    ) -> DataType:
        left_type, right_type = self.type_of(left), self.type_of(right)
        result = arithmetic_type(operator, left_type, right_type)
        if result is None:
            raise StatementError(
                f"Error processing expression: {format_expression(node)}. Arithmetic on types "
                f"{type_text(left_type)} and {type_text(right_type)} are not supported."
            )
        return result

    def _negated(self, node: x.Expression, operand: x.Expression) -> DataType:
        data_type = self.type_of(operand)
        if data_type is None or not is_numeric(data_type):
            raise StatementError(
                f"Error processing expression: {format_expression(node)}. Negation of type "
                f"{type_text(data_type)} is not supported."
            )
        return data_type

    def check_comparison(self, operator: x.ComparisonOperator, left: x.Expression, right: x.Expression) -> None:
        """Refuse a comparison that has no meaning.

        Raises:
            StatementError: a NULL literal, or types that do not compare.
        """
        left_type, right_type = self.type_of(left), self.type_of(right)
        distinct = operator in (
            x.ComparisonOperator.IS_DISTINCT_FROM,
            x.ComparisonOperator.IS_NOT_DISTINCT_FROM,
        )
        if left_type is None or right_type is None:
            if distinct:
                return
            raise StatementError(
                f"Comparison with NULL not supported: {left_type or 'NULL'} {operator.value} "
                f"{right_type or 'NULL'}\nUse 'IS NULL' or 'IS NOT NULL' instead.\n"
                f"Statement: {format_expression(x.Comparison(operator, left, right))}"
            )
        if not can_compare(operator, left_type, right_type):
            raise StatementError(
                f"Cannot compare {format_expression(left)} ({left_type}) to "
                f"{format_expression(right)} ({right_type}) with {operator.name}.\n"
                f"Statement: {format_expression(x.Comparison(operator, left, right))}"
            )

    def _between(self, operand: x.Expression, low: x.Expression, high: x.Expression) -> None:
        try:
            self.check_comparison(x.ComparisonOperator.GREATER_THAN_OR_EQUAL, operand, low)
            self.check_comparison(x.ComparisonOperator.LESS_THAN_OR_EQUAL, operand, high)
        except StatementError as error:
            raise error.within(f"Invalid expression: {error}") from None

    def _boolean(self, node: x.Expression, operand: x.Expression) -> None:
        data_type = self.type_of(operand)
        if data_type is not None and not isinstance(data_type, Boolean):
            raise StatementError(
                f"{format_expression(operand)} should evaluate to boolean but is {data_type}, "
                f"in {format_expression(node)}."
            )

    def _condition(self, condition: x.Expression) -> None:
        data_type = self.type_of(condition)
        if not isinstance(data_type, Boolean):
            raise StatementError(
                "WHEN operand type should be boolean."
                f"\nType for '{format_expression(condition)}' is {type_text(data_type)}"
            )

    def _in(self, node: x.Expression, operand: x.Expression, values: tuple[x.Expression, ...]) -> None:
        parts, _ = coerce_elements((operand, *values), self)
        self._keep(node, parts)

    def _like(self, operand: x.Expression, pattern: x.Expression) -> None:
        for side in (operand, pattern):
            data_type = self.type_of(side)
            if data_type is not None and not isinstance(data_type, String):
                raise StatementError(
                    f"Like condition must be between strings: {format_expression(side)} is {data_type}."
                )

    def _case(self, whens: tuple[x.WhenClause, ...], default: x.Expression | None) -> DataType:
        common: tuple[x.Expression, DataType] | None = None
        for when in whens:
            data_type = self.type_of(when.result)
            if data_type is None:
                continue
            if common is None:
                common = (when.result, data_type)
            elif common[1] != data_type:
                raise StatementError(
                    "Invalid Case expression. Type for all 'THEN' clauses should be the same."
                    f"\nTHEN expression '{format_expression(common[0])}' has type: {common[1]}."
                    f"\nTHEN expression '{format_expression(when.result)}' has type: {data_type}."
                )
        default_type = None if default is None else self.type_of(default)
        if common is None:
            if default_type is None:
                raise StatementError("Invalid Case expression. All case branches have NULL type")
            return default_type
        if default_type is not None and default_type != common[1]:
            raise StatementError(
                "Invalid Case expression. Type for the default clause should be the same as for 'THEN' clauses."
                f"\nTHEN type: {common[1]}.\nDEFAULT type: {default_type}."
            )
        return common[1]

    def _subscript(self, base: x.Expression, index: x.Expression) -> DataType:
        data_type, index_type = self.type_of(base), self.type_of(index)
        if isinstance(data_type, Array):
            if not isinstance(index_type, Integer) and index_type != BIGINT:
                raise StatementError(
                    f"Array index must be an integer: {format_expression(index)} is {type_text(index_type)}."
                )
            return data_type.element
        if isinstance(data_type, Map):
            if index_type != data_type.key:
                raise StatementError(
                    f"Map key must be {data_type.key}: {format_expression(index)} is {type_text(index_type)}."
                )
            return data_type.value
        raise StatementError(
            f"Subscript expression is only for ARRAY and MAP: {format_expression(base)} is {type_text(data_type)}."
        )

    def _dereference(self, base: x.Expression, field_name: str) -> DataType:
        data_type = self.type_of(base)
        if not isinstance(data_type, Struct):
            raise StatementError(f"Expected STRUCT type, got: {type_text(data_type)}")
        field = data_type.field(field_name)
        if field is None:
            raise StatementError(
                f"Could not find field '{field_name}' in '{format_expression(base)}'. The fields are: "
                f"{', '.join(f.name for f in data_type.fields)}."
            )
        return field.type

    def _array(self, node: x.Expression, elements: tuple[x.Expression, ...]) -> DataType:
        if not elements:
            raise StatementError(_EMPTY_ARRAY)
        parts, common = coerce_elements(elements, self)
        if common is None:
            raise StatementError(_NULL_ARRAY)
        self._keep(node, parts)
        return Array(common)

    def _map(self, node: x.Expression, entries: tuple[tuple[x.Expression, x.Expression], ...]) -> DataType:
        if not entries:
            raise StatementError(_EMPTY_MAP)
        keys, key_type = coerce_elements(tuple(key for key, _ in entries), self)
        values, value_type = coerce_elements(tuple(value for _, value in entries), self)
        if key_type is None:
            raise StatementError(_NULL_MAP.format("keys", "key"))
        if value_type is None:
            raise StatementError(_NULL_MAP.format("values", "value"))
        self._keep(node, (*keys, *values))
        return Map(key_type, value_type)

    def _struct(self, fields: tuple[tuple[str, x.Expression], ...]) -> DataType:
        typed: list[StructField] = []
        for name, value in fields:
            data_type = self.type_of(value)
            if data_type is None:
                raise StatementError(
                    "Can't infer a type of null. Please explicitly cast it to a required type, "
                    "e.g. CAST(null AS VARCHAR)."
                )
            if any(field.name == name for field in typed):
                raise StatementError(f"Duplicate field names found in STRUCT: '{name}'.")
            typed.append(StructField(name, data_type))
        return Struct(tuple(typed))

    def _keep(self, node: x.Expression, parts: tuple[x.Expression, ...]) -> None:
        self._coerced[id(node)] = parts
        self._kept.append(node)


def decimal_literal_type(digits: Sequence[int], exponent: int) -> Decimal:
    """Return the type of a DECIMAL literal: 1.5 is DECIMAL(2, 1), 0.01 is DECIMAL(3, 2)."""
    scale = max(0, -exponent)
    precision = len(digits) + max(0, exponent)
    return Decimal(max(precision, scale + 1 if precision <= scale else precision), scale)
