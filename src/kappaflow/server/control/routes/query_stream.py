"""POST /query-stream: one SELECT or PRINT, answered in the format that Accept names."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from kappaflow.server.control.query_runner import is_short, parse_query, run_query
from kappaflow.server.control.routes.requests import V1_JSON, body_of, map_field, state_of, text_field
from kappaflow.server.control.routes.streaming import (
    ArrayRows,
    DelimitedRows,
    Format,
    PrintLines,
    RowObjects,
    short_answer,
    stream_answer,
)
from kappaflow.server.control.statements.session import Session
from kappaflow.sql.ast.statements import Print


async def query_stream(request: Request) -> Response:
    """Run a query."""
    document = await body_of(request)
    session = Session.of(map_field(document, "properties"), map_field(document, "sessionVariables"))
    parsed = parse_query(text_field(document, "sql"), session)
    accept = request.headers.get("accept", "")
    form: Format
    if isinstance(parsed.statement, Print):
        form = PrintLines()
    elif V1_JSON in accept:
        form = RowObjects()
    elif "application/json" in accept:
        form = ArrayRows()
    else:
        form = DelimitedRows()
    state = state_of(request)
    answer = short_answer if is_short(state, parsed.statement) else stream_answer
    return await answer(run_query(state, parsed, session), form, parsed.text)
