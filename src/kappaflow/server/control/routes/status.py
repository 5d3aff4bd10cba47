"""GET /status: what became of statements; GET /is_valid_property: may a property be overridden."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from kappaflow.errors import ServerError
from kappaflow.server.control.property_rules import check_override
from kappaflow.server.control.routes.requests import json_response, state_of

NOT_FOUND = 40400


async def statuses(request: Request) -> Response:
    """Answer what became of all statements that changed something."""
    return json_response({"commandStatuses": state_of(request).statuses.all()})


async def status(request: Request) -> Response:
    """Answer what became of one statement."""
    parts = (request.path_params[name] for name in ("kind", "entity", "action"))
    wanted = "/".join(parts)
    found = state_of(request).statuses.find(wanted)
    if found is None:
        raise ServerError(f"Command not found: {wanted}", 404, NOT_FOUND)
    return json_response(found)


async def is_valid_property(request: Request) -> Response:
    """Answer whether requests may override a property."""
    check_override(request.path_params["name"], state_of(request).engine.config)
    return json_response(True)
