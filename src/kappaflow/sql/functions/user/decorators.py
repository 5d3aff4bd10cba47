"""``@udf``, ``@udaf`` and ``@udtf``: a Python function or class becomes a function of SQL.

    @udf
    def tax(amount: float, rate: float = 0.19) -> float:
        '''The tax of an amount.

        Examples:
            TAX(100.0) -> 19.0
        '''
        return amount * rate

    @tax.overload       another signature under the same name
    @tax.arrow          the column form of the signature before it: Arrow arrays in, one Arrow array out

What is decorated stays callable as it was.  Signatures come from annotations (see `annotations`), the description and
the examples from the docstring.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kappaflow.errors import ConfigError
from kappaflow.serde.types import Array, DataType
from kappaflow.sql.functions.signature import AnyDecimal, AnyType, Parameter, Signature, generics_of
from kappaflow.sql.functions.user.annotations import optional, sql_type

DEFAULT_CATEGORY = "OTHER"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_EXAMPLES = re.compile(r"^\s*examples?:\s*$", re.IGNORECASE)
_SECTION = re.compile(r"^\s*(args|arguments|returns|raises|yields|note|notes|source|examples?):\s*$", re.IGNORECASE)


@dataclass(slots=True)
class Variant:
    """One signature of a user's function.

    Attributes:
        signature: parameters and result.
        hints: the annotation of each parameter.
        returns: the annotation of the result (of one row, for a table function).
        target: the function, or the class of an aggregate.
        description: of this signature.
        arrow: its column form.
        state, state_hint: what an aggregate keeps for a group.
        undo: whether an aggregate takes rows back.
    """

    signature: Signature
    hints: tuple[Any, ...]
    returns: Any
    target: Callable[..., Any]
    description: str = ""
    arrow: Callable[..., Any] | None = None
    state: DataType | None = None
    state_hint: Any = None
    undo: bool = False

    @property
    def takes_null(self) -> tuple[bool, ...]:
        """For each parameter, whether NULL reaches the function."""
        return tuple(
            optional(hint)[1] or isinstance(parameter.type, AnyType)
            for hint, parameter in zip(self.hints, self.signature.parameters, strict=True)
        )


@dataclass
class UserFunction:
    """A decorated function: call it as before, or add signatures to it.

    Attributes:
        name: in SQL, in lower case.
        kind: ``scalar``, ``aggregate`` or ``table``.
        module, file, line: where it is defined.
    """

    name: str
    kind: str
    target: Callable[..., Any]
    category: str
    description: str
    examples: tuple[str, ...]
    author: str
    version: str
    module: str
    file: str
    line: int
    variants: list[Variant] = field(default_factory=list[Variant])

    def __post_init__(self) -> None:
        functools.update_wrapper(self, self.target)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call what was decorated, as Python."""
        return self.target(*arguments, **named)

    def overload(self, target: Callable[..., Any]) -> UserFunction:
        """Add another signature: a function (for an aggregate, a class) with other annotations.

        Raises:
            ConfigError: its annotations are no SQL types.
        """
        self.variants += _variants(self.name, self.kind, target)
        return self

    def arrow(self, target: Callable[..., Any]) -> UserFunction:
        """Add the column form of the signature that was added last.

        It takes an Arrow array for each parameter and returns one of the same length.  Rows for which it gives null
        are evaluated by the row form, for the value and the message of an error.

        Raises:
            ConfigError: only scalar functions have one.
        """
        if self.kind != "scalar":
            raise ConfigError(f"{self.name}: only @udf has a column form, @{_DECORATORS[self.kind]} has none.")
        last = self.variants[-1].target
        for variant in self.variants:
            if variant.target is last:
                variant.arrow = target
        return self


_DECORATORS = {"scalar": "udf", "aggregate": "udaf", "table": "udtf"}
_defined: dict[str, list[UserFunction]] = {}


def defined_in(module: str) -> list[UserFunction]:
    """Return the functions that a module and the modules below it have defined."""
    return [
        function
        for name, functions in _defined.items()
        if name == module or name.startswith(f"{module}.")
        for function in functions
    ]


def forget(module: str) -> None:
    """Forget the functions of a module and the modules below it, before it is imported anew."""
    for name in [name for name in _defined if name == module or name.startswith(f"{module}.")]:
        del _defined[name]


Decorator = Callable[[Callable[..., Any]], UserFunction]


@typing.overload
def udf(target: Callable[..., Any], /) -> UserFunction: ...
@typing.overload
def udf(
    *, name: str = "", category: str = DEFAULT_CATEGORY, description: str = "", author: str = "", version: str = ""
) -> Decorator: ...
def udf(target: Callable[..., Any] | None = None, /, **options: str) -> UserFunction | Decorator:
    """Make a scalar function: values in, one value out.

    Raises:
        ConfigError: its annotations are no SQL types.
    """
    return _decorate("scalar", target, options)


@typing.overload
def udtf(target: Callable[..., Any], /) -> UserFunction: ...
@typing.overload
def udtf(
    *, name: str = "", category: str = "TABLE", description: str = "", author: str = "", version: str = ""
) -> Decorator: ...
def udtf(target: Callable[..., Any] | None = None, /, **options: str) -> UserFunction | Decorator:
    """Make a table function: values in, any number of rows out; it returns a list or is a generator.

    Raises:
        ConfigError: its annotations are no SQL types, or it does not return rows.
    """
    return _decorate("table", target, {"category": "TABLE", **options})


@typing.overload
def udaf(target: type[Any], /) -> UserFunction: ...
@typing.overload
def udaf(
    *, name: str = "", category: str = "AGGREGATE", description: str = "", author: str = "", version: str = ""
) -> Decorator: ...
def udaf(target: Any = None, /, **options: str) -> UserFunction | Decorator:
    """Make an aggregate function of a class.

    Its methods: ``initialize() -> State``, ``aggregate(state, value, ..) -> State``, ``merge(left, right) -> State``,
    and, where needed, ``map(state) -> Result`` and ``undo(state, value, ..) -> State``.  Parameters of ``__init__``
    are literal arguments of the call, behind the columns.

    Raises:
        ConfigError: a method is missing, or annotations are no SQL types.
    """
    return _decorate("aggregate", target, {"category": "AGGREGATE", **options})


def _decorate(kind: str, target: Callable[..., Any] | None, options: dict[str, str]) -> UserFunction | Decorator:
    if target is None:
        return lambda function: _define(kind, function, options)
    return _define(kind, target, options)


def _define(kind: str, target: Callable[..., Any], options: dict[str, str]) -> UserFunction:
    name = (options.get("name") or _snake(target.__name__)).lower()
    if not _NAME.match(name):
        raise ConfigError(f"'{name}' cannot be the name of a function: use letters, digits and underscores.")
    description, examples = _words(inspect.getdoc(target) or "")
    code = getattr(target, "__code__", None)
    function = UserFunction(
        name,
        kind,
        target,
        options.get("category") or DEFAULT_CATEGORY,
        options.get("description") or description,
        examples,
        options.get("author", ""),
        options.get("version", ""),
        target.__module__,
        code.co_filename if code else getattr(sys.modules.get(target.__module__), "__file__", None) or "",
        code.co_firstlineno if code else 0,
    )
    function.variants += _variants(name, kind, target)
    _defined.setdefault(target.__module__, []).append(function)
    return function


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)


def _words(docstring: str) -> tuple[str, tuple[str, ...]]:
    """Return the text before the first section as one line, and the lines of the section of examples."""
    description: list[str] = []
    examples: list[str] = []
    section = ""
    for line in docstring.splitlines():
        if (heading := _SECTION.match(line)) is not None:
            section = "examples" if _EXAMPLES.match(line) else heading.group(1)
        elif section == "examples" and line.strip():
            examples.append(line.strip())
        elif not section:
            description.append(line.strip())
    return " ".join(" ".join(description).split()), tuple(examples)


def _variants(name: str, kind: str, target: Callable[..., Any]) -> list[Variant]:
    if kind == "aggregate":
        return [_aggregate_variant(name, target)]
    hints = _hints(name, target)
    if "return" not in hints:
        raise ConfigError(f"{name}: say what it returns, such as: def {target.__name__}(..) -> int.")
    returns = hints["return"]
    result = sql_type(returns, f"{name}: the result")
    if kind == "table":
        if not isinstance(result, Array):
            raise ConfigError(f"{name}: a table function returns list[T] or Iterator[T], not {returns}.")
        result, returns = result.element, typing.get_args(optional(returns)[0])[0]
    parameters = list(inspect.signature(target).parameters.values())
    taken = _parameters(name, parameters, hints)
    _check_result(name, result, [parameter for parameter, _ in taken])
    required = [p for p in parameters if p.default is inspect.Parameter.empty]
    description, _ = _words(inspect.getdoc(target) or "")
    found: list[Variant] = []
    for count in range(len(required), len(parameters) + 1):
        part = taken[:count]
        if count < len(parameters) and any(p.kind is p.VAR_POSITIONAL for p in parameters):
            continue
        signature = Signature(tuple(parameter for parameter, _ in part), result)
        found.append(Variant(signature, tuple(hint for _, hint in part), returns, target, description))
    return found


def _hints(name: str, target: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise ConfigError(f"{name}: its annotations cannot be resolved: {error}.") from None


def _parameters(
    name: str, parameters: list[inspect.Parameter], hints: dict[str, Any], literal: bool = False
) -> list[tuple[Parameter, Any]]:
    found: list[tuple[Parameter, Any]] = []
    for parameter in parameters:
        where = f"{name}: parameter {parameter.name}"
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            raise ConfigError(f"{where}: SQL has no arguments by name; make it an ordinary parameter.")
        if parameter.name not in hints:
            raise ConfigError(f"{where} needs an annotation, such as {parameter.name}: int.")
        hint = hints[parameter.name]
        variadic = parameter.kind is parameter.VAR_POSITIONAL
        found.append((Parameter(parameter.name, sql_type(hint, where), variadic, literal), hint))
    return found


def _check_result(name: str, result: DataType, parameters: list[Parameter]) -> None:
    if isinstance(result, AnyType):
        raise ConfigError(f"{name}: the result cannot be Any; say its type, or a TypeVar that a parameter has too.")
    if isinstance(result, AnyDecimal):
        raise ConfigError(
            f'{name}: say the precision and scale of the result: Annotated[Decimal, "DECIMAL(10, 2)"], or use a '
            "TypeVar for a result of the type of an argument."
        )
    for generic in generics_of(result) - set[str]().union(*(generics_of(p.type) for p in parameters)):
        raise ConfigError(f"{name}: no parameter has the type variable {generic} of the result.")


def _aggregate_variant(name: str, target: Any) -> Variant:
    for method in ("initialize", "aggregate", "merge"):
        if not callable(getattr(target, method, None)):
            raise ConfigError(
                f"{name}: an aggregate function is a class with the methods initialize, aggregate, merge."
            )
    state_hint = _hints(name, target.initialize).get("return")
    if state_hint is None:
        raise ConfigError(f"{name}: say the type of the state: def initialize(self) -> tuple[float, int].")
    state = sql_type(state_hint, f"{name}: the state")
    if isinstance(state, AnyDecimal | AnyType):
        raise ConfigError(f'{name}: the state needs one type, such as Annotated[Decimal, "DECIMAL(20, 2)"].')
    steps = list(inspect.signature(target.aggregate).parameters.values())[2:]
    columns = _parameters(name, steps, _hints(name, target.aggregate))
    own_init = "__init__" in vars(target)
    options = list(inspect.signature(target.__init__).parameters.values())[1:] if own_init else []
    literals = _parameters(name, options, _hints(name, target.__init__) if own_init else {}, literal=True)
    mapped = getattr(target, "map", None)
    returns = state_hint if mapped is None else _hints(name, mapped).get("return")
    if returns is None:
        raise ConfigError(f"{name}: say the type of the result: def map(self, state) -> float.")
    result = sql_type(returns, f"{name}: the result")
    taken = [*columns, *literals]
    if any(p.variadic for p, _ in taken[:-1]):
        raise ConfigError(f"{name}: arguments of any number have to be the last ones.")
    _check_result(name, result, [parameter for parameter, _ in taken])
    return Variant(
        Signature(tuple(parameter for parameter, _ in taken), result),
        tuple(hint for _, hint in taken),
        returns,
        target,
        state=state,
        state_hint=state_hint,
        undo=callable(getattr(target, "undo", None)),
    )
