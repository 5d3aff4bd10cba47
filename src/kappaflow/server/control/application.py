"""The HTTP application of the control process."""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from kappaflow.errors import KappaError
from kappaflow.server.control.errors import error_answer, generic_error
from kappaflow.server.control.routes.close_query import close_query
from kappaflow.server.control.routes.info import healthcheck, info, processes, root
from kappaflow.server.control.routes.inserts_stream import inserts_stream
from kappaflow.server.control.routes.ksql import ksql
from kappaflow.server.control.routes.pull import pull
from kappaflow.server.control.routes.query import query
from kappaflow.server.control.routes.query_stream import query_stream
from kappaflow.server.control.routes.requests import json_response
from kappaflow.server.control.state import ControlState
from kappaflow.server.control.web_access import ALLOWED_ORIGINS, WebAccess, allowed_origins
from kappaflow.server.registry.application import registry_application

logger = logging.getLogger(__name__)

REGISTRY_PATH = "/schema-registry"

ROUTES = (
    Route("/", root, methods=["GET"]),
    Route("/info", info, methods=["GET"]),
    Route("/healthcheck", healthcheck, methods=["GET"]),
    Route("/kappa/processes", processes, methods=["GET"]),
    Route("/kappa/pull", pull, methods=["POST"]),
    Route("/ksql", ksql, methods=["POST"]),
    Route("/query", query, methods=["POST"]),
    Route("/query-stream", query_stream, methods=["POST"]),
    Route("/inserts-stream", inserts_stream, methods=["POST"]),
    Route("/close-query", close_query, methods=["POST"]),
)


async def _known_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, KappaError)
    status, entity = error_answer(error)
    return json_response(entity, status)


async def _unknown_error(request: Request, error: Exception) -> Response:
    logger.exception("Request %s failed", request.url.path, exc_info=error)
    message = "The server failed to answer; its log has the details."
    return json_response(generic_error(50000, message), 500)


def make_application(state: ControlState) -> Starlette:
    """Return the application over `state`."""
    routes: list[BaseRoute] = list(ROUTES)
    if state.schemas is not None:
        routes.append(Mount(REGISTRY_PATH, registry_application(state.schemas)))
    application = Starlette(routes=routes, exception_handlers={KappaError: _known_error, Exception: _unknown_error})
    application.state.control = state
    origins = allowed_origins(state.config.properties.get(ALLOWED_ORIGINS, ""))
    application.add_middleware(WebAccess, host=state.config.host, allowed_origins=origins)
    return application
