"""Queries stay exact, whatever ends at whichever point of a commit."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kappaflow.client.connection import ClientConfig
from kappaflow.errors import KappaError
from kappaflow.testing.chaos import PROPERTIES, CrashPlan, Ledger, check_everything, create_topics, start_queries
from kappaflow.testing.chaos.faults import BROKER_POINTS, WORKER_POINTS, crash_at, stop_at, wait_ready
from kappaflow.testing.chaos.statements import compact_often
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

HITS = int(os.environ.get("KAPPA_CRASH_HITS", "20"))
SESSION_SECONDS = 6
SILENCE_SECONDS = SESSION_SECONDS + 2


@dataclass
class World:
    """A server under load."""

    server: EmbeddedServer
    plan: CrashPlan
    ledger: Ledger
    client: ClientConfig

    def check(self, seconds: float = 90) -> None:
        """End the load and hold everything against the ledger."""
        self.ledger.stop()
        wait_ready(self.server)
        check_everything([self.server.url], self.client, self.ledger.written, {}, seconds)

    def wait_for_load(self) -> None:
        goal = self.ledger.count + 200
        wait_until(lambda: self.ledger.count >= goal, "some load")


def arguments(guarantee: str) -> list[str]:
    properties = PROPERTIES | {
        "ksql.streams.processing.guarantee": guarantee,
        "ksql.streams.session.timeout.ms": str(SESSION_SECONDS * 1000),
        "ksql.streams.transaction.timeout.ms": str(SESSION_SECONDS * 1000),
        "ksql.streams.repartition.purge.interval.ms": "1000",
    }
    return [part for name, value in properties.items() for part in ("--property", f"{name}={value}")]


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Generator[World]:
    workers, guarantee = getattr(request, "param", (1, "exactly_once_v2"))
    plan = CrashPlan()
    with EmbeddedServer(
        tmp_path, workers=workers, arguments=arguments(guarantee), environment=plan.environment
    ) as server:
        client = ClientConfig(server.bootstrap_servers, bootstrap_timeout_ms=60_000)
        create_topics(client)
        start_queries(server.url)
        compact_often(client)
        ledger = Ledger(server.bootstrap_servers, seed=1)
        ledger.start()
        found = World(server, plan, ledger, client)
        found.wait_for_load()
        try:
            yield found
        finally:
            plan.close()
            ledger.stop()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", ["before-end-txn", "after-end-txn"])
def test_a_worker_killed_around_the_end_of_a_transaction_leaves_exact_results(world: World, point: str) -> None:
    crash_at(world.server, world.plan, "worker-0", point, passes=8, times=2)
    world.check()


@pytest.mark.timeout(300)
def test_a_broker_killed_between_decision_and_markers_leaves_exact_results(world: World) -> None:
    crash_at(world.server, world.plan, "broker", "after-txn-prepare", passes=30, times=2)
    world.check()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("world", [(1, "at_least_once")], indirect=True)
def test_what_at_least_once_counts_twice_is_seen(world: World) -> None:
    crash_at(world.server, world.plan, "worker-0", "after-flush", passes=8, times=1)
    with pytest.raises(KappaError, match=r"rows differ|too many"):
        world.check(seconds=5)


@pytest.mark.real
@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", WORKER_POINTS)
def test_each_point_of_the_worker_many_times(world: World, point: str) -> None:
    crash_at(world.server, world.plan, "worker-0", point, passes=8, times=HITS)
    world.check()


@pytest.mark.real
@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", BROKER_POINTS)
def test_each_point_of_the_broker_many_times(world: World, point: str) -> None:
    crash_at(
        world.server, world.plan, "broker", point, passes=3 if "roll" in point or "rename" in point else 30, times=HITS
    )
    world.check()


@pytest.mark.real
@pytest.mark.timeout(300)
@pytest.mark.parametrize("world", [(2, "exactly_once_v2")], indirect=True)
@pytest.mark.parametrize("point", WORKER_POINTS)
def test_a_worker_that_falls_silent_at_a_point_is_fenced(world: World, point: str) -> None:
    stop_at(world.server, world.plan, "worker-0", point, passes=8, silent_seconds=SILENCE_SECONDS)
    world.wait_for_load()
    world.check()
