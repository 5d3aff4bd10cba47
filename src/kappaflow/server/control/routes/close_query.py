"""POST /close-query: end a running push query."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from kappaflow.errors import UsageError
from kappaflow.server.control.routes.requests import body_of, state_of, text_field


async def close_query(request: Request) -> Response:
    """End the push query with the given id."""
    query_id = text_field(await body_of(request), "queryId")
    running = state_of(request).running.get(query_id)
    if running is None:
        raise UsageError(f"No query with id {query_id}")
    running.end()
    return Response(status_code=200)
