"""Put the answer to a pull query together from the shares of all workers of all servers.

own workers ──▶ generation of the query's group ──▶ other servers that hold tasks ──▶ their shares ──▶ all rows

Shares of one generation are disjoint.  They are all where each server answers from the tasks that the group says it
has: one that has not heard of a new assignment, or has given its tasks back, is asked again.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from kappaflow.errors import ServerError
from kappaflow.server.control.peers import STATE_NOT_READY, THIS_SERVER, UNAVAILABLE, Peers
from kappaflow.server.rpc import RpcClient

PULL_WAIT_SECONDS = 10.0
PULL_PAUSE_SECONDS = 0.05
Share = dict[str, Any]


async def all_rows(workers: list[RpcClient], peers: Peers, arguments: dict[str, Any]) -> Share:
    """Return the rows of all servers, and again where they speak of different assignments of the partitions.

    Raises:
        ServerError: they did not agree in time, or one of them does not answer.
    """
    deadline = time.monotonic() + PULL_WAIT_SECONDS
    while True:
        own = await own_share(workers, arguments, deadline)
        if _is_whole(own):
            return own
        try:
            return await _with_others(own, peers, arguments)
        except ServerError as error:
            peers.forget(own["query_id"])
            if error.status != UNAVAILABLE or time.monotonic() > deadline:
                raise
        await asyncio.sleep(PULL_PAUSE_SECONDS)


def _is_whole(share: Share) -> bool:
    """Whether no other server can add rows: all keys are found, or as many rows as are asked for."""
    count, keys, limit = len(share["rows"]), share["keys"], share["limit"]
    return (keys is not None and count >= keys) or (limit is not None and count >= limit)


async def _with_others(own: Share, peers: Peers, arguments: dict[str, Any]) -> Share:
    holders = await peers.holding(own["query_id"], own["generation"])
    shares = [_checked(own, holders[THIS_SERVER])]
    missing: list[ServerError] = []
    urls = sorted(holders.keys() - {THIS_SERVER})
    if not urls:
        return own
    answers = await asyncio.gather(*(peers.ask(url, arguments) for url in urls), return_exceptions=True)
    for url, answer in zip(urls, answers, strict=True):
        if isinstance(answer, ServerError):
            missing.append(answer)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            shares.append(_checked(answer, holders[url]))
    merged = _merged(shares)
    if missing and not _is_whole(merged):
        raise missing[0]
    return merged


async def own_share(workers: list[RpcClient], arguments: dict[str, Any], deadline: float | None = None) -> Share:
    """Return the rows of this server's workers, and again where they speak of different assignments.

    Raises:
        ServerError: they did not agree in time.
    """
    deadline = deadline or time.monotonic() + PULL_WAIT_SECONDS
    while True:
        if len(workers) == 1:
            return await _ask(workers[0], arguments, deadline)
        shares = list(await asyncio.gather(*(_ask(worker, arguments, deadline) for worker in workers)))
        try:
            return _merged(shares)
        except ServerError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(PULL_PAUSE_SECONDS)


def _checked(share: Share, tasks: set[str]) -> Share:
    if set(share["tasks"]) != tasks:
        raise ServerError("The query is rebalancing; try again in a moment.", UNAVAILABLE, STATE_NOT_READY)
    return share


def _merged(shares: list[Share]) -> Share:
    if len({share["generation"] for share in shares}) > 1:
        raise ServerError("The query is rebalancing; try again in a moment.", UNAVAILABLE, STATE_NOT_READY)
    rows, tasks = ([item for share in shares for item in share[name]] for name in ("rows", "tasks"))
    return {**shares[0], "rows": rows, "tasks": tasks}


async def _ask(worker: RpcClient, arguments: dict[str, Any], deadline: float) -> Share:
    """Ask a worker for its share, and again while its query starts, rebalances or comes back from a restart."""
    while True:
        try:
            return await worker.call("pull", **arguments)
        except ServerError as error:
            if error.status != UNAVAILABLE or time.monotonic() > deadline:
                raise
        await asyncio.sleep(PULL_PAUSE_SECONDS)
