"""Run SELECT and PRINT in the workers and hand their rows on.

SELECT on a table   pull   the shares of all workers of all servers, put together
SELECT on a stream  scan   what its topic holds now, read by one worker, then the end
SELECT .. EMIT      push   followed by one worker until it ends or the client goes away
PRINT               push
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from kappaflow.errors import ServerError, StatementError
from kappaflow.server.control.pull_shares import all_rows
from kappaflow.server.control.state import ControlState, RunningQuery
from kappaflow.server.control.statements.session import Session
from kappaflow.server.control.transient_ids import source_of, transient_id
from kappaflow.sql.ast import statements as s
from kappaflow.sql.grammar.parser import ParsedStatement, parse
from kappaflow.sql.grammar.shape import shape_of
from kappaflow.sql.grammar.variables import substitute

SHAPES_MAX = 2048
PUSH_QUERIES_MAX = "ksql.max.push.queries"


@dataclass(frozen=True, slots=True)
class Header:
    """What comes before the rows.

    Attributes:
        schema: as text; empty for PRINT.
        names, types: of the result columns.
        proto: the ``.proto`` file of the rows, where they are asked for as Protobuf.
    """

    query_id: str
    schema: str
    names: list[str]
    types: list[str]
    proto: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as JSON texts; `tombstones` are deletions of a table's rows.

    Attributes:
        rendered: the bytes of these rows by format; queries that share rows share them.
    """

    rows: list[str]
    tombstones: bool = False
    rendered: dict[str, bytes] = field(default_factory=dict[str, bytes])


@dataclass(frozen=True, slots=True)
class End:
    """Why the query ended, for the user; empty for a pull query."""

    message: str


Part = Header | Rows | End


@dataclass(slots=True)
class _Shape:
    """What all texts of one shape have in common: the statement, and how much stands before and behind it."""

    statement: s.Statement
    before: int
    behind: int


@dataclass(slots=True)
class _Shapes:
    """Pull queries seen so far, by shape: a look-up with another key is not parsed again."""

    known: dict[str, _Shape] = field(default_factory=dict[str, _Shape])

    def find(self, text: str) -> ParsedStatement | None:
        shape = self.known.get(shape_of(text)[0])
        if shape is None:
            return None
        return ParsedStatement(text[shape.before : len(text) - shape.behind], shape.statement)

    def keep(self, text: str, parsed: ParsedStatement) -> None:
        before = text.find(parsed.text)
        if before < 0 or not isinstance(parsed.statement, s.Query) or parsed.statement.emit is not None:
            return
        if len(self.known) >= SHAPES_MAX:
            self.known.clear()
        self.known[shape_of(text)[0]] = _Shape(parsed.statement, before, len(text) - before - len(parsed.text))


_shapes = _Shapes()


@functools.lru_cache(maxsize=1024)
def _parse_cached(text: str) -> tuple[ParsedStatement, ...]:
    return tuple(parse(text))


def parse_query(text: str, session: Session) -> ParsedStatement:
    """Parse the one statement of a query request.

    Raises:
        StatementError: none, several, or not a query.
    """
    text = substitute(text, session.variables) if "${" in text else text
    if (known := _shapes.find(text)) is not None:
        return known
    statements = _parse_cached(text)
    if len(statements) != 1:
        raise StatementError(f"Expected exactly one KSQL statement; found {len(statements)} instead", text)
    if not isinstance(statements[0].statement, s.Query | s.Print):
        raise StatementError("Only SELECT and PRINT can be run here. Send other statements to POST /ksql.", text)
    _shapes.keep(text, statements[0])
    return statements[0]


def is_short(state: ControlState, statement: s.Statement) -> bool:
    """Tell whether the answer is complete at once: a pull query on a table."""
    return isinstance(statement, s.Query) and statement.emit is None and not _reads_stream(state, statement)


def run_query(state: ControlState, parsed: ParsedStatement, session: Session, rows_as: str = "") -> AsyncIterator[Part]:
    """Return the parts of the answer; the first is always a header.

    Args:
        rows_as: how rows are written: JSON, or `kappaflow.server.rows.PROTOBUF`.
    """
    statement = parsed.statement
    arguments = {
        "statement": parsed.text,
        "properties": session.properties,
        "after_offset": state.commands.next_offset,
        "rows_as": rows_as,
    }
    if is_short(state, statement):
        return _pull(state, arguments)
    op = "scan" if isinstance(statement, s.Query) and statement.emit is None else "push"
    return _follow(state, parsed, transient_id(state, statement, session), op, arguments)


def _reads_stream(state: ControlState, query: s.Query) -> bool:
    source = source_of(state, query)
    return source is not None and not source.is_table


async def _pull(state: ControlState, arguments: dict[str, Any]) -> AsyncIterator[Part]:
    answer = await all_rows(state.workers, state.peers, arguments)
    yield Header(
        f"query_{state.next_number()}", answer["schema"], answer["names"], answer["types"], answer.get("proto", "")
    )
    rows, limit = answer["rows"], answer["limit"]
    yield Rows(rows if limit is None else rows[:limit])
    yield End("")


async def _follow(
    state: ControlState, parsed: ParsedStatement, query_id: str, op: str, arguments: dict[str, Any]
) -> AsyncIterator[Part]:
    _check_room(state, parsed.text)
    running = RunningQuery(query_id, parsed.text)
    state.running[query_id] = running
    try:
        worker = state.workers[state.next_number() % len(state.workers)]
        stream = await worker.stream(op, query_id=query_id, **arguments)
        running.end = lambda: stream.end_with({"end": "Query terminated"})
        try:
            while (part := await stream.next()) is not None:
                yield _part(query_id, part)
        finally:
            stream.close()
    finally:
        state.running.pop(query_id, None)


def _check_room(state: ControlState, text: str) -> None:
    most = int(state.engine.config.get(PUSH_QUERIES_MAX, "100"))
    if len(state.running) >= most:
        raise ServerError(
            f"Not executing statement(s) '{text}' as it would cause the number of active, push queries to "
            f"exceed the configured limit. Use the TERMINATE command or close clients to make room, or raise "
            f"{PUSH_QUERIES_MAX} (now {most}).",
            400,
            40003,
        )


def _part(query_id: str, part: dict[str, Any]) -> Part:
    if "header" in part:
        header = part["header"]
        return Header(query_id, header["schema"], header["names"], header["types"], header.get("proto", ""))
    if "end" in part:
        return End(part["end"])
    if "shared" not in part:
        part["shared"] = Rows(part["rows"], part.get("tombstones", False))
    return part["shared"]
