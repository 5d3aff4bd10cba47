"""POST /query-stream: one SELECT or PRINT, answered in the format that Accept names."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from kappaflow.server.control.query_runner import is_short, parse_query, run_query
from kappaflow.server.control.routes.negotiation import chosen_type
from kappaflow.server.control.routes.requests import V1_JSON, body_of, opened_session, state_of, text_field
from kappaflow.server.control.routes.streaming import (
    DELIMITED,
    V1_PROTOBUF,
    ArrayRows,
    DelimitedRows,
    Format,
    PrintLines,
    ProtobufRows,
    RowObjects,
    short_answer,
    stream_answer,
)
from kappaflow.server.rows import PROTOBUF
from kappaflow.sql.ast.statements import Print

FORMS: dict[str, type[Format]] = {
    DELIMITED: DelimitedRows,
    "application/json": ArrayRows,
}
ROW_OBJECTS: dict[str, type[RowObjects]] = {V1_JSON: RowObjects, V1_PROTOBUF: ProtobufRows}


async def query_stream(request: Request) -> Response:
    """Run a query."""
    document = await body_of(request)
    session = await opened_session(state_of(request), document, "properties")
    parsed = parse_query(text_field(document, "sql"), session)
    is_print = isinstance(parsed.statement, Print)
    chosen = chosen_type(request, (DELIMITED,) if is_print else (*FORMS, *ROW_OBJECTS))
    state = state_of(request)
    short = is_short(state, parsed.statement)
    form: Format
    if is_print:
        form = PrintLines()
    elif chosen in ROW_OBJECTS:
        form = ROW_OBJECTS[chosen](live=not short)
    else:
        form = FORMS[chosen]()
    parts = run_query(state, parsed, session, PROTOBUF if chosen == V1_PROTOBUF else "")
    if short:
        return await short_answer(parts, form, parsed.text)
    return await stream_answer(parts, form, parsed.text, row_frames=request.scope.get("http_version") == "2")
