"""Functions in Python: what annotations mean, what is refused, how files are loaded, changed and found broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from kappaflow import Int, udaf, udf, udtf
from kappaflow.errors import ConfigError, StatementError
from kappaflow.server.functions.library import FunctionLibrary
from kappaflow.sql.engine import Engine
from kappaflow.sql.functions.registry import default_registry
from kappaflow.sql.functions.signature import notation, parse_signature
from kappaflow.sql.functions.user.arrow_form import difference
from kappaflow.sql.functions.user.declarations import Declaration, UserFunctions, declaration_of, declared
from kappaflow.sql.functions.user.decorators import UserFunction
from kappaflow.testing.query_tests.runner import run_paths

FUNCTIONS = Path(__file__).parents[3] / "golden" / "sql" / "functions"
SOURCE = "CREATE STREAM s (k STRING KEY, v DOUBLE) WITH (kafka_topic='s', value_format='JSON', partitions=1);"
T = TypeVar("T")


@dataclass
class Point:
    x: float
    y: float


def signatures(function: UserFunction) -> list[str]:
    return [notation(variant.signature) for variant in function.variants]


def test_the_golden_cases_pass_in_both_forms() -> None:
    report = run_paths([FUNCTIONS / "functions.sql"], "both", processes=1, functions=FUNCTIONS)
    assert [f"{result.id}: {result.problem}" for result in report.failed] == []
    assert len(report.passed) == 6
    assert report.problems == []


def test_a_decorated_function_is_called_as_before() -> None:
    @udf
    def twice(value: int) -> int:
        """Twice a number.

        It says more.

        Args:
            value: any.

        Examples:
            TWICE(2) -> 4
            TWICE(0) -> 0
        """
        return value * 2

    assert twice(4) == 8
    assert twice.description == "Twice a number. It says more."
    assert twice.examples == ("TWICE(2) -> 4", "TWICE(0) -> 0")
    assert signatures(twice) == ["(value BIGINT) -> BIGINT"]


def test_signatures_by_annotations() -> None:
    @udf
    def mixed(
        a: Int,
        b: list[Point],
        c: dict[str, int | None],
        d: Annotated[Decimal, "DECIMAL(10, 2)"],
        e: Decimal = Decimal(1),
    ) -> Point:
        return Point(1.0, 2.0)

    @udf
    def first(values: list[T], *others: T) -> T:
        return values[0]

    @udtf
    def rows(n: int) -> Iterator[tuple[int, str]]:
        yield n, ""

    head = "a INT, b ARRAY<STRUCT<X DOUBLE, Y DOUBLE>>, c MAP<STRING, BIGINT>, d DECIMAL(10, 2)"
    assert signatures(mixed) == [
        f"({head}) -> STRUCT<X DOUBLE, Y DOUBLE>",
        f"({head}, e DECIMAL) -> STRUCT<X DOUBLE, Y DOUBLE>",
    ]
    assert signatures(first) == ["(values ARRAY<T>, others T...) -> T"]
    assert signatures(rows) == ["(n BIGINT) -> STRUCT<F0 BIGINT, F1 STRING>"]
    for text in signatures(mixed) + signatures(first) + signatures(rows):
        assert notation(parse_signature(text)) == text


def no_annotation(a) -> int:  # type: ignore[no-untyped-def]
    return a


def no_result(a: int):  # type: ignore[no-untyped-def]
    return a


def no_type(a: complex) -> int:
    return 1


def by_name(*, a: int) -> int:
    return a


def any_decimal(a: Decimal) -> Decimal:
    return a


def unknown_generic(a: int) -> T:  # type: ignore[type-var]
    raise AssertionError(a)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_annotation, "parameter a needs an annotation, such as a: int"),
        (no_result, "say what it returns"),
        (no_type, "parameter a: complex is no SQL type"),
        (by_name, "SQL has no arguments by name"),
        (any_decimal, "say the precision and scale of the result"),
        (unknown_generic, "no parameter has the type variable T of the result"),
    ],
)
def test_what_cannot_be_a_function(function: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        udf(function)


def test_an_aggregate_says_what_it_lacks() -> None:
    with pytest.raises(ConfigError, match="a class with the methods initialize, aggregate, merge"):

        @udaf
        class Nothing:
            """Nothing."""


def test_a_table_function_returns_rows() -> None:
    with pytest.raises(ConfigError, match=r"returns list\[T\] or Iterator\[T\]"):

        @udtf
        def one(a: int) -> int:
            return a


def test_a_column_form_that_differs_is_found() -> None:
    @udf
    def half(value: int) -> int:
        return value // 2

    @half.arrow
    def half_columns(value: pa.Array) -> pa.Array:
        return pc.divide(value, 2)  # towards zero, while // goes down

    problem = difference(half, half.variants[0])
    assert problem is not None and "the column form gives 0, the row form -1" in problem


def test_declarations_survive_json() -> None:
    @udf(author="me", version="2")
    def shown(value: int, *rest: str) -> str:
        """Shows."""
        return f"{value}{rest}"

    declaration = declaration_of(shown, "here.py")
    assert Declaration.from_json(declaration.to_json()) == declaration
    (overload,) = declared(declaration).overloads
    assert str(overload.signature) == "(BIGINT value, VARCHAR... rest)"


def write(directory: Path, name: str, text: str) -> None:
    (directory / name).write_text(f"from kappaflow import udf\n\n{text}\n", encoding="utf-8")


def test_broken_files_are_named_with_their_line_and_the_others_load(tmp_path: Path) -> None:
    write(tmp_path, "good.py", "@udf\ndef good(a: int) -> int:\n    return a")
    write(tmp_path, "syntax.py", "def broken(:\n    pass")
    write(tmp_path, "missing.py", "import no_such_module")
    write(tmp_path, "types.py", "@udf\ndef bad(a: complex) -> int:\n    return 1")
    write(tmp_path, "ends.py", "raise SystemExit(3)")
    write(tmp_path, "builtin.py", "@udf\ndef abs(a: int) -> int:\n    return a")
    library = FunctionLibrary(str(tmp_path))
    assert library.refresh()
    assert [function.name for function in library.functions.users()] == ["good"]
    *problems, of_type = library.problems
    assert f"{tmp_path}/types.py, line 3: bad: parameter a: complex is no SQL type." in of_type
    assert problems == [
        f"{tmp_path}/builtin.py, line 3: ABS is a built-in function; choose another name.",
        f"{tmp_path}/ends.py, line 3: SystemExit: 3",
        f"{tmp_path}/missing.py, line 3: ModuleNotFoundError: No module named 'no_such_module'",
        f"{tmp_path}/syntax.py, line 3: invalid syntax",
    ]


def test_an_unknown_function_comes_with_what_could_not_be_loaded(tmp_path: Path) -> None:
    write(tmp_path, "syntax.py", "def broken(:\n    pass")
    library = FunctionLibrary(str(tmp_path))
    library.refresh()
    engine = Engine(functions=library.functions)
    engine.apply(engine.plan(SOURCE))
    with pytest.raises(
        StatementError, match=r"(?s)functions with the name 'BROKEN'.*syntax.py, line 3: invalid syntax"
    ):
        engine.plan("CREATE STREAM o AS SELECT k, BROKEN(v) FROM s;")


def test_changes_are_noticed_by_file(tmp_path: Path) -> None:
    write(tmp_path, "one.py", "@udf\ndef one(a: int) -> int:\n    return 1")
    write(tmp_path, "two.py", "from ._shared import X\n\n@udf\ndef two(a: int) -> int:\n    return X")
    (tmp_path / "_shared.py").write_text("X = 2\n")
    library = FunctionLibrary(str(tmp_path))
    assert library.refresh()
    assert not library.refresh()
    recorded = {name: Declaration(name, "scalar", ()) for name in ("ONE", "TWO")}
    before = library.versions_of(recorded)
    (tmp_path / "_shared.py").write_text("X = 22\n")
    assert library.refresh()
    after = library.versions_of(recorded)
    assert before["ONE"] == after["ONE"]
    assert before["TWO"] != after["TWO"]
    assert call(library, "TWO", 1) == 22


def call(library: FunctionLibrary, name: str, *values: Any) -> Any:
    function = library.functions.find(name)
    (overload,) = function.overloads
    types = tuple(parameter.type for parameter in overload.signature.parameters)
    return overload.implementation(types, overload.signature.returns)(*values)


def test_a_stored_statement_is_replayed_without_the_code(tmp_path: Path) -> None:
    write(tmp_path, "one.py", "@udf\ndef plus(a: float) -> float:\n    return a + 1")
    library = FunctionLibrary(str(tmp_path))
    library.refresh()
    engine = Engine(functions=library.functions)
    documents = []
    for text in (SOURCE, "CREATE STREAM o AS SELECT k, PLUS(v) AS p FROM s;"):
        plan = engine.plan(text)
        documents.append(plan.to_json())
        engine.apply(plan)
    assert documents[1]["functions"] == {
        "PLUS": {"name": "plus", "kind": "scalar", "overloads": [["(a DOUBLE) -> DOUBLE", "", "", False, False]]}
    }
    bare = Engine(functions=UserFunctions(default_registry()))
    for document in documents:
        bare.replay(document)
    (query,) = bare.metastore.queries.values()
    assert str(query.schema) == "`K` STRING KEY, `P` DOUBLE"
    assert FunctionLibrary("").missing(query.functions) == "The function PLUS is not loaded here."
    assert library.missing(query.functions) is None
    write(tmp_path, "one.py", "@udf\ndef plus(a: str) -> float:\n    return 1.0")
    library.refresh()
    assert "has another signature than when the query was made" in (library.missing(query.functions) or "")


def test_a_statement_without_recorded_functions_has_none(tmp_path: Path) -> None:
    write(tmp_path, "one.py", "@udf\ndef plus(a: float) -> float:\n    return a + 1")
    library = FunctionLibrary(str(tmp_path))
    library.refresh()
    engine = Engine(functions=library.functions)
    engine.apply(engine.plan(SOURCE))
    document = {**engine.plan("CREATE STREAM o AS SELECT k, PLUS(v) AS p FROM s;").to_json(), "functions": {}}
    with pytest.raises(StatementError, match="Can't find any functions with the name 'PLUS'"):
        engine.replay(document)
