"""A server under the load of a ledger, and what to start it with."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from kappaflow.client.connection import ClientConfig
from kappaflow.testing.chaos.checks import CATCH_UP_SECONDS, Positions, check_everything
from kappaflow.testing.chaos.faults import CrashPlan, wait_ready
from kappaflow.testing.chaos.ledger import Ledger
from kappaflow.testing.chaos.statements import PROPERTIES, compact_often, create_topics, start_queries
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until
from kappaflow.testing.java_tools.log_segments import dump_log_segments
from kappaflow.testing.java_tools.tool_runner import ToolRunner
from kappaflow.testing.ports import free_port

SESSION_SECONDS = 6
SOME_NUMBERS = 200
SEGMENT_BYTES = 100_000
LOAD_TIMEOUT_SECONDS = 90.0


class Parameters(NamedTuple):
    """What a test may choose.

    Attributes:
        tables_from: how many records a store has to lack to be filled by tables; None leaves that as it is.
    """

    workers: int = 1
    guarantee: str = "exactly_once_v2"
    seed: int = 1
    tables_from: int | None = None


@dataclass
class World:
    """A server, its load, and what is known of both."""

    server: EmbeddedServer
    plan: CrashPlan
    ledger: Ledger
    client: ClientConfig
    tools: ToolRunner | None = None
    positions: Positions = field(default_factory=Positions)

    def check(self, seconds: float = CATCH_UP_SECONDS) -> None:
        """End the load and hold everything against the ledger; Java reads the broker's segments, where it is there.

        Raises:
            KappaError: says what does not hold.
        """
        self.ledger.stop()
        wait_ready(self.server)
        self.positions = check_everything([self.server.url], self.client, self.ledger.written, self.positions, seconds)
        if self.tools is not None:
            dump_log_segments(self.server.data_dir / "broker", tools=self.tools, running=True)

    def wait_for_load(self, numbers: int = SOME_NUMBERS) -> None:
        """Wait until so many more numbers are acknowledged."""
        goal = self.ledger.count + numbers
        wait_until(lambda: self.ledger.count >= goal, "some load", LOAD_TIMEOUT_SECONDS)


def arguments(guarantee: str) -> list[str]:
    """Of a server with short sessions and transactions, so that what is lost is missed soon."""
    properties = PROPERTIES | {
        "ksql.streams.processing.guarantee": guarantee,
        "ksql.streams.session.timeout.ms": str(SESSION_SECONDS * 1000),
        "ksql.streams.transaction.timeout.ms": str(SESSION_SECONDS * 1000),
        "ksql.streams.repartition.purge.interval.ms": "1000",
    }
    return [part for name, value in properties.items() for part in ("--property", f"{name}={value}")]


@contextmanager
def world_under_load(data_dir: Path, parameters: Parameters, tools: ToolRunner | None = None) -> Generator[World]:
    """Start a server on an embedded broker with all queries, and its load.

    Args:
        data_dir: of the server.
        parameters: what a test may choose.
        tools: a JVM that reads the broker's segments at each check, and once more when the server has ended.
    """
    plan = CrashPlan(parameters.tables_from)
    with EmbeddedServer(
        data_dir,
        kafka_port=free_port(),
        workers=parameters.workers,
        arguments=arguments(parameters.guarantee),
        environment=plan.environment,
    ) as server:
        client = ClientConfig(server.bootstrap_servers, bootstrap_timeout_ms=60_000)
        create_topics(client, segment_bytes=SEGMENT_BYTES)
        start_queries(server.url)
        compact_often(client, SEGMENT_BYTES)
        ledger = Ledger(server.bootstrap_servers, seed=parameters.seed)
        ledger.start()
        found = World(server, plan, ledger, client, tools)
        found.wait_for_load()
        try:
            yield found
        finally:
            plan.close()
            ledger.stop()
    if tools is not None:
        dump_log_segments(data_dir / "broker", tools=tools)
