"""Run SELECT and PRINT in the workers and hand their rows on."""

from __future__ import annotations

import asyncio
import functools
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from kappaflow.errors import ServerError, StatementError
from kappaflow.server.control.state import ControlState, RunningQuery
from kappaflow.server.control.statements.session import Session
from kappaflow.server.rpc import RpcClient
from kappaflow.sql.ast import statements as s
from kappaflow.sql.grammar.parser import ParsedStatement, parse

PULL_WAIT_SECONDS = 10.0
PULL_PAUSE_SECONDS = 0.05
UNAVAILABLE = 503
PUSH_QUERIES_MAX = "ksql.max.push.queries"


@dataclass(frozen=True, slots=True)
class Header:
    """What comes before the rows.

    Attributes:
        schema: as text; empty for PRINT.
        names, types: of the result columns.
    """

    query_id: str
    schema: str
    names: list[str]
    types: list[str]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as JSON texts; `tombstones` are deletions of a table's rows."""

    rows: list[str]
    tombstones: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """Why the query ended, for the user; empty for a pull query."""

    message: str


Part = Header | Rows | End


@functools.lru_cache(maxsize=4096)
def _parse_cached(text: str, variables: tuple[tuple[str, str], ...]) -> tuple[ParsedStatement, ...]:
    return tuple(parse(text, dict(variables)))


def parse_query(text: str, session: Session) -> ParsedStatement:
    """Parse the one statement of a query request.

    Raises:
        StatementError: none, several, or not a query.
    """
    statements = _parse_cached(text, tuple(sorted(session.variables.items())))
    if len(statements) != 1:
        raise StatementError(f"Expected exactly one KSQL statement; found {len(statements)} instead", text)
    if not isinstance(statements[0].statement, s.Query | s.Print):
        raise StatementError("Only SELECT and PRINT can be run here. Send other statements to POST /ksql.", text)
    return statements[0]


def run_query(state: ControlState, parsed: ParsedStatement, session: Session) -> AsyncIterator[Part]:
    """Return the parts of the answer; the first is always a header."""
    statement = parsed.statement
    if isinstance(statement, s.Query) and statement.emit is None:
        return _pull(state, parsed, session)
    return _push(state, parsed, session)


def _arguments(state: ControlState, parsed: ParsedStatement, session: Session) -> dict[str, Any]:
    return {
        "statement": parsed.text,
        "properties": session.properties,
        "after_offset": state.commands.next_offset,
    }


async def _pull(state: ControlState, parsed: ParsedStatement, session: Session) -> AsyncIterator[Part]:
    arguments = _arguments(state, parsed, session)
    if len(state.workers) == 1:
        answers = [await _ask(state.workers[0], arguments)]
    else:
        answers = list(await asyncio.gather(*(_ask(worker, arguments) for worker in state.workers)))
    first = answers[0]
    yield Header(f"query_{state.next_number()}", first["schema"], first["names"], first["types"])
    rows = [row for answer in answers for row in answer["rows"]]
    limit = first["limit"]
    yield Rows(rows if limit is None else rows[:limit])
    yield End("Limit Reached" if limit is not None and len(rows) >= limit else "")


async def _ask(worker: RpcClient, arguments: dict[str, Any]) -> dict[str, Any]:
    """Ask a worker for its share, and again while its query starts, rebalances or comes back from a restart."""
    deadline = time.monotonic() + PULL_WAIT_SECONDS
    while True:
        try:
            return await worker.call("pull", **arguments)
        except ServerError as error:
            if error.status != UNAVAILABLE or time.monotonic() > deadline:
                raise
        await asyncio.sleep(PULL_PAUSE_SECONDS)


async def _push(state: ControlState, parsed: ParsedStatement, session: Session) -> AsyncIterator[Part]:
    most = int(state.engine.config.get(PUSH_QUERIES_MAX, "100"))
    if len(state.running) >= most:
        raise ServerError(
            f"Not executing statement(s) '{parsed.text}' as it would cause the number of active, push queries to "
            f"exceed the configured limit. Use the TERMINATE command or close clients to make room, or raise "
            f"{PUSH_QUERIES_MAX} (now {most}).",
            400,
            40003,
        )
    query_id = f"transient_{secrets.randbelow(10**18)}"
    running = RunningQuery(query_id, parsed.text)
    state.running[query_id] = running
    worker = state.workers[state.next_number() % len(state.workers)]
    parts = worker.stream("push", query_id=query_id, **_arguments(state, parsed, session))
    cancelled = asyncio.ensure_future(running.cancelled.wait())
    following: asyncio.Future[Any] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(parts, None))
            await asyncio.wait({following, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                yield End("Query terminated")
                return
            part = following.result()
            if part is None:
                return
            yield _part(query_id, part)
    finally:
        state.running.pop(query_id, None)
        cancelled.cancel()
        if following is not None and not following.done():
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        await parts.aclose()


def _part(query_id: str, part: dict[str, Any]) -> Part:
    if "header" in part:
        header = part["header"]
        return Header(query_id, header["schema"], header["names"], header["types"])
    if "end" in part:
        return End(part["end"])
    return Rows(part["rows"], part.get("tombstones", False))
