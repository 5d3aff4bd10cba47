"""The servers of the service: GET /clusterStatus, POST /heartbeat, POST /lag, GET /v1/metadata, GET /chc."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kappaflow.errors import UsageError
from kappaflow.server.control.routes.info import SERVER_VERSION
from kappaflow.server.control.routes.requests import body_of, json_response, map_field, state_of
from kappaflow.server.control.state import ControlState

Entry = dict[str, Any]


async def cluster_status(request: Request) -> Response:
    """Answer which servers there are and what each of them runs."""
    state = state_of(request)
    await state.refresh_status()
    await state.refresh_peers()
    hosts = state.heartbeats.hosts()
    hosts[_host_of(state.config.advertised_url(0))] = _entry(state.worker_status)
    for url, workers in state.peer_status.items():
        hosts[_host_of(url)] = _entry(workers)
    return json_response({"clusterStatus": hosts})


def _host_of(url: str) -> str:
    return url.partition("://")[2] or url


def _entry(workers: list[dict[str, Any]]) -> Entry:
    queries: dict[str, Entry] = {}
    for worker in workers:
        for query_id, figures in worker.get("queries", {}).items():
            known = queries.setdefault(
                query_id,
                {"activeStores": [], "activePartitions": [], "standByStores": [], "standByPartitions": []},
            )
            stores, partitions = figures.get("stores", []), figures.get("partitions", [])
            known["activeStores"] += [name for name in stores if name not in known["activeStores"]]
            known["activePartitions"] += [{"topic": topic, "partition": number} for topic, number in partitions]
    now = time.time_ns() // 1_000_000
    return {
        "hostAlive": any(worker.get("state") == "RUNNING" for worker in workers),
        "lastStatusUpdateMs": now,
        "activeStandbyPerQuery": queries,
        "hostStoreLags": {"stateStoreLags": {}, "updateTimeMs": now},
    }


async def heartbeat(request: Request) -> Response:
    """Take a server's word that it is alive."""
    document = await body_of(request)
    state_of(request).heartbeats.beat(_host_field(document, "hostInfo"))
    return json_response({"ok": True})


async def lag(request: Request) -> Response:
    """Take a server's word on how far its stores are."""
    document = await body_of(request)
    state_of(request).heartbeats.report(_host_field(document, "ksqlHost"), map_field(document, "hostStoreLags"))
    return json_response({"ok": True})


def _host_field(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, dict) or not isinstance(value.get("host"), str) or not isinstance(value.get("port"), int):
        raise UsageError(f"The field '{name}' must be an object with a host and a port.")
    return f"{value['host']}:{value['port']}"


def _cluster_id(state: ControlState) -> Entry:
    clusters = {"kafka-cluster": state.cluster_id, "ksql-cluster": state.config.service_id}
    return {"scope": {"path": [], "clusters": clusters}, "id": ""}


async def metadata(request: Request) -> Response:
    """Answer version and cluster."""
    return json_response({"version": SERVER_VERSION, "clusterId": _cluster_id(state_of(request))})


async def metadata_id(request: Request) -> Response:
    """Answer the cluster."""
    return json_response(_cluster_id(state_of(request)))


async def component_health(_request: Request) -> Response:
    """Answer that the server is there."""
    return json_response({})
