"""POST /kappa/pull: this server's share of a pull query, for the other servers of the service."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from kappaflow.errors import UsageError
from kappaflow.server.control.pull_shares import own_share
from kappaflow.server.control.routes.requests import body_of, json_response, map_field, state_of, text_field


async def pull(request: Request) -> Response:
    """Answer with the rows in the state of this server's workers."""
    document = await body_of(request)
    offset = document.get("after_offset", 0)
    if not isinstance(offset, int):
        raise UsageError("The field 'after_offset' must be a whole number.")
    arguments = {
        "statement": text_field(document, "statement"),
        "properties": map_field(document, "properties"),
        "after_offset": offset,
        "rows_as": str(document.get("rows_as", "")),
    }
    return json_response(await own_share(state_of(request).workers, arguments))
