"""Functions that only query tests know: they echo which overload was called, count, or fail on purpose."""

from __future__ import annotations

from itertools import count
from typing import Any

from kappaflow.errors import FunctionError
from kappaflow.sql.engine import Engine
from kappaflow.sql.functions.registry import FunctionRegistry, scalar, table
from kappaflow.testing.query_tests.test_aggregates import define_aggregates

_CATEGORY = "TEST"


def register_test_functions(engine: Engine) -> None:
    """Add the test functions to an engine; functions that count start anew."""
    registry = engine.functions.extended()
    _define_echoes(registry)
    _define_failures(registry)
    _define_conditions(registry)
    _define_tables(registry)
    define_aggregates(registry)
    engine.functions = registry


def _define_echoes(registry: FunctionRegistry) -> None:
    echo = scalar("TEST_UDF", _CATEGORY, "Says which overload was called.", registry=registry)
    echo("(arg1 INT, arg2 STRING) -> STRING", null_in=True)(lambda number, text: "doStuffIntString")
    echo("(arg1 BIGINT, arg2 STRING) -> STRING", null_in=True)(lambda number, text: "doStuffLongString")
    echo("(arg1 BIGINT, arg2 BIGINT, arg3 STRING) -> STRING", null_in=True)(lambda a, b, text: "doStuffLongLongString")
    echo("(args BIGINT...) -> STRING", null_in=True)(lambda *numbers: "doStuffLongVarargs")
    echo("(struct STRUCT<A STRING>) -> STRING")(lambda struct: struct["A"])
    echo("() -> STRUCT<A STRING>")(lambda: {"A": "foo"})
    to_struct = scalar("TOSTRUCT", _CATEGORY, "A struct of a text.", registry=registry)
    to_struct("(value STRING) -> STRUCT<A STRING>")(lambda text: {"A": text})


def _boom(condition: Any) -> int:
    if condition is not False:
        raise FunctionError("boom!")
    return 0


def _define_failures(registry: FunctionRegistry) -> None:
    calls = count()
    bad = scalar("BAD_UDF", _CATEGORY, "Fails.", registry=registry)
    bad("(arg INT) -> INT")(_boom)
    bad("(arg BOOLEAN) -> INT")(_boom)
    bad("(arg STRING) -> STRING")(lambda text: None if next(calls) % 2 == 0 else text)


def _define_conditions(registry: FunctionRegistry) -> None:
    def checked(value: Any, should_evaluate: bool) -> Any:
        if not should_evaluate:
            raise FunctionError("This branch must not be evaluated.")
        return value

    condition = scalar("WHENCONDITION", _CATEGORY, "A condition that must be lazy.", registry=registry)
    condition("(value BOOLEAN, shouldBeEvaluated BOOLEAN) -> BOOLEAN")(checked)
    result = scalar("WHENRESULT", _CATEGORY, "A result that must be lazy.", registry=registry)
    result("(value INT, shouldBeEvaluated BOOLEAN) -> INT")(checked)


def _define_tables(registry: FunctionRegistry) -> None:
    made = table("TEST_UDTF", "Rows of its arguments.", registry=registry)
    scalars = ("INT", "BIGINT", "DOUBLE", "BOOLEAN", "STRING", "DECIMAL", "STRUCT<A STRING>")
    many = ", ".join(f"a{index} {name}" for index, name in enumerate(scalars))
    made(f"({many}) -> STRING")(lambda *values: [_text(value) for value in values])
    arrays = ", ".join(f"a{index} ARRAY<{name}>" for index, name in enumerate(scalars))
    made(f"({arrays}) -> STRING")(lambda *values: [_text(value[0]) for value in values])
    maps = ", ".join(f"a{index} MAP<STRING, {name}>" for index, name in enumerate(scalars))
    made(f"({maps}) -> STRING")(lambda *values: [_text(next(iter(value.values()))) for value in values])
    for name in scalars:
        returned = "DECIMAL(30, 10)" if name == "DECIMAL" else name
        made(f"(arg {name}) -> {returned}")(lambda value: [value])
    throwing = table("THROWING_UDTF", "Fails when told to.", registry=registry)
    throwing("(shouldThrow BOOLEAN) -> BOOLEAN")(lambda should_throw: [bool(_boom(should_throw))])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "Struct{" + ",".join(f"{name}={inner}" for name, inner in value.items()) + "}"
    return str(value)
