"""POST /query: one SELECT or PRINT, answered as a stream of row objects."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from kappaflow.server.control.query_runner import is_short, parse_query, run_query
from kappaflow.server.control.routes.negotiation import chosen_type
from kappaflow.server.control.routes.requests import V1_JSON, body_of, opened_session, state_of, text_field
from kappaflow.server.control.routes.streaming import PrintLines, RowObjects, short_answer, stream_answer
from kappaflow.sql.ast.statements import Print


async def query(request: Request) -> Response:
    """Run a query."""
    document = await body_of(request)
    media_type = chosen_type(request, (V1_JSON, "application/json"))
    session = await opened_session(state_of(request), document, "streamsProperties")
    text = text_field(document, "ksql")
    parsed = parse_query(text, session)
    state = state_of(request)
    short = is_short(state, parsed.statement)
    form = PrintLines() if isinstance(parsed.statement, Print) else RowObjects(live=not short)
    if isinstance(form, RowObjects):
        form.media_type = media_type
    answer = short_answer if short else stream_answer
    return await answer(run_query(state, parsed, session), form, parsed.text)
