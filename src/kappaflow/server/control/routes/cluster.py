"""The servers of the service: GET /clusterStatus, POST /heartbeat, POST /lag, GET /v1/metadata, GET /chc."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from kappaflow.client.admin import LATEST
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError, UsageError
from kappaflow.server.control.routes.info import SERVER_VERSION
from kappaflow.server.control.routes.requests import body_of, json_response, map_field, state_of
from kappaflow.server.control.state import ControlState
from kappaflow.sql.queries import application_id_of

logger = logging.getLogger(__name__)
Entry = dict[str, Any]
Ends = dict[TopicPartition, int]


async def cluster_status(request: Request) -> Response:
    """Answer which servers there are and what each of them runs."""
    state = state_of(request)
    await state.refresh_status()
    await state.refresh_peers()
    hosts = state.heartbeats.hosts()
    ends = await asyncio.to_thread(_ends, state, state.all_status)
    hosts[_host_of(state.config.advertised_url(0))] = _entry(state, state.worker_status, ends)
    for url, workers in state.peer_status.items():
        hosts[_host_of(url)] = _entry(state, workers, ends)
    return json_response({"clusterStatus": hosts})


def _ends(state: ControlState, workers: list[dict[str, Any]]) -> Ends:
    """Return where the changelogs of all stores end now; none where the brokers do not tell."""
    wanted = {TopicPartition(topic, number): LATEST for _, _, topic, number, _ in _positions(workers)}
    try:
        return {p: row.offset for p, row in state.admin.list_offsets(wanted).items()} if wanted else {}
    except KappaError as error:
        logger.info("How far stores are behind is not known: %s", error)
        return {}


def _positions(workers: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, int, int]]:
    """Yield query, store, changelog topic, partition and offset of each part of a store."""
    for worker in workers:
        for query_id, figures in worker.get("queries", {}).items():
            for store, topic, number, offset in figures.get("changelogs", []):
                yield query_id, store, topic, number, offset


def _store_lags(state: ControlState, workers: list[dict[str, Any]], ends: Ends) -> dict[str, Entry]:
    lags: dict[str, Entry] = {}
    for query_id, store, topic, number, offset in _positions(workers):
        end = ends.get(TopicPartition(topic, number))
        if end is None:
            continue
        name = f"{application_id_of(state.config.service_id, query_id)}#{store}"
        known = lags.setdefault(name, {"lagByPartition": {}, "size": 0})
        known["lagByPartition"][str(number)] = {
            "currentOffsetPosition": offset,
            "endOffsetPosition": end,
            "offsetLag": max(0, end - offset),
        }
        known["size"] = len(known["lagByPartition"])
    return lags


def _host_of(url: str) -> str:
    return url.partition("://")[2] or url


def _entry(state: ControlState, workers: list[dict[str, Any]], ends: Ends) -> Entry:
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
        "hostStoreLags": {"stateStoreLags": _store_lags(state, workers, ends), "updateTimeMs": now},
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
