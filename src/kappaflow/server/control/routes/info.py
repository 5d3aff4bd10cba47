"""GET /info, GET /healthcheck and GET /status of the whole process tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from kappaflow.errors import KappaError
from kappaflow.server.control.command_topic import CommandLog
from kappaflow.server.control.routes.requests import json_response, state_of
from kappaflow.server.control.state import ControlState

SKIPPED_SHOWN = 10
SERVER_VERSION = "8.5.0"  # the ksqlDB version whose interface this server speaks


async def info(request: Request) -> Response:
    """Answer who this server is."""
    state = state_of(request)
    answer = {
        "version": SERVER_VERSION,
        "kafkaClusterId": state.cluster_id,
        "ksqlServiceId": state.config.service_id,
        "serverStatus": "RUNNING",
    }
    return json_response({"KsqlServerInfo": answer})


async def root(_request: Request) -> Response:
    """Send to /info."""
    return RedirectResponse("/info", 307)


async def healthcheck(request: Request) -> Response:
    """Answer whether metadata, Kafka and the command topic work."""
    state = state_of(request)
    kafka = await run_in_threadpool(_kafka_answers, state)
    details = {
        "metastore": {"isHealthy": True},
        "kafka": {"isHealthy": kafka},
        "commandRunner": _command_runner(state.commands),
    }
    healthy = all(part["isHealthy"] for part in details.values())
    answer = {"isHealthy": healthy, "details": details, "serverState": "READY"}
    return json_response(answer, 200 if healthy else 503)


def _command_runner(commands: CommandLog) -> dict[str, Any]:
    found: dict[str, Any] = {"isHealthy": commands.failure is None}
    if commands.failure is not None:
        found["message"] = f"No statements are taken: {commands.failure}"
    if commands.skipped:
        found["skippedRecords"] = commands.skipped[-SKIPPED_SHOWN:]
    return found


def _kafka_answers(state: ControlState) -> bool:
    try:
        state.admin.list_topics()
    except KappaError:
        return False
    return True


async def processes(request: Request) -> Response:
    """Answer the states of the processes and the live figures of the queries, for `kappa top`.

    With ``servers=all`` those of the queries on the other servers of the service, too.
    """
    state = state_of(request)
    children: list[Any] = []
    path = Path(state.config.status_file)
    if path.exists():
        children = msgspec.json.decode(path.read_bytes())
    await state.refresh_status()
    everywhere = request.query_params.get("servers") == "all"
    if everywhere:
        await state.refresh_peers()
    others = [{"url": url, "workers": workers} for url, workers in sorted(state.peer_status.items())]
    push = [{"id": running.id, "statement": running.statement} for running in state.running.values()]
    return json_response(
        {
            "bootstrapServers": state.config.bootstrap_servers,
            "processes": children,
            "workers": state.worker_status,
            "pushQueries": push,
            **({"otherServers": others} if everywhere else {}),
        }
    )
