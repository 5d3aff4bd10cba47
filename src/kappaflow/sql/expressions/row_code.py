"""The text of one Python function while it is written: pieces of code, and the objects that they refer to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.serde.types import BIGINT, DOUBLE, INTEGER, DataType
from kappaflow.sql.expressions import values

_UNSET: Any = object()


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

    @property
    def is_null(self) -> bool:
        """Whether the value is known to be NULL."""
        return self.constant is None


NULL = Code("None", atom=True, constant=None)


class FunctionText:
    """What the pieces of one function share.

    Attributes:
        constants: the objects that the text refers to, by name.
        result_index: of the result that is being written; errors are reported with it.
        lambda_depth: how many lambdas stand around what is being written.
        null_fails: whether what stands around it would answer NULL with a value, as a comparison does.
    """

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.result_index = 0
        self.lambda_depth = 0
        self.null_fails = False
        self._temporaries = 0

    def constant(self, value: Any) -> str:
        """Give a Python object a name in the function."""
        name = f"_c{len(self.constants)}"
        self.constants[name] = value
        return name

    def literal(self, value: Any) -> Code:
        """Write a known value."""
        if value is None:
            return NULL
        if isinstance(value, bool | int | str | bytes) or (isinstance(value, float) and value - value == 0.0):
            text = repr(value)
            return Code(f"({text})" if text.startswith("-") else text, False, False, True, value)
        return Code(self.constant(value), False, False, True, value)

    def temporary(self) -> str:
        """Return a fresh name for an assignment expression."""
        self._temporaries += 1
        return f"t{self._temporaries}"

    def strict(
        self,
        operands: Sequence[Code],
        build: Callable[[list[str]], str],
        *,
        nullable: bool = False,
        raises: bool = False,
        when_null: str = "None",
    ) -> Code:
        """Write ``build(names)`` guarded so that any NULL operand gives `when_null`."""
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

    def computed(self, operands: Sequence[Code], build: Callable[[list[str]], str], *, raises: bool = False) -> Code:
        """Write arithmetic: a NULL operand is an error, and so NULL, unless it matters no more which of both."""
        if not self.lambda_depth and not self.null_fails:
            return self.strict(operands, build, raises=raises)
        self.constants["_null_operand"] = _null_operand
        nullable = any(operand.nullable for operand in operands)
        return self.strict(operands, build, raises=raises or nullable, when_null="_null_operand()")

    def guarded(self, code: Code) -> Code:
        """Write `code` so that an error becomes NULL and is reported."""
        if not code.raises:
            return code
        self.constants["_guard"] = _guard
        return Code(f"_guard(lambda: {code.text}, _report, {self.result_index}, r)")

    def converted(self, code: Code, source: DataType | None, target: DataType | None) -> Code:
        """Write the conversion of `code` to another type."""
        convert = None if target is None or source is None else values.caster(source, target)
        if convert is None or code.is_null:
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


def _guard(thunk: Callable[[], Any], report: Callable[..., None], index: int, record: Any) -> Any:
    try:
        return thunk()
    except Exception as error:
        report(index, error, record)
        return None


def _null_operand() -> Any:
    raise FunctionError("arithmetic on NULL")
