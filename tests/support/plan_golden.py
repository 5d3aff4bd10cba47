"""Reads and writes the golden plans: a statement, then what EXPLAIN prints of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kappaflow.errors import SqlError
from kappaflow.sql.engine import Engine

GOLDEN = Path(__file__).parents[1] / "golden" / "sql" / "plans"


def engine_with_sources() -> Engine:
    """Return an engine that knows the sources of the golden plans."""
    engine = Engine()
    for parsed in engine.parse((GOLDEN / "sources.sql").read_text(encoding="utf-8")):
        engine.apply(engine.plan(parsed))
    return engine


def column_text(engine: Engine, statement: str) -> str:
    """Return which steps of a statement run as columns."""
    return engine.explain(statement).sections["columns"]


def plan_text(engine: Engine, statement: str) -> str:
    """Return the optimizer's work and the steps of a statement, or its message when it is refused."""
    try:
        sections = engine.explain(statement).sections
    except SqlError as error:
        return f"ERROR {error}"
    rules = sections["optimizer rules"].split("\n\n")[0].replace("\n", ", ")
    return f"rules: {rules}\n{sections['physical steps']}"


def read_golden(name: str) -> list[tuple[str, str]]:
    """Return statements and expected texts."""
    blocks = (GOLDEN / name).read_text(encoding="utf-8").strip().split("\n\n")
    pairs: list[tuple[str, str]] = []
    for block in blocks:
        statement, _, expected = block.partition("\n=>\n")
        pairs.append((statement, expected.strip()))
    return pairs


def write_golden(name: str, text_of: Callable[[Engine, str], str] = plan_text) -> None:
    """Write what is now planned; read the difference before keeping it."""
    engine = engine_with_sources()
    blocks = [f"{statement}\n=>\n{text_of(engine, statement)}" for statement, _ in read_golden(name)]
    (GOLDEN / name).write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
