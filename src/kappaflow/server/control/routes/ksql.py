"""POST /ksql: all statements but SELECT and PRINT."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kappaflow.server.control.routes.requests import body_of, json_response, opened_session, state_of, text_field
from kappaflow.server.control.statements.execute import execute_request


async def ksql(request: Request) -> Response:
    """Execute statements and answer with one entity each."""
    document = await body_of(request)
    session = await opened_session(state_of(request), document, "streamsProperties")
    text = text_field(document, "ksql")
    status, answer = await run_in_threadpool(execute_request, state_of(request), text, session)
    return json_response(answer, status)
