"""The reference of SQL: a page a statement, type and format, a page a family of functions, and one that lists them.

Every example is executed while the pages are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sql_examples import SAMPLE, VARYING, result_of
from sql_session import SqlSession

from kappaflow.sql.functions.registry import Function, default_registry
from kappaflow.sql.reference.asking import ASKING
from kappaflow.sql.reference.controlling import CONTROLLING
from kappaflow.sql.reference.defining import DEFINING
from kappaflow.sql.reference.formats import FORMATS
from kappaflow.sql.reference.topic import Topic
from kappaflow.sql.reference.types import TYPES

WRITTEN = "Written by `make docs` from the code; what examples print was printed when the page was written."
SECTIONS: dict[str, tuple[str, Sequence[Topic]]] = {
    "statements": ("Statements", (*DEFINING, *ASKING, *CONTROLLING)),
    "types": ("Types", TYPES),
    "formats": ("Formats", FORMATS),
}
TITLES = {"OTHER": "Other", "URL": "URL", "JSON": "JSON", "NULL": "NULL"}


def sql_pages(folder: Path) -> dict[Path, str]:
    """Return every page below `folder`."""
    found: dict[Path, str] = {}
    index = ["# SQL reference", "", WRITTEN, ""]
    for name, (title, topics) in SECTIONS.items():
        index += [f"## {title}", "", *(f"- [{topic.title}]({name}/{topic.name}.md)" for topic in topics), ""]
        for topic in topics:
            found[folder / name / f"{topic.name}.md"] = topic_page(topic)
    families = function_families()
    count = sum(map(len, families.values()))
    overloads = sum(len(function.overloads) for functions in families.values() for function in functions)
    index += ["## Functions", "", f"{count} functions with {overloads} overloads.", ""]
    for family, functions in families.items():
        path = f"functions/{family.lower().replace(' / ', '-').replace(' ', '-')}.md"
        names = ", ".join(function.name.upper() for function in functions)
        index.append(f"- [{family_title(family)}]({path}): {names}")
        found[folder / path] = family_page(family, functions)
    found[folder / "README.md"] = "\n".join(index) + "\n"
    return found


def topic_page(topic: Topic) -> str:
    """Return the page of a statement, type or format."""
    lines = [f"# {topic.title}", ""]
    if topic.syntax:
        lines += ["```", topic.syntax, "```", ""]
    lines += [topic.about, "", "```sql", topic.example, "```", ""]
    printed = SqlSession().run(topic.example)
    if printed:
        lines += ["```text", printed, "```", ""]
    return "\n".join([*lines, "[All of SQL](../README.md)", ""])


def function_families() -> dict[str, list[Function]]:
    """Return the functions by category, both in order of name."""
    found: dict[str, list[Function]] = {}
    for function in sorted(default_registry(), key=lambda f: (f.category, f.name.upper())):
        found.setdefault(function.category, []).append(function)
    return found


def family_title(family: str) -> str:
    """Return the heading of a category."""
    return f"{TITLES.get(family, family.capitalize())} functions"


def family_page(family: str, functions: Iterable[Function]) -> str:
    """Return the page of a category."""
    lines = [f"# {family_title(family)}", ""]
    if family == "AGGREGATE":
        lines += ["The examples are over these rows, of which all have one key:", "", "```sql", SAMPLE, "```", ""]
    for function in functions:
        lines += [f"## {function.name.upper()}", "", function.description, "", "```"]
        lines += [
            f"{function.name.upper()}{overload.signature} -> {returned(overload)}" for overload in function.overloads
        ]
        lines += ["```", ""]
        described = [o for o in function.overloads if o.description]
        lines += [f"- `{function.name.upper()}{o.signature}`: {o.description}" for o in described]
        lines += [""] if described else []
        if function.kind == "aggregate":
            undo = "Also over tables." if takes_back(function) else "Over streams only: rows cannot be taken back."
            lines += [undo, ""]
        lines += ["```sql", *(example_line(function, example) for example in function.examples), "```", ""]
    return "\n".join([*lines, "[All of SQL](../README.md)", ""])


def returned(overload: object) -> str:
    """Return the type that an overload gives, as signatures print types."""
    signature = getattr(overload, "signature")  # noqa: B009 - any overload of the registry
    text = str(signature.returns)
    return {"INTEGER": "INT", "STRING": "VARCHAR"}.get(text, text)


def takes_back(function: Function) -> bool:
    """Tell whether an aggregate is defined over tables."""
    session = SqlSession()
    session.run(
        "CREATE TABLE t (k STRING PRIMARY KEY, city STRING, name STRING, amount INT, price DOUBLE, tags ARRAY<INT>)"
        " WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=1);"
    )
    call = call_of(function.examples[0])
    printed = session.run(f"CREATE TABLE r AS SELECT name, {call} AS x FROM t GROUP BY name; SHOW TABLES;")
    return "| R " in printed


def call_of(example: str) -> str:
    """Return the call of a registered example, which may go on with `` -> result``."""
    return example.partition(" -> ")[0]


def example_line(function: Function, example: str) -> str:
    """Return a call with its result."""
    call = call_of(example)
    if function.name.upper() in VARYING:
        return f"{call}  -- another value each time"
    return f"{call}  -- {result_of(function, call)}"
