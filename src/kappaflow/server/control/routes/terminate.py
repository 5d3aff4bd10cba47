"""POST /ksql/terminate: end all queries and drop everything that the service has."""

from __future__ import annotations

import re
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kappaflow.client.admin import Admin
from kappaflow.errors import BrokerError, UsageError
from kappaflow.server.control.entities import current_status
from kappaflow.server.control.errors import Entity
from kappaflow.server.control.routes.requests import body_of, json_response, state_of
from kappaflow.server.control.state import ControlState
from kappaflow.server.control.statements.execute import execute_request
from kappaflow.server.control.statements.session import Session
from kappaflow.sql.ast.formatter import format_name
from kappaflow.sql.metastore import DataSource

STATEMENT = "TERMINATE CLUSTER;"


async def terminate(request: Request) -> Response:
    """Terminate; topics of dropped streams and tables whose names are listed are deleted, too."""
    document = await body_of(request) if request.headers.get("content-length", "") != "0" else {}
    patterns = _patterns(document)
    status, answer = await run_in_threadpool(_terminate, state_of(request), patterns)
    return json_response(answer, status)


def _patterns(document: dict[str, Any]) -> list[re.Pattern[str]]:
    listed: Any = document.get("deleteTopicList") or []
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise UsageError("The field 'deleteTopicList' must be a list of names and patterns of topics.")
    try:
        return [re.compile(each) for each in listed]
    except re.error as error:
        raise UsageError(f"The field 'deleteTopicList' holds an invalid pattern: {error}") from None


def _terminate(state: ControlState, patterns: list[re.Pattern[str]]) -> tuple[int, Any]:
    with state.commands.lock:
        queries = [query.id for query in state.engine.metastore.queries.values() if query.sink is not None]
        sources = list(state.engine.metastore.sources.values())
    for query_id in queries:
        status, answer = execute_request(state, f"TERMINATE {query_id};", Session())
        if status != 200:
            return status, answer
    for source in reversed(sources):  # what was made from others goes before them
        status, answer = execute_request(state, f"DROP {source.kind.value} {format_name(source.name)};", Session())
        if status != 200:
            return status, answer
    _delete_topics(state.admin, sources, patterns)
    entity: Entity = current_status(
        STATEMENT, ("cluster", "TerminateCluster", "terminate"), "Cluster terminated.", state.commands.next_offset, None
    )
    return 200, [entity]


def _delete_topics(admin: Admin, sources: list[DataSource], patterns: list[re.Pattern[str]]) -> None:
    names = {source.topic for source in sources if not source.is_read_only}
    for name in sorted(names):
        if any(pattern.fullmatch(name) for pattern in patterns):
            try:
                admin.delete_topics([name])
            except BrokerError as error:
                if error.name != "UNKNOWN_TOPIC_OR_PARTITION":
                    raise
