"""Functions that only query tests know."""

from __future__ import annotations

from kappaflow.sql.engine import Engine


def register_test_functions(engine: Engine) -> None:
    """Add the test functions to an engine."""
    engine.functions = engine.functions.extended()
