"""What the control process holds: the engine, the command log, the workers and the running push queries."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kappaflow.client.admin import Admin
from kappaflow.client.records import RecordWriter
from kappaflow.errors import BrokerError, KappaError
from kappaflow.server.configuration import ServerConfig
from kappaflow.server.control.command_statuses import CommandStatuses
from kappaflow.server.control.command_topic import CommandLog
from kappaflow.server.control.heartbeats import Heartbeats
from kappaflow.server.control.peers import Peers
from kappaflow.server.control.query_cleanup import QueryCleanup
from kappaflow.server.registry.schema_log import SchemaLog
from kappaflow.server.rpc import RpcClient
from kappaflow.sql.engine import Engine
from kappaflow.sql.functions.user.declarations import Declaration, UserFunctions, declared
from kappaflow.sql.statement_plan import TopicInfo

FOLLOW_SECONDS = 10.0
STATUS_SECONDS, STATUS_SOON_SECONDS = 1.0, 0.2
SETTLED_STATES = {"RUNNING", "PAUSED", "ERROR", "STOPPED"}


class BrokerTopics:
    """The planner's view of the broker's topics."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def describe(self, name: str) -> TopicInfo | None:
        """Return partitions and replicas of a topic, or None when it does not exist."""
        try:
            description = self._admin.describe_topics([name]).get(name)
        except BrokerError as error:
            if error.name == "INVALID_TOPIC_EXCEPTION":
                return None
            raise
        if description is None or not description.partitions:
            return None
        return TopicInfo(len(description.partitions), len(description.partitions[0].replicas))


def _nothing() -> None:
    """What ends a query that no worker knows yet."""


@dataclass(slots=True)
class RunningQuery:
    """A push query that a client reads.

    Attributes:
        end: ends it; its client is told that it was terminated.
    """

    id: str
    statement: str
    end: Callable[[], None] = _nothing


@dataclass(slots=True)
class ControlState:
    """Everything that request handlers share.

    Attributes:
        functions: the functions of users as the workers declare them; None where there can be none.
    """

    config: ServerConfig
    admin: Admin
    engine: Engine
    commands: CommandLog
    cleanup: QueryCleanup
    writer: RecordWriter
    workers: list[RpcClient]
    cluster_id: str
    replication_factor: int
    peers: Peers
    running: dict[str, RunningQuery] = field(default_factory=dict[str, RunningQuery])
    worker_status: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    peer_status: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    schemas: SchemaLog | None = None
    statuses: CommandStatuses = field(default_factory=CommandStatuses)
    heartbeats: Heartbeats = field(default_factory=Heartbeats)
    functions: UserFunctions | None = None
    _functions_version: str = ""
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def next_number(self) -> int:
        """Return a number that names a transient query of this process."""
        return next(self._numbers)

    async def workers_follow(self, offset: int) -> None:
        """Wait until the workers run what the command at `offset` says; one that is away does so when it starts."""
        calls = (worker.call("follow", after_offset=offset + 1) for worker in self.workers)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), FOLLOW_SECONDS)

    async def refresh_functions(self) -> None:
        """Have the signatures of the users' functions from the first worker that answers."""
        if self.functions is None:
            return
        for worker in self.workers:
            try:
                answer = await worker.call("functions", version=self._functions_version)
            except KappaError:
                continue
            if "functions" in answer:
                found = [declared(Declaration.from_json(document)) for document in answer["functions"]]
                self.functions.replace(found, answer["problems"])
                self._functions_version = answer["version"]
            return

    async def ask_worker(self, op: str, **arguments: Any) -> Any:
        """Have one worker answer.

        Raises:
            KappaError: it refused, or all are away.
        """
        return await self.workers[0].call(op, **arguments)

    async def poll_workers(self) -> None:
        """Ask every worker for its status, for ever: once a second, and sooner while a query is on its way."""
        while True:
            asked = time.monotonic()
            await self.refresh_status()
            took = time.monotonic() - asked
            states = {query.get("state") for status in self.worker_status for query in status["queries"].values()}
            is_settled = states <= SETTLED_STATES
            await asyncio.sleep(
                STATUS_SECONDS if is_settled else min(STATUS_SECONDS, max(STATUS_SOON_SECONDS, 5 * took))
            )

    async def refresh_status(self) -> None:
        """Ask every worker for its status once; a worker that is away is shown as restarting."""
        answers = await asyncio.gather(*(self._status_of(worker) for worker in self.workers))
        self.worker_status = list(answers)

    async def refresh_peers(self) -> None:
        """Ask the other servers of the service how their workers are."""
        with self.commands.lock:
            query_ids = list(self.engine.metastore.queries)
        self.peer_status = await self.peers.statuses(query_ids)

    @property
    def all_status(self) -> list[dict[str, Any]]:
        """What the workers of all servers said last."""
        return [*self.worker_status, *(status for workers in self.peer_status.values() for status in workers)]

    async def _status_of(self, worker: RpcClient) -> dict[str, Any]:
        try:
            return await asyncio.wait_for(worker.call("status"), 5.0)
        except (KappaError, TimeoutError, OSError):
            return {"state": "RESTARTING", "queries": {}}
