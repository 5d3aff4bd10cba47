"""Signatures of functions: parameter types, generics, variadics, and how arguments meet them.

A signature is written as users read it: ``(value T, others T...) -> ARRAY<T>``.  Beside the SQL types:

    DECIMAL          a DECIMAL of any precision and scale
    T, U, K, V, ..   one capital letter: a generic, the same type wherever it stands
    ANY              any type, taken as it is
    STRUCT           any struct
    UNIT             a bare unit keyword: DAYS, HOURS, ...
    LAMBDA<T, U>     a lambda taking T and giving U
    T...             any number of them, at most once in a signature
    INT!             must be a literal constant (aggregates: it configures the function)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kappaflow.serde.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    DataType,
    Decimal,
    Map,
    Struct,
    StructField,
)
from kappaflow.sql.types import as_decimal, can_widen, is_numeric, is_time


@dataclass(frozen=True, slots=True)
class Generic(DataType):
    """A type variable."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class AnyDecimal(DataType):
    """A DECIMAL of any precision and scale."""

    def __str__(self) -> str:
        return "DECIMAL"


@dataclass(frozen=True, slots=True)
class AnyStruct(DataType):
    """Any struct."""

    def __str__(self) -> str:
        return "STRUCT"


@dataclass(frozen=True, slots=True)
class AnyType(DataType):
    """Anything."""

    def __str__(self) -> str:
        return "ANY"


@dataclass(frozen=True, slots=True)
class Unit(DataType):
    """A bare unit keyword."""

    def __str__(self) -> str:
        return "INTERVALUNIT"


UNIT = Unit()
_UNITS = ("MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "YEAR")


def is_unit(name: str) -> bool:
    """Tell whether a name is a unit keyword, such as DAY or DAYS."""
    return name.upper().removesuffix("S") in _UNITS


@dataclass(frozen=True, slots=True)
class LambdaType(DataType):
    """A lambda: the types it takes, and the type it gives (None before its body was typed)."""

    inputs: tuple[DataType, ...]
    result: DataType | None

    def __str__(self) -> str:
        inputs = ", ".join(str(i) for i in self.inputs)
        return f"LAMBDA ({inputs}) => {self.result}"


@dataclass(frozen=True, slots=True)
class LambdaArgument:
    """A lambda among the arguments of a call: how many parameters it names."""

    arity: int

    def __str__(self) -> str:
        return "LAMBDA"


Argument = DataType | LambdaArgument | None
LambdaTyper = Callable[[int, tuple[DataType, ...]], DataType | None]

_SIMPLE: dict[str, DataType] = {
    "BOOLEAN": BOOLEAN,
    "INT": INTEGER,
    "INTEGER": INTEGER,
    "VARCHAR": STRING,
    "BIGINT": BIGINT,
    "DOUBLE": DOUBLE,
    "DECIMAL": AnyDecimal(),
    "STRING": STRING,
    "BYTES": BYTES,
    "DATE": DATE,
    "TIME": TIME,
    "TIMESTAMP": TIMESTAMP,
    "ANY": AnyType(),
    "UNIT": UNIT,
}
_TOKENS = re.compile(r"->|\.\.\.|[A-Za-z_][A-Za-z0-9_]*|\d+|[(),<>!]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a signature."""

    name: str
    type: DataType
    variadic: bool = False
    literal: bool = False

    def __str__(self) -> str:
        return f"{written(self.type)}{'...' if self.variadic else ''} {self.name}"


@dataclass(frozen=True, slots=True)
class Match:
    """Arguments that met a signature.

    Attributes:
        types: the type each argument is converted to; None where the argument stays as it is (NULL); a lambda's
            `LambdaType` with the types its parameters have and its body is converted to.
        returns: the type of the call, None when it cannot be told (all NULL).
    """

    types: tuple[DataType | None, ...]
    returns: DataType | None


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameters and result of one overload."""

    parameters: tuple[Parameter, ...]
    returns: DataType

    def __str__(self) -> str:
        return f"({', '.join(str(p) for p in self.parameters)})"

    @property
    def variadic(self) -> bool:
        """Whether one parameter repeats."""
        return any(p.variadic for p in self.parameters)

    @property
    def generics(self) -> int:
        """How many parameters mention a type variable."""
        return sum(1 for p in self.parameters if _mentions_generic(p.type))

    def expand(self, count: int) -> tuple[Parameter, ...] | None:
        """Return one parameter for each of `count` arguments, or None when the number does not fit."""
        if not self.variadic:
            return self.parameters if count == len(self.parameters) else None
        extra = count - (len(self.parameters) - 1)
        if extra < 0:
            return None
        expanded: list[Parameter] = []
        for parameter in self.parameters:
            expanded.extend([parameter] * (extra if parameter.variadic else 1))
        return tuple(expanded)

    def match(self, arguments: Sequence[Argument], casts: bool, lambdas: LambdaTyper) -> Match | None:
        """Meet the arguments, or return None; `casts` also allows implicit widening.

        Raises:
            StatementError: the body of a lambda is wrong.
        """
        parameters = self.expand(len(arguments))
        if parameters is None:
            return None
        bound: dict[str, DataType] = {}
        for parameter, argument in zip(parameters, arguments, strict=True):
            if isinstance(argument, LambdaArgument):
                declared = parameter.type
                if not isinstance(declared, LambdaType) or len(declared.inputs) != argument.arity:
                    return None
            elif argument is not None and not _accepts(parameter.type, argument, bound, casts):
                return None
        if not self._type_lambdas(parameters, arguments, bound, casts, lambdas):
            return None
        types = tuple(_argument_type(p.type, a, bound) for p, a in zip(parameters, arguments, strict=True))
        return Match(types, _substitute(self.returns, bound))

    @staticmethod
    def _type_lambdas(
        parameters: Sequence[Parameter],
        arguments: Sequence[Argument],
        bound: dict[str, DataType],
        casts: bool,
        lambdas: LambdaTyper,
    ) -> bool:
        for index, (parameter, argument) in enumerate(zip(parameters, arguments, strict=True)):
            if not isinstance(argument, LambdaArgument):
                continue
            declared = parameter.type
            assert isinstance(declared, LambdaType)
            inputs = [_substitute(i, bound) for i in declared.inputs]
            if any(i is None for i in inputs):
                return False
            body = lambdas(index, tuple(i for i in inputs if i is not None))
            wanted = declared.result
            if body is not None and wanted is not None and not _accepts(wanted, body, bound, casts):
                return False
        return True


def parse_signature(text: str) -> Signature:
    """Read a signature in the notation of this module's docstring."""
    tokens = _TOKENS.findall(text)
    position = 1
    parameters: list[Parameter] = []
    while tokens[position] != ")":
        name = tokens[position]
        data_type, position = _parse_type(tokens, position + 1)
        variadic = tokens[position] == "..."
        position += variadic
        literal = tokens[position] == "!"
        position += literal
        if tokens[position] == "...":
            variadic, position = True, position + 1
        parameters.append(Parameter(name, data_type, variadic, literal))
        position += tokens[position] == ","
    returns, _ = _parse_type(tokens, position + 2)
    return Signature(tuple(parameters), returns)


def parse_type(text: str) -> DataType:
    """Read a type in the notation of this module's docstring.

    Raises:
        ValueError: something stands behind the type.
        IndexError: the type ends too early.
    """
    tokens = _TOKENS.findall(text)
    data_type, end = _parse_type(tokens, 0)
    if end != len(tokens):
        raise ValueError(text)
    return data_type


def notation(signature: Signature) -> str:
    """Return the text that `parse_signature` reads."""
    parameters = [
        f"{p.name} {type_notation(p.type)}{'!' if p.literal else ''}{'...' if p.variadic else ''}"
        for p in signature.parameters
    ]
    return f"({', '.join(parameters)}) -> {type_notation(signature.returns)}"


def type_notation(data_type: DataType) -> str:
    """Return the text that `parse_type` reads."""
    match data_type:
        case Array(element):
            return f"ARRAY<{type_notation(element)}>"
        case Map(key, value):
            return f"MAP<{type_notation(key)}, {type_notation(value)}>"
        case Struct(fields):
            return f"STRUCT<{', '.join(f'{f.name} {type_notation(f.type)}' for f in fields)}>"
        case _:
            return {"INTEGER": "INT"}.get(str(data_type), str(data_type))


def bind_generics(declared: DataType, actual: DataType, bound: dict[str, DataType]) -> None:
    """Note in `bound` what the generics of a parameter are when it takes an argument of type `actual`."""
    _accepts(declared, actual, bound, casts=True)


def generics_of(declared: DataType) -> set[str]:
    """Return the names of the generics that a type mentions."""
    match declared:
        case Generic(name):
            return {name}
        case Array(element):
            return generics_of(element)
        case Map(key, value):
            return generics_of(key) | generics_of(value)
        case Struct(fields):
            return set[str]().union(*(generics_of(field.type) for field in fields))
        case _:
            return set()


def substitute(declared: DataType, bound: dict[str, DataType]) -> DataType | None:
    """Return a type with its generics replaced; None where one is not known."""
    return _substitute(declared, bound)


def _parse_type(tokens: list[str], position: int) -> tuple[DataType, int]:
    name = tokens[position]
    position += 1
    following = tokens[position] if position < len(tokens) else ""
    if name == "DECIMAL" and following == "(":
        return Decimal(int(tokens[position + 1]), int(tokens[position + 3])), position + 5
    if name == "STRUCT":
        return _parse_struct(tokens, position) if following == "<" else (AnyStruct(), position)
    if name in ("ARRAY", "MAP", "LAMBDA"):
        inner: list[DataType] = []
        while tokens[position] != ">":
            data_type, position = _parse_type(tokens, position + 1)
            inner.append(data_type)
        position += 1
        if name == "ARRAY":
            return Array(inner[0]), position
        return (Map(*inner) if name == "MAP" else LambdaType(tuple(inner[:-1]), inner[-1])), position
    return _SIMPLE.get(name) or Generic(name), position


def _parse_struct(tokens: list[str], position: int) -> tuple[DataType, int]:
    fields: list[StructField] = []
    while tokens[position] != ">":
        name = tokens[position + 1]
        data_type, position = _parse_type(tokens, position + 2)
        fields.append(StructField(name, data_type))
    return Struct(tuple(fields)), position + 1


def _accepts(declared: DataType, actual: DataType, bound: dict[str, DataType], casts: bool) -> bool:
    match declared:
        case Generic(name):
            return bound.setdefault(name, actual) == actual
        case AnyType():
            return True
        case AnyDecimal():
            return isinstance(actual, Decimal) or (casts and is_numeric(actual) and actual != DOUBLE)
        case AnyStruct():
            return isinstance(actual, Struct)
        case Array(element):
            return isinstance(actual, Array) and _accepts(element, actual.element, bound, casts=False)
        case Map(key, value):
            return (
                isinstance(actual, Map)
                and _accepts(key, actual.key, bound, casts=False)
                and _accepts(value, actual.value, bound, casts=False)
            )
        case _:
            if declared == actual:
                return True
            return casts and (can_widen(actual, declared) or (actual == STRING and is_time(declared)))


def _substitute(declared: DataType, bound: dict[str, DataType]) -> DataType | None:
    match declared:
        case Generic(name):
            return bound.get(name)
        case Array(element):
            inner = _substitute(element, bound)
            return None if inner is None else Array(inner)
        case Map(key, value):
            new_key, new_value = _substitute(key, bound), _substitute(value, bound)
            return None if new_key is None or new_value is None else Map(new_key, new_value)
        case Struct(fields):
            inner = [(f.name, _substitute(f.type, bound)) for f in fields]
            known = tuple(StructField(name, data_type) for name, data_type in inner if data_type is not None)
            return Struct(known) if len(known) == len(inner) else None
        case _:
            return declared


def _argument_type(declared: DataType, argument: Argument, bound: dict[str, DataType]) -> DataType | None:
    if argument is None:
        return None
    if isinstance(argument, LambdaArgument):
        assert isinstance(declared, LambdaType)
        inputs = tuple(t for t in (_substitute(i, bound) for i in declared.inputs) if t is not None)
        return LambdaType(inputs, None if declared.result is None else _substitute(declared.result, bound))
    match declared:
        case AnyDecimal():
            return as_decimal(argument)
        case Generic():
            return _substitute(declared, bound)
        case AnyType() | AnyStruct() | Unit() | Array() | Map():
            return argument
        case _:
            return declared


def _mentions_generic(declared: DataType) -> bool:
    match declared:
        case Generic() | AnyType():
            return True
        case Array(element):
            return _mentions_generic(element)
        case Map(key, value):
            return _mentions_generic(key) or _mentions_generic(value)
        case _:
            return False


def written(declared: DataType) -> str:
    """Return a type as function listings do: INT and VARCHAR, not INTEGER and STRING."""
    match declared:
        case Array(element):
            return f"ARRAY<{written(element)}>"
        case Map(key, value):
            return f"MAP<{written(key)}, {written(value)}>"
        case _:
            return {"INTEGER": "INT", "STRING": "VARCHAR"}.get(str(declared), str(declared))
