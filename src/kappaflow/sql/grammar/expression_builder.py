"""Build expressions and types from the parse tree."""

from __future__ import annotations

import math
from decimal import Decimal as PyDecimal
from typing import Any, TypeVar, cast

from lark import Token, Transformer, v_args
from lark.tree import Meta

from kappaflow.errors import ParseError
from kappaflow.serde import types as t
from kappaflow.sql.ast import expressions as e
from kappaflow.sql.ast.rewrite import bind_lambda
from kappaflow.sql.ast.statements import NamedType

INTEGER_MAX = 2**31 - 1
BIGINT_MAX = 2**63 - 1
DOUBLE_MAX = PyDecimal("1.7976931348623157E308")
_MANY_DIGITS = 40
TOO_LARGE = 10**_MANY_DIGITS
UNIT_FUNCTIONS = {"TIMEADD", "TIMESUB", "DATEADD", "DATESUB", "TIMESTAMPADD", "TIMESTAMPSUB"}
Builder = TypeVar("Builder", bound="Transformer[Token, Any]")
VALUE_TOKENS = {"INTEGER_VALUE", "DECIMAL_VALUE", "FLOATING_VALUE", "STRING_LITERAL"}
PRIMITIVES: dict[str, t.DataType] = {
    "BOOLEAN": t.BOOLEAN,
    "INT": t.INTEGER,
    "INTEGER": t.INTEGER,
    "BIGINT": t.BIGINT,
    "DOUBLE": t.DOUBLE,
    "VARCHAR": t.STRING,
    "STRING": t.STRING,
    "BYTES": t.BYTES,
    "TIME": t.TIME,
    "DATE": t.DATE,
    "TIMESTAMP": t.TIMESTAMP,
}


def with_meta(builder: type[Builder]) -> type[Builder]:
    """Let the callbacks of a builder take (meta, children)."""
    return cast("type[Builder]", v_args(meta=True)(builder))


def parts(children: list[Any]) -> list[Any]:
    """Drop keyword and punctuation tokens."""
    return [c for c in children if not isinstance(c, Token) or c.type in VALUE_TOKENS]


def has(children: list[Any], keyword: str) -> bool:
    """Tell whether the keyword stands among the children."""
    return any(isinstance(c, Token) and c.type == keyword for c in children)


def whole(digits: str) -> int:
    """Return the value of an INTEGER_VALUE; one of very many digits counts as the first that is too large anywhere.

    >>> whole("0042"), whole("9" * 5000) == TOO_LARGE
    (42, True)
    """
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) < _MANY_DIGITS else TOO_LARGE


def unquote(text: str) -> str:
    """Return the content of a quoted string or identifier; a doubled quote stands for itself."""
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote)


def position(meta: Meta) -> e.Position | None:
    """Return where a tree starts."""
    return None if meta.empty else e.Position(meta.line, meta.column)


@with_meta
class ExpressionBuilder(Transformer[Token, Any]):
    """Callbacks for the expression and type rules of the grammar."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        # Numbers beyond BIGINT: fine only below a minus sign (the smallest BIGINT).
        self._overflows: dict[int, Token] = {}

    def check_overflows(self) -> None:
        """Refuse the numbers that no minus sign brought back into range."""
        for token in self._overflows.values():
            raise self._overflow(token)

    def error(self, message: str, line: int, column: int) -> ParseError:
        """Make an error with a position."""
        return ParseError(f"line {line}:{column}: {message}", self._text, line, column)

    def _overflow(self, token: Token, sign: str = "") -> ParseError:
        problem = "Number overflows DOUBLE" if token.type == "FLOATING_VALUE" else "Invalid numeric literal"
        # ksqlDB counts the column of literals from 2; its users' tools read this number.
        line, column = token.line or 1, (token.column or 1) + 1
        message = f"Failed to prepare statement: line {line}:{column}: {problem}: {sign}{token}"
        return ParseError(message, self._text, line, column)

    # --- names -----------------------------------------------------------------------------------------

    def name(self, _meta: Meta, children: list[Any]) -> str:
        token = children[0]
        if isinstance(token, Token) and token.type in {"QUOTED", "BACKQUOTED"}:
            return unquote(token)
        return str(token).upper()

    alias = name
    plain_name = name
    window_name = name

    def name_keyword(self, _meta: Meta, children: list[Any]) -> str:
        return str(children[0])

    alias_keyword = name_keyword
    type_keyword = name_keyword

    def function_name(self, _meta: Meta, children: list[Any]) -> str:
        return children[0].upper()

    # --- types -----------------------------------------------------------------------------------------

    def type(self, _meta: Meta, children: list[Any]) -> t.DataType:
        return children[0]

    def single_type(self, _meta: Meta, children: list[Any]) -> t.DataType:
        return children[0]

    def type_array(self, _meta: Meta, children: list[Any]) -> t.DataType:
        return t.Array(parts(children)[0])

    def type_map(self, _meta: Meta, children: list[Any]) -> t.DataType:
        key, value = parts(children)
        return t.Map(key, value)

    def type_struct(self, meta: Meta, children: list[Any]) -> t.DataType:
        fields = tuple(parts(children))
        names = [field.name for field in fields]
        for name in names:
            if names.count(name) > 1:
                raise self.error(f"Duplicate field names found in STRUCT: '{name}'", meta.line, meta.column)
        return t.Struct(fields)

    def type_empty_struct(self, _meta: Meta, _children: list[Any]) -> t.DataType:
        return t.Struct(())

    def struct_field(self, _meta: Meta, children: list[Any]) -> t.StructField:
        return t.StructField(children[0], children[1])

    def type_parameter(self, _meta: Meta, children: list[Any]) -> Token:
        return children[0]

    def type_named(self, meta: Meta, children: list[Any]) -> t.DataType:
        name, *parameters = [c for c in children if isinstance(c, Token | str)]
        if name in {"DECIMAL", "DEC"}:
            if len(parameters) != 2:
                raise self.error(
                    "DECIMAL needs a precision and a scale, such as DECIMAL(10, 2)", meta.line, meta.column
                )
            precision, scale = whole(parameters[0]), whole(parameters[1])
            shown = f"DECIMAL({precision},{scale})"
            if precision < 1:
                raise self.error(f"DECIMAL precision must be >= 1: {shown}", meta.line, meta.column)
            if precision > INTEGER_MAX:
                raise self.error(f"DECIMAL precision must be <= {INTEGER_MAX}: {shown}", meta.line, meta.column)
            if precision < scale:
                raise self.error(f"DECIMAL precision must be >= scale: {shown}", meta.line, meta.column)
            return t.Decimal(precision, scale)
        return PRIMITIVES.get(name) or NamedType(name, position(meta))

    # --- literals --------------------------------------------------------------------------------------

    def null(self, meta: Meta, _children: list[Any]) -> e.Expression:
        return e.NullLiteral(position=position(meta))

    def true(self, meta: Meta, _children: list[Any]) -> e.Expression:
        return e.BooleanLiteral(True, position=position(meta))

    def false(self, meta: Meta, _children: list[Any]) -> e.Expression:
        return e.BooleanLiteral(False, position=position(meta))

    def integer(self, meta: Meta, children: list[Any]) -> e.Expression:
        value = whole(children[0])
        if value <= INTEGER_MAX:
            return e.IntegerLiteral(value, position=position(meta))
        literal = e.LongLiteral(value, position=position(meta))
        if value > BIGINT_MAX:
            self._overflows[id(literal)] = children[0]
        return literal

    def decimal(self, meta: Meta, children: list[Any]) -> e.Expression:
        text = str(children[0])
        return e.DecimalLiteral(PyDecimal(text.rstrip(".") if text.endswith(".") else text), position=position(meta))

    def floating(self, meta: Meta, children: list[Any]) -> e.Expression:
        literal = e.DoubleLiteral(float(children[0]), position=position(meta))
        if math.isinf(literal.value) or (literal.value > 1.0 and PyDecimal(str(children[0])) > DOUBLE_MAX):
            self._overflows[id(literal)] = children[0]
        return literal

    def string(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.StringLiteral(unquote(children[0]), position=position(meta))

    # --- operators -------------------------------------------------------------------------------------

    def single_expression(self, _meta: Meta, children: list[Any]) -> e.Expression:
        self.check_overflows()
        return children[0]

    def parens(self, _meta: Meta, children: list[Any]) -> e.Expression:
        return children[0]

    def negate(self, meta: Meta, children: list[Any]) -> e.Expression:
        operand = parts(children)[0]
        where = position(meta)
        token = self._overflows.pop(id(operand), None)
        if token is not None and (token.type == "FLOATING_VALUE" or whole(token) > BIGINT_MAX + 1):
            raise self._overflow(token, "-")
        if isinstance(operand, e.IntegerLiteral | e.LongLiteral):
            value = -operand.value
            small = -INTEGER_MAX - 1 <= value <= INTEGER_MAX
            return e.IntegerLiteral(value, position=where) if small else e.LongLiteral(value, position=where)
        if isinstance(operand, e.DecimalLiteral):
            return e.DecimalLiteral(operand.value.copy_negate(), position=where)
        if isinstance(operand, e.DoubleLiteral):
            return e.DoubleLiteral(-operand.value, position=where)
        return e.Negate(operand, position=where)

    def plus(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.Negate(parts(children)[0], True, position=position(meta))

    def at_time_zone(self, meta: Meta, children: list[Any]) -> e.Expression:
        operand, zone = parts(children)
        return e.AtTimeZone(operand, unquote(zone), position=position(meta))

    def _arithmetic(self, operator: str, meta: Meta, children: list[Any]) -> e.Expression:
        left, right = parts(children)
        return e.Arithmetic(e.ArithmeticOperator(operator), left, right, position=position(meta))

    def add(self, meta: Meta, children: list[Any]) -> e.Expression:
        return self._arithmetic("+", meta, children)

    def concat(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.FunctionCall("CONCAT", tuple(parts(children)), position=position(meta))

    def subtract(self, meta: Meta, children: list[Any]) -> e.Expression:
        return self._arithmetic("-", meta, children)

    def multiply(self, meta: Meta, children: list[Any]) -> e.Expression:
        return self._arithmetic("*", meta, children)

    def divide(self, meta: Meta, children: list[Any]) -> e.Expression:
        return self._arithmetic("/", meta, children)

    def modulus(self, meta: Meta, children: list[Any]) -> e.Expression:
        return self._arithmetic("%", meta, children)

    def logical_or(self, meta: Meta, children: list[Any]) -> e.Expression:
        left, right = parts(children)
        return e.Logical(e.LogicalOperator.OR, left, right, position=position(meta))

    def logical_and(self, meta: Meta, children: list[Any]) -> e.Expression:
        left, right = parts(children)
        return e.Logical(e.LogicalOperator.AND, left, right, position=position(meta))

    def logical_not(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.Not(parts(children)[0], position=position(meta))

    def comparison(self, _meta: Meta, children: list[Any]) -> e.ComparisonOperator:
        text = str(children[0])
        return e.ComparisonOperator("<>" if text == "!=" else text)

    def compare(self, meta: Meta, children: list[Any]) -> e.Expression:
        left, operator, right = parts(children)
        return e.Comparison(operator, left, right, position=position(meta))

    def is_distinct(self, meta: Meta, children: list[Any]) -> e.Expression:
        left, right = parts(children)
        return e.Comparison(e.ComparisonOperator.IS_DISTINCT_FROM, left, right, position=position(meta))

    def is_not_distinct(self, meta: Meta, children: list[Any]) -> e.Expression:
        left, right = parts(children)
        return e.Comparison(e.ComparisonOperator.IS_NOT_DISTINCT_FROM, left, right, position=position(meta))

    def between(self, meta: Meta, children: list[Any]) -> e.Expression:
        operand, low, high = parts(children)
        return e.Between(operand, low, high, position=position(meta))

    def in_list(self, meta: Meta, children: list[Any]) -> e.Expression:
        operand, values = parts(children)
        return e.In(operand, tuple(values), position=position(meta))

    def like(self, meta: Meta, children: list[Any]) -> e.Expression:
        operand, pattern, *escape = parts(children)
        character = unquote(escape[0]) if escape else None
        if character is not None and len(character) != 1:
            raise self.error(f"Expected single character escape but got: {character}", meta.line, meta.column)
        return e.Like(operand, pattern, character, position=position(meta))

    def not_between(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.Not(self.between(meta, children), position=position(meta))

    def not_in_list(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.Not(self.in_list(meta, children), position=position(meta))

    def not_like(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.Not(self.like(meta, children), position=position(meta))

    def is_null(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.IsNull(parts(children)[0], position=position(meta))

    def is_not_null(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.IsNull(parts(children)[0], True, position=position(meta))

    # --- primaries -------------------------------------------------------------------------------------

    def column(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.ColumnReference(children[0], position=position(meta))

    def qualified_column(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.ColumnReference(children[1], children[0], position=position(meta))

    def cast(self, meta: Meta, children: list[Any]) -> e.Expression:
        operand, type_ = parts(children)
        return e.Cast(operand, type_, position=position(meta))

    def when(self, _meta: Meta, children: list[Any]) -> e.WhenClause:
        condition, result = parts(children)
        return e.WhenClause(condition, result)

    def otherwise(self, _meta: Meta, children: list[Any]) -> e.Expression:
        return parts(children)[0]

    def searched_case(self, meta: Meta, children: list[Any]) -> e.Expression:
        items = parts(children)
        whens = tuple(i for i in items if isinstance(i, e.WhenClause))
        default = items[-1] if not isinstance(items[-1], e.WhenClause) else None
        return e.SearchedCase(whens, default, position=position(meta))

    def simple_case(self, meta: Meta, children: list[Any]) -> e.Expression:
        operand, *items = parts(children)
        whens = tuple(i for i in items if isinstance(i, e.WhenClause))
        default = items[-1] if not isinstance(items[-1], e.WhenClause) else None
        return e.SimpleCase(operand, whens, default, position=position(meta))

    def expression_list(self, _meta: Meta, children: list[Any]) -> list[e.Expression]:
        return parts(children)

    def create_array(self, meta: Meta, children: list[Any]) -> e.Expression:
        items = parts(children)
        return e.CreateArray(tuple(items[0]) if items else (), position=position(meta))

    def map_entry(self, _meta: Meta, children: list[Any]) -> tuple[e.Expression, e.Expression]:
        key, value = parts(children)
        return key, value

    def create_map(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.CreateMap(tuple(parts(children)), position=position(meta))

    struct_entry = map_entry

    def create_struct(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.CreateStruct(tuple(parts(children)), position=position(meta))

    def subscript(self, meta: Meta, children: list[Any]) -> e.Expression:
        base, index = parts(children)
        return e.Subscript(base, index, position=position(meta))

    def dereference(self, meta: Meta, children: list[Any]) -> e.Expression:
        base, field = parts(children)
        return e.Dereference(base, field, position=position(meta))

    def call_star(self, meta: Meta, children: list[Any]) -> e.Expression:
        return e.FunctionCall(children[0], (), position=position(meta))

    def call(self, meta: Meta, children: list[Any]) -> e.Expression:
        name, *arguments = parts(children)
        if name in UNIT_FUNCTIONS and arguments and isinstance(arguments[0], e.ColumnReference):
            arguments[0] = e.IntervalUnit(arguments[0].name, position=arguments[0].position)
        return e.FunctionCall(name, tuple(arguments), position=position(meta))

    # --- lambdas ---------------------------------------------------------------------------------------

    def lambda_one(self, meta: Meta, children: list[Any]) -> e.Expression:
        name, body = parts(children)
        return self._lambda(meta, [e.ColumnReference(name)], body)

    def lambda_parens(self, meta: Meta, children: list[Any]) -> e.Expression:
        parameter, body = parts(children)
        return self._lambda(meta, [parameter], body)

    def lambda_many(self, meta: Meta, children: list[Any]) -> e.Expression:
        first, rest, body = parts(children)
        return self._lambda(meta, [first, *rest], body)

    def _lambda(self, meta: Meta, parameters: list[e.Expression], body: e.Expression) -> e.Expression:
        names: list[str] = []
        for parameter in parameters:
            if not isinstance(parameter, e.ColumnReference) or parameter.source is not None:
                raise self.error("The parameters of a lambda must be plain names", meta.line, meta.column)
            names.append(parameter.name)
        if len(set(names)) != len(names):
            raise self.error("Lambda arguments have to be unique", meta.line, meta.column)
        return e.Lambda(tuple(names), bind_lambda(tuple(names), body), position=position(meta))
