"""Queries stay exact, whatever ends at whichever point of a commit."""

from __future__ import annotations

import os

import pytest

from kappaflow.errors import KappaError
from kappaflow.testing.chaos.faults import (
    BROKER_POINTS,
    CHUNK_POINTS,
    TABLE_POINTS,
    WORKER_POINTS,
    crash_at,
    crash_in_restore,
    stop_at,
)
from kappaflow.testing.chaos.world import SESSION_SECONDS, Parameters, World

HITS = int(os.environ.get("KAPPA_CRASH_HITS", "20"))
SILENCE_SECONDS = SESSION_SECONDS + 2
RESTORES = [
    *((Parameters(), point) for point in CHUNK_POINTS),
    *((Parameters(tables_from=1), point) for point in TABLE_POINTS),
]


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
@pytest.mark.parametrize("world", [Parameters(tables_from=1)], indirect=True)
def test_a_worker_killed_behind_a_restored_table_leaves_exact_results(world: World) -> None:
    crash_in_restore(world.server, world.plan, "after-restored-table", times=2)
    world.check()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("world", [Parameters(guarantee="at_least_once")], indirect=True)
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
@pytest.mark.parametrize(("world", "point"), RESTORES, indirect=["world"])
def test_each_point_of_a_restore_many_times(world: World, point: str) -> None:
    crash_in_restore(world.server, world.plan, point, times=HITS)
    world.check()


@pytest.mark.real
@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", BROKER_POINTS)
def test_each_point_of_the_broker_many_times(world: World, point: str) -> None:
    passes = 1 if "roll" in point or "rename" in point else 30
    crash_at(world.server, world.plan, "broker", point, passes, times=HITS)
    world.check()


@pytest.mark.real
@pytest.mark.timeout(300)
@pytest.mark.parametrize("world", [Parameters(workers=2)], indirect=True)
@pytest.mark.parametrize("point", WORKER_POINTS)
def test_a_worker_that_falls_silent_at_a_point_is_fenced(world: World, point: str) -> None:
    stop_at(world.server, world.plan, "worker-0", point, passes=8, silent_seconds=SILENCE_SECONDS)
    world.wait_for_load()
    world.check()


@pytest.mark.real
@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", BROKER_POINTS)
def test_a_broker_that_falls_silent_at_a_point_loses_nothing(world: World, point: str) -> None:
    passes = 1 if "roll" in point or "rename" in point else 30
    stop_at(world.server, world.plan, "broker", point, passes, silent_seconds=SILENCE_SECONDS)
    world.wait_for_load()
    world.check()
