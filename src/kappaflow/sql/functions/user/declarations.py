"""What is known of user functions without their code: signatures and words, as JSON.

worker: UserFunction -> Declaration -> control process -> SHOW FUNCTIONS, planning
command topic: the declarations that a statement was planned with, so that replaying it needs no code
worker, when a query starts: RecordedFunctions puts the code that is loaded now under these signatures
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kappaflow.errors import FunctionError, StatementError
from kappaflow.serde.types import DataType
from kappaflow.sql.ast.expressions import Expression, FunctionCall
from kappaflow.sql.ast.rewrite import walk
from kappaflow.sql.functions.aggregation import AggregateCall, Aggregation, AggregationFactory
from kappaflow.sql.functions.registry import Function, FunctionRegistry, Overload
from kappaflow.sql.functions.signature import Signature, notation, parse_signature, parse_type, type_notation
from kappaflow.sql.functions.user.aggregate import aggregate_factory, call_types
from kappaflow.sql.functions.user.arrow_form import ArrowForm
from kappaflow.sql.functions.user.decorators import UserFunction, Variant
from kappaflow.sql.functions.user.scalar import scalar_factory, table_factory


@dataclass(frozen=True, slots=True)
class DeclaredOverload:
    """One signature.

    Attributes:
        signature: as text.
        state: the type of an aggregate's state, as text.
        undo: whether an aggregate takes rows back.
        arrow: whether there is a column form.
    """

    signature: str
    description: str = ""
    state: str = ""
    undo: bool = False
    arrow: bool = False

    @property
    def identity(self) -> tuple[str, str, bool]:
        """What has to be equal for one implementation to take the place of another: all but names and words."""
        signature = parse_signature(self.signature)
        unnamed = replace(
            signature, parameters=tuple(replace(p, name=f"p{i}") for i, p in enumerate(signature.parameters))
        )
        return notation(unnamed), self.state, self.undo


@dataclass(frozen=True, slots=True)
class Declaration:
    """A user function without its code.

    Attributes:
        source: the file or package that defines it.
    """

    name: str
    kind: str
    overloads: tuple[DeclaredOverload, ...]
    category: str = ""
    description: str = ""
    examples: tuple[str, ...] = ()
    author: str = ""
    version: str = ""
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return everything, for another process."""
        return {
            "name": self.name,
            "kind": self.kind,
            "overloads": [[o.signature, o.description, o.state, o.undo, o.arrow] for o in self.overloads],
            "category": self.category,
            "description": self.description,
            "examples": list(self.examples),
            "author": self.author,
            "version": self.version,
            "source": self.source,
        }

    def facts(self) -> dict[str, Any]:
        """Return what planning depends on, for the command topic."""
        overloads = [[o.signature, "", o.state, o.undo, False] for o in self.overloads]
        return {"name": self.name, "kind": self.kind, "overloads": overloads}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Declaration:
        """Read what `to_json` or `facts` made."""
        overloads = tuple(
            DeclaredOverload(str(signature), str(description), str(state), bool(undo), bool(arrow))
            for signature, description, state, undo, arrow in document["overloads"]
        )
        words = {
            name: str(document.get(name, "")) for name in ("category", "description", "author", "version", "source")
        }
        examples = tuple(map(str, document.get("examples", ())))
        return cls(str(document["name"]), str(document["kind"]), overloads, examples=examples, **words)


def declaration_of(function: UserFunction, source: str, row_only: Sequence[Variant] = ()) -> Declaration:
    """Return the declaration of a function; the column forms of `row_only` are left out."""
    overloads = tuple(
        DeclaredOverload(
            notation(variant.signature),
            variant.description,
            "" if variant.state is None else type_notation(variant.state),
            variant.undo,
            variant.arrow is not None and not any(variant is other for other in row_only),
        )
        for variant in function.variants
    )
    return Declaration(
        function.name, function.kind, overloads, function.category, function.description, function.examples,
        function.author, function.version, source,
    )  # fmt: skip


def implemented(function: UserFunction, source: str, row_only: Sequence[Variant] = ()) -> Function:
    """Return the function with its code, as a registry holds it.

    Args:
        function: what was decorated.
        source: where it is defined.
        row_only: signatures whose column form is not to be used.
    """
    declaration = declaration_of(function, source, row_only)
    overloads = [
        _implemented(function, variant, overload.arrow)
        for variant, overload in zip(function.variants, declaration.overloads, strict=True)
    ]
    return _function(declaration, overloads)


def _implemented(function: UserFunction, variant: Variant, columns: bool) -> Overload:
    if function.kind == "aggregate":
        return Overload(variant.signature, aggregate_factory(function, variant), description=variant.description)
    factory = scalar_factory if function.kind == "scalar" else table_factory

    def column_form(types: tuple[DataType | None, ...], returns: DataType) -> Any:
        return ArrowForm(variant, types, returns).over

    return Overload(
        variant.signature, factory(function, variant), null_in=True, typed=True,
        description=variant.description, columns=column_form if columns else None,
    )  # fmt: skip


def _function(declaration: Declaration, overloads: list[Overload]) -> Function:
    return Function(
        declaration.name, declaration.kind, declaration.category, declaration.description, overloads,
        declaration.examples, declaration.author, declaration.version, declaration,
    )  # fmt: skip


def declared(declaration: Declaration) -> Function:
    """Return the function without its code: statements can be planned with it, a call fails."""
    return _function(declaration, [_declared(declaration, overload) for overload in declaration.overloads])


def _declared(declaration: Declaration, overload: DeclaredOverload) -> Overload:
    signature = parse_signature(overload.signature)

    def absent(*_values: Any) -> Any:
        raise FunctionError(f"{declaration.name.upper()} is not loaded in this process.")

    if declaration.kind == "aggregate":
        return Overload(signature, _declared_aggregate(declaration.name, signature, overload, absent))
    columns = (lambda _types, _returns: absent) if overload.arrow else None
    return Overload(signature, absent, null_in=True, description=overload.description, columns=columns)


def _declared_aggregate(name: str, signature: Signature, overload: DeclaredOverload, absent: Any) -> AggregationFactory:
    state = parse_type(overload.state)

    def make(call: AggregateCall) -> Aggregation:
        kept, returns = call_types(name, signature, state, call)
        undo = absent if overload.undo else None
        # The empty state is asked for when a topology is built, also where it is only explained.
        return Aggregation((kept,), returns, lambda: (None,), absent, absent, absent, undo)

    return make


class UserFunctions(FunctionRegistry):
    """The built-in functions, and those of users as they are now.

    Attributes:
        problems: what could not be loaded.
    """

    def __init__(self, builtin: FunctionRegistry) -> None:
        super().__init__(builtin)
        self._builtin = builtin
        self.problems: tuple[str, ...] = ()

    def replace(self, functions: Sequence[Function], problems: Sequence[str] = ()) -> None:
        """Put the functions of users in the place of those before."""
        self._functions = {function.name.upper(): function for function in functions}
        self.problems = tuple(problems)

    def fixed(self) -> FunctionRegistry:
        """Return these functions; files that change later leave them as they are."""
        kept = UserFunctions(self._builtin)
        kept.replace(self.users(), self.problems)
        return kept

    def users(self) -> list[Function]:
        """Return the functions of users."""
        return list(self._functions.values())


class RecordedFunctions(FunctionRegistry):
    """The functions that a statement is planned with; those of users are noted in `facts`.

    Args:
        functions: the functions in reach, with their code where it is loaded.
        facts: replay: the user functions of the statement; there are no others.
    """

    def __init__(self, functions: FunctionRegistry, facts: Mapping[str, Declaration] | None = None) -> None:
        super().__init__(functions)
        self._reach = functions
        self._replayed = facts is not None
        self.facts: dict[str, Declaration] = dict(facts or {})

    def fixed(self) -> FunctionRegistry:
        """Return the same functions with the code that they have now."""
        kept = RecordedFunctions(self._reach.fixed(), self.facts)
        kept._replayed = self._replayed
        return kept

    def get(self, name: str) -> Function | None:
        """Return the function called `name`, or None."""
        upper = name.upper()
        found = self._reach.get(name)
        recorded = self.facts.get(upper)
        if recorded is not None:
            return with_code(recorded, found)
        if found is None or found.declaration is None:
            return found
        if self._replayed:
            return None
        self.facts[upper] = found.declaration
        return found

    def find(self, name: str) -> Function:
        """Return the function called `name`.

        Raises:
            StatementError: there is none; the message says which files of functions could not be loaded.
        """
        try:
            return super().find(name)
        except StatementError as error:
            problems = self._reach.problems if isinstance(self._reach, UserFunctions) else ()
            if not problems:
                raise
            raise error.within(
                "\n".join((f"{_ended(error)} These functions could not be loaded:", *problems))
            ) from None


def _ended(error: StatementError) -> str:
    text = str(error)
    return text if text.endswith("?") else f"{text}."


def with_code(recorded: Declaration, found: Function | None) -> Function:
    """Return a recorded function with the code of the one that is loaded, where their signatures are the same."""
    function = declared(recorded)
    if found is None or found.declaration is None or found.kind != recorded.kind:
        return function
    loaded = dict(zip((o.identity for o in found.declaration.overloads), found.overloads, strict=True))
    function.overloads = [
        loaded.get(known.identity, placeholder)
        for known, placeholder in zip(recorded.overloads, function.overloads, strict=True)
    ]
    return function


def missing(recorded: Mapping[str, Declaration], functions: FunctionRegistry) -> str | None:
    """Return what a query needs and is not loaded here, or None."""
    for name, wanted in recorded.items():
        found = functions.get(name)
        if found is None or found.declaration is None:
            return f"The function {name} is not loaded here."
        have = {overload.identity for overload in found.declaration.overloads}
        lost = [overload.signature for overload in wanted.overloads if overload.identity not in have]
        if lost or found.kind != wanted.kind:
            return (
                f"The function {name} has another signature than when the query was made, {lost[0] if lost else ''}. "
                "Bring that signature back, or make the query anew."
            )
    return None


def calls_user_function(expressions: Iterable[Expression], functions: FunctionRegistry) -> bool:
    """Tell whether an expression has a call that only workers may evaluate."""
    for expression in expressions:
        for node in walk(expression):
            if isinstance(node, FunctionCall):
                found = functions.get(node.name)
                if found is not None and found.declaration is not None:
                    return True
    return False
