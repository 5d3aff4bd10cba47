"""The other servers of the service: where they are, their shares of pull queries, and how their workers are.

Every worker tells the group of a query the URL of its server when it joins.  The broker's description of the group
thus names all servers that hold rows of the query, and forgets a server as soon as the group does.  All servers run
all queries, so that the group of any of them names every server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kappaflow.client.admin import Admin
from kappaflow.client.groups import describe_group
from kappaflow.errors import KappaError, ServerError
from kappaflow.server.configuration import ADVERTISED_LISTENER, ServerConfig
from kappaflow.sql.queries import application_id_of
from kappaflow.streams.execution.task_assignor import decode_member, decode_tasks

if TYPE_CHECKING:
    import httpx

UNAVAILABLE = 503
STATE_NOT_READY = 50302
ANSWER_SECONDS = 30.0
CONNECT_SECONDS = 2.0
STATUS_SECONDS = 3.0
OTHERS_SECONDS = 5.0
GROUPS_TRIED_MAX = 3
QUERIES_MAX = 1024
UNRESPONSIVE = "UNRESPONSIVE"
THIS_SERVER = ""
Holders = dict[str, set[str]]


class Peers:
    """Finds the other servers and asks them."""

    def __init__(self, config: ServerConfig, admin: Admin) -> None:
        self._config = config
        self._admin = admin
        self._known: dict[str, tuple[int, Holders]] = {}
        self._http: httpx.AsyncClient | None = None
        self._others: tuple[float, set[str]] = (-OTHERS_SECONDS, set())

    async def holding(self, query_id: str, generation: int) -> Holders:
        """Return the tasks of a query by the URL of the server that has them, ours at `THIS_SERVER`.

        Args:
            generation: of the query's group, by which this server's workers have their tasks.

        Raises:
            ServerError: the group is rebalancing, or a server has not told where it is.
        """
        known = self._known.get(query_id)
        if known is None or known[0] != generation:
            known = (generation, await asyncio.to_thread(self._describe, query_id))
            if len(self._known) >= QUERIES_MAX:
                self._known.clear()
            self._known[query_id] = known
        return known[1]

    def forget(self, query_id: str) -> None:
        """Look anew where the servers are: one was not where it was."""
        self._known.pop(query_id, None)

    def _describe(self, query_id: str) -> Holders:
        group = describe_group(self._admin.connection, application_id_of(self._config.service_id, query_id))
        if group.state != "Stable":
            raise ServerError("The query is rebalancing; try again in a moment.", UNAVAILABLE, STATE_NOT_READY)
        found: Holders = {THIS_SERVER: set()}
        for member in group.members:
            tasks = {str(task) for task in decode_tasks(member.assignment)}
            is_ours = self._is_ours(member.group_instance_id)
            url = THIS_SERVER if is_ours else decode_member(member.metadata).application_server
            if tasks and not (is_ours or url):
                raise ServerError(
                    f"Some rows of the query are on a server at {member.client_host} that has not told its URL. Set "
                    f"{ADVERTISED_LISTENER} there.",
                    UNAVAILABLE,
                    STATE_NOT_READY,
                )
            if tasks:
                found.setdefault(url, set()).update(tasks)
        return found

    async def statuses(self, query_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Return what the workers of the other servers say of themselves, by the URL of their server.

        Args:
            query_ids: the queries of the service; the groups of some of them are looked at.
        """
        at, others = self._others
        if time.monotonic() - at >= OTHERS_SECONDS:
            found = await asyncio.to_thread(self._find_others, query_ids)
            others = others if found is None else found
            self._others = (time.monotonic(), others)
        urls = sorted(others)
        return dict(zip(urls, await asyncio.gather(*map(self._status, urls)), strict=True))

    def _find_others(self, query_ids: Sequence[str]) -> set[str] | None:
        """The URLs of the other servers; None while no group can tell."""
        if not query_ids:
            return set()
        for query_id in query_ids[:GROUPS_TRIED_MAX]:
            try:
                group = describe_group(self._admin.connection, application_id_of(self._config.service_id, query_id))
            except KappaError:
                continue
            if group.state == "Stable" and group.members:
                found = {
                    decode_member(member.metadata).application_server or f"({member.client_host})"
                    for member in group.members
                    if not self._is_ours(member.group_instance_id)
                }
                return found
        return None

    async def _status(self, url: str) -> list[dict[str, Any]]:
        import httpx

        try:
            response = await self._client(url).get(f"{url}/kappa/processes", timeout=STATUS_SECONDS)
            return msgspec.json.decode(response.content, type=dict[str, Any])["workers"]
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError, KeyError):
            return [{"state": UNRESPONSIVE, "queries": {}}]

    def _is_ours(self, instance_id: str | None) -> bool:
        return (instance_id or "").startswith(f"{self._config.service_id}-{self._config.server_id()}-")

    def _client(self, url: str) -> httpx.AsyncClient:
        import httpx  # not before there is another server: it would delay the start

        if self._http is None:
            self._http = httpx.AsyncClient(
                timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
                verify=self._config.trusted() if url.startswith("https:") else False,
                auth=self._config.peer_auth,
                trust_env=False,
            )
        return self._http

    async def ask(self, url: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the share of the server at `url`.

        Raises:
            ServerError: it cannot be reached, or refused.
        """
        import httpx

        try:
            response = await self._client(url).post(f"{url}/kappa/pull", json=arguments)
            document = msgspec.json.decode(response.content, type=dict[str, Any])
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            raise ServerError(
                f"Some rows of the query are on the server {url}, which does not answer ({error or type(error)}). "
                "They move to another server when the brokers miss it, after the session time-out; then ask again.",
                UNAVAILABLE,
                STATE_NOT_READY,
            ) from None
        if response.status_code != 200:
            message = f"The server {url} did not answer its share: {document.get('message', response.status_code)}"
            raise ServerError(message, response.status_code, int(document.get("error_code", STATE_NOT_READY)))
        return document

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()
