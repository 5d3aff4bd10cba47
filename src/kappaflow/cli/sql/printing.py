"""Print rows and entities: as a table for people, as JSON lines or CSV for programs."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol, TextIO

from kappaflow.cli.messages import message
from kappaflow.cli.sql import texts as _texts
from kappaflow.cli.sql.restore_progress import progress_text

assert _texts
WIDTH_MIN = 8
WIDTH_MAX = 40


class Printer(Protocol):
    """Prints the rows of one result."""

    def row(self, row: Sequence[Any]) -> None:
        """Print one row."""
        ...

    def flush(self) -> None:
        """Show what was printed so far."""
        ...

    def close(self) -> None:
        """Print what ends the result."""
        ...


def counted(rows: int) -> str:
    """Return a number of rows in words.

    >>> counted(1) in ("1 row", "1 행"), counted(2) in ("2 rows", "2 행")
    (True, True)
    """
    return message("sql.row" if rows == 1 else "sql.rows", count=rows)


def text_of(value: Any) -> str:
    """Return a value as people read it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict | list):
        return json_text(value)
    return str(value)


def json_text(value: Any) -> str:
    """Return a value as JSON; a decimal keeps all of its digits, and a number that JSON has not is text."""
    match value:
        case Decimal():
            return format(value, "f")
        case float() if not math.isfinite(value):
            return f'"{text_of(value)}"'
        case dict():
            members: dict[Any, Any] = value
            fields = (f"{json.dumps(str(name), ensure_ascii=False)}: {json_text(v)}" for name, v in members.items())
            return "{" + ", ".join(fields) + "}"
        case list() | tuple():
            items: Sequence[Any] = value
            return "[" + ", ".join(json_text(item) for item in items) + "]"
        case _:
            return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


class TablePrinter:
    """Columns with borders; widths follow the first screenful, later longer values push the border."""

    def __init__(self, columns: Sequence[str], out: TextIO) -> None:
        self._columns = list(columns)
        self._out = out
        self._waiting: list[list[str]] = []
        self._widths: list[int] | None = None
        self._count = 0

    def row(self, row: Sequence[Any]) -> None:
        """Take one row; it is shown by `flush` or once enough rows tell the widths."""
        self._waiting.append([text_of(value) for value in row])
        self._count += 1
        if len(self._waiting) >= 100:
            self.flush()

    def _line(self, cells: Sequence[str]) -> str:
        assert self._widths is not None
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True)) + " |\n"

    def _rule(self) -> str:
        assert self._widths is not None
        return "+-" + "-+-".join("-" * width for width in self._widths) + "-+\n"

    def flush(self) -> None:
        """Show the rows that wait."""
        if self._widths is None:
            rows = [self._columns, *self._waiting]
            longest = [max(len(row[i]) for row in rows) for i in range(len(self._columns))]
            self._widths = [min(max(width, WIDTH_MIN), WIDTH_MAX) for width in longest]
            self._out.write(self._rule() + self._line(self._columns) + self._rule())
        for row in self._waiting:
            self._out.write(self._line(row))
        self._waiting.clear()
        self._out.flush()

    def close(self) -> None:
        """Show what is left and the number of rows."""
        self.flush()
        self._out.write(self._rule() + counted(self._count) + "\n")
        self._out.flush()


class JsonPrinter:
    """One JSON object a line."""

    def __init__(self, columns: Sequence[str], out: TextIO) -> None:
        self._columns = list(columns)
        self._out = out

    def row(self, row: Sequence[Any]) -> None:
        """Print one row."""
        self._out.write(json_text(dict(zip(self._columns, row, strict=True))) + "\n")

    def flush(self) -> None:
        """Show what was printed so far."""
        self._out.flush()

    close = flush


class CsvPrinter:
    """Comma-separated values with a header."""

    def __init__(self, columns: Sequence[str], out: TextIO) -> None:
        self._out = out
        self._writer = csv.writer(out)
        self._writer.writerow(columns)

    def row(self, row: Sequence[Any]) -> None:
        """Print one row; null is an empty field."""
        self._writer.writerow(["" if value is None else text_of(value) for value in row])

    def flush(self) -> None:
        """Show what was printed so far."""
        self._out.flush()

    close = flush


class LinePrinter:
    """The plain lines of PRINT."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def row(self, row: Sequence[Any]) -> None:
        """Print one line."""
        self._out.write(f"{row[0]}\n")

    def flush(self) -> None:
        """Show what was printed so far."""
        self._out.flush()

    close = flush


def make_printer(output: str, columns: Sequence[str], *, plain: bool = False, out: TextIO | None = None) -> Printer:
    """Return the printer for an output format."""
    stream = out or sys.stdout
    if plain:
        return LinePrinter(stream)
    if output == "json":
        return JsonPrinter(columns, stream)
    return CsvPrinter(columns, stream) if output == "csv" else TablePrinter(columns, stream)


def print_entity(entity: dict[str, Any], output: str) -> None:
    """Print the answer to a statement that is no query."""
    if output == "json":
        sys.stdout.write(json.dumps(entity, ensure_ascii=False) + "\n")
        return
    for warning in entity.get("warnings", ()):
        sys.stderr.write(f"{warning['message']}\n")
    kind = entity["@type"]
    if kind == "currentStatus":
        sys.stdout.write(entity["commandStatus"]["message"] + "\n")
    elif kind == "warning_entity":
        sys.stdout.write(entity["message"] + "\n")
    elif kind in {"assert_topic", "assert_schema"}:
        sys.stdout.write(_asserted(entity) + "\n")
    elif kind in _TABLES:
        _print_table(_TABLES[kind](entity), output)
    elif kind in {"sourceDescription", "source_descriptions"}:
        descriptions = entity.get("sourceDescriptions") or [entity["sourceDescription"]]
        for description in descriptions:
            _print_source(description, output)
    elif kind == "queryDescription":
        sys.stdout.write(entity["queryDescription"]["executionPlan"] + "\n")
    elif kind == "describe_function":
        signatures = "\n".join(f"  {f['signature']}" for f in entity["functions"])
        examples = "".join(f"  {example}\n" for example in entity.get("examples", ()))
        sys.stdout.write(f"{entity['name']} ({entity['type']})\n{entity['description']}\n{signatures}\n{examples}")
    else:
        sys.stdout.write(json.dumps(entity, ensure_ascii=False, indent=2) + "\n")


def _asserted(entity: dict[str, Any]) -> str:
    """Say what an ASSERT has found."""
    there = "there" if entity["exists"] else "gone"
    if entity["@type"] == "assert_topic":
        return message(f"sql.topic_{there}", name=entity["topicName"])
    named = [entity.get("subject"), entity.get("id")]
    return message(f"sql.schema_{there}", name=", ".join(str(each) for each in named if each is not None))


def _print_table(content: tuple[list[str], list[list[Any]]], output: str) -> None:
    columns, rows = content
    printer = make_printer(output, columns)
    for row in rows:
        printer.row(row)
    printer.close()


def _print_source(description: dict[str, Any], output: str) -> None:
    columns = ["Field", "Type"]
    rows = [[field["name"], _field_type(field, description["type"])] for field in description["fields"]]
    heading = message(
        "sql.source",
        type=description["type"],
        name=description["name"],
        topic=description["topic"],
        key=description["keyFormat"],
        value=description["valueFormat"],
    )
    windowed = description.get("windowType")
    sys.stdout.write(f"\n{heading}{message('sql.windowed', type=windowed) if windowed else ''}\n")
    _print_table((columns, rows), output)
    if description["extended"]:
        counts = {"partitions": description["partitions"], "replicas": description["replication"]}
        sys.stdout.write(message("sql.partitions", **counts) + "\n")
        for key, queries in (("sql.read_by", "readQueries"), ("sql.written_by", "writeQueries")):
            for query in description[queries]:
                shown = message(key, query=f"{query['id']} {_status(query)}: {query['queryString']}")
                sys.stdout.write(f"{shown}\n")


def _field_type(field: dict[str, Any], source: str) -> str:
    text = _type_text(field["schema"])
    if field.get("type") == "KEY":
        return f"{text} ({'primary key' if source == 'TABLE' else 'key'})"
    return f"{text} (headers)" if field.get("type") == "HEADER" else text


def _type_text(schema: dict[str, Any]) -> str:
    name, member = schema["type"], schema["memberSchema"]
    match name:
        case "DECIMAL":
            return f"DECIMAL({schema['parameters']['precision']}, {schema['parameters']['scale']})"
        case "ARRAY":
            return f"ARRAY<{_type_text(member)}>"
        case "MAP":
            key = schema.get("keySchema")
            return f"MAP<{_type_text(key) if key else 'STRING'}, {_type_text(member)}>"
        case "STRUCT":
            fields = (f"{field['name']} {_type_text(field['schema'])}" for field in schema["fields"])
            return f"STRUCT<{', '.join(fields)}>"
        case _:
            return name


def _sources(name: str) -> Any:
    columns = ["Name", "Topic", "Key format", "Value format", "Windowed"]
    fields = ("name", "topic", "keyFormat", "valueFormat", "isWindowed")
    return lambda entity: (columns, [[row[field] for field in fields] for row in entity[name]])


def time_text(timestamp_ms: int) -> str:
    """Return a time as people read it, UTC."""
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _status(query: dict[str, Any]) -> str:
    """Return how many workers have a query in which state, and how far a restore is.

    >>> restore = {"restoredRecords": 25, "recordsToRestore": 100, "secondsLeft": 30.4}
    >>> _status({"statusCount": {"RESTORING": 1, "RUNNING": 1}, "restore": restore})
    'RESTORING:1,RUNNING:1 (25 %, 30 s left)'
    """
    counts = ",".join(f"{state}:{count}" for state, count in query["statusCount"].items())
    restore = query.get("restore")
    if not restore:
        return counts
    progress = progress_text(restore["restoredRecords"], restore["recordsToRestore"], restore["secondsLeft"])
    return f"{counts} ({progress})"


_TABLES: dict[str, Any] = {
    "streams": _sources("streams"),
    "tables": _sources("tables"),
    "queries": lambda entity: (
        ["Query", "Type", "Status", "Sink", "Text"],
        [
            [q["id"], q["queryType"], _status(q),
             ",".join(q["sinks"]), " ".join(q["queryString"].split())]
            for q in entity["queries"]
        ],
    ),
    "kafka_topics": lambda entity: (
        ["Topic", "Partitions", "Replicas"],
        [[t["name"], len(t["replicaInfo"]), max(t["replicaInfo"], default=0)] for t in entity["topics"]],
    ),
    "function_names": lambda entity: (
        ["Function", "Type", "Category"],
        [[f["name"], f["type"], f["category"]] for f in entity["functions"]],
    ),
    "properties": lambda entity: (
        ["Property", "Value"], [[p["name"], p["value"]] for p in entity["properties"]],
    ),
    "type_list": lambda entity: (["Type", "Schema"], [[k, _type_text(v)] for k, v in entity["types"].items()]),
    "variables": lambda entity: (["Name", "Value"], [[v["name"], v["value"]] for v in entity["variables"]]),
}  # fmt: skip
_TABLES["kafka_topics_extended"] = _TABLES["kafka_topics"]
