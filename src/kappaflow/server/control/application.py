"""The HTTP application of the control process."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from kappaflow.errors import KappaError
from kappaflow.server.configuration import WILDCARDS
from kappaflow.server.control.authentication import SKIPPED_PATHS, Authentication, Users, skipped_paths
from kappaflow.server.control.errors import error_answer, generic_error
from kappaflow.server.control.routes.close_query import close_query
from kappaflow.server.control.routes.cluster import (
    cluster_status,
    component_health,
    heartbeat,
    lag,
    metadata,
    metadata_id,
)
from kappaflow.server.control.routes.info import healthcheck, info, processes, root
from kappaflow.server.control.routes.inserts_stream import inserts_stream
from kappaflow.server.control.routes.ksql import ksql
from kappaflow.server.control.routes.pull import pull
from kappaflow.server.control.routes.query import query
from kappaflow.server.control.routes.query_stream import query_stream
from kappaflow.server.control.routes.requests import json_response
from kappaflow.server.control.routes.status import is_valid_property, status, statuses
from kappaflow.server.control.routes.terminate import terminate
from kappaflow.server.control.routes.ws_query import ws_query
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
    WebSocketRoute("/ws/query", ws_query),
    Route("/status", statuses, methods=["GET"]),
    Route("/status/{kind}/{entity:path}/{action}", status, methods=["GET"]),
    Route("/is_valid_property/{name}", is_valid_property, methods=["GET"]),
    Route("/clusterStatus", cluster_status, methods=["GET"]),
    Route("/heartbeat", heartbeat, methods=["POST"]),
    Route("/lag", lag, methods=["POST"]),
    Route("/v1/metadata", metadata, methods=["GET"]),
    Route("/v1/metadata/id", metadata_id, methods=["GET"]),
    Route("/chc/ready", component_health, methods=["GET"]),
    Route("/chc/live", component_health, methods=["GET"]),
    Route("/ksql/terminate", terminate, methods=["POST"]),
    Route("/close-query", close_query, methods=["POST"]),
)


async def _known_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, KappaError)
    status, entity = error_answer(error)
    return json_response(entity, status)


async def _http_error(_request: Request, error: Exception) -> Response:
    """Answer a wrong path or method."""
    assert isinstance(error, HTTPException)
    return json_response(generic_error(error.status_code * 100, error.detail), error.status_code)


async def _unknown_error(request: Request, error: Exception) -> Response:
    logger.exception("Request %s failed", request.url.path, exc_info=error)
    message = "The server failed to answer; its log has the details."
    return json_response(generic_error(50000, message), 500)


def make_application(state: ControlState) -> Starlette:
    """Return the application over `state`."""
    routes: list[BaseRoute] = list(ROUTES)
    if state.schemas is not None:
        routes.append(Mount(REGISTRY_PATH, registry_application(state.schemas)))
    handlers: dict[Any, Any] = {
        KappaError: _known_error,
        HTTPException: _http_error,
        Exception: _unknown_error,
    }
    application = Starlette(routes=routes, exception_handlers=handlers)
    application.state.control = state
    origins = allowed_origins(state.config.properties.get(ALLOWED_ORIGINS, ""))
    config = state.config
    if config.users_file:
        users = Users(Path(config.users_file), config.internal_token)
        skipped = skipped_paths(config.properties.get(SKIPPED_PATHS, ""))
        application.add_middleware(Authentication, users=users, skipped=skipped)
    # With a password of the user's own, pages that made this address theirs gain nothing.
    hosts = "*" if config.users_file and config.listen_host in WILDCARDS else config.listen_host
    application.add_middleware(WebAccess, host=hosts, allowed_origins=origins)
    return application
