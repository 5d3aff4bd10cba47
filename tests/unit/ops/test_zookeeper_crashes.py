"""Changes of an ensemble, ended at every change that they make: going on and taking back both work, a quorum stays."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from kappaflow.errors import PlanError
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import actions, plan_remove, plan_restart, plan_scale_out, status
from zookeeper_world import Crash, ZookeeperWorld

CHANGES: dict[str, tuple[Callable[[], Any], Callable[[OpsSession], Plan]]] = {
    "restart three": (lambda: ZookeeperWorld(3, leader=2), plan_restart),
    "restart five": (lambda: ZookeeperWorld(5), plan_restart),
    "add two": (lambda: ZookeeperWorld(3, 2), lambda session: plan_scale_out(session, [4, 5])),
    "remove two": (lambda: ZookeeperWorld(5, leader=2), lambda session: plan_remove(session, [4, 5])),
    "remove two of which one leads": (lambda: ZookeeperWorld(5), lambda session: plan_remove(session, [4, 5])),
    "remove one that leads": (lambda: ZookeeperWorld(4, leader=1), lambda session: plan_remove(session, [1])),
}


class OneByOne(Executor):
    """Runs all in the thread that asks."""

    def __init__(self, _threads: int) -> None:
        """Take the place of a pool of threads."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class Case:
    """One change of a world of its own.

    Attributes:
        world: the ensemble.
        plan: the change.
    """

    def __init__(self, name: str, path: Path, patch: pytest.MonkeyPatch) -> None:
        make, plan = CHANGES[name]
        self.world = make()
        self._path, self._patch = path, patch
        self._look()
        self.plan = plan(self.world.session())

    def _look(self) -> None:
        """From now on it is this world's servers that are asked."""
        self._patch.setattr(status, "server_state", self.world.look_at)

    def run(self, work: str, crash_after: int | None = None) -> bool:
        """Apply or undo in a new process, which ends before a change; whether it came to the end."""
        self._look()
        self.world.budget = crash_after
        with PlanJournal(self.plan, self._path / "journal") as journal:
            runner = PlanRunner(self.world.session(), self.plan, journal, AuditLog(self._path / "audit"))
            try:
                getattr(runner, work)()
            except Crash:
                return False
            finally:
                self.world.budget = None
            assert runner.verify() == []
        return True


@pytest.fixture(name="case")
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Case]:
    made: list[Case] = []
    monkeypatch.setattr(os, "fsync", lambda _: None)  # only processes end here
    for module in (status, actions):
        monkeypatch.setattr(module, "ThreadPoolExecutor", OneByOne)

    def case(name: str) -> Case:
        home = tmp_path / str(len(made))
        home.mkdir()
        made.append(Case(name, home, monkeypatch))
        return made[-1]

    return case


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_is_ended_anywhere_is_resumed_or_taken_back(name: str, case: Callable[[str], Case]) -> None:
    whole = case(name)
    before = case(name).world.picture()
    assert whole.run("apply")
    assert whole.world.lost == whole.world.split == []
    after, count = whole.world.picture(), len(whole.world.events)
    assert whole.run("undo")
    assert whole.world.picture() == before
    assert count > 4
    for changes in range(count):
        for work, end in (("apply", after), ("undo", before)):
            ended = case(name)
            assert not ended.run("apply", changes)
            assert ended.run(work), (changes, work)
            assert ended.world.picture() == end, (changes, work, ended.world.events)
            assert ended.world.lost == ended.world.split == [], (changes, work, ended.world.events)


@pytest.mark.parametrize("name", CHANGES)
def test_taking_back_that_is_ended_anywhere_goes_on(name: str, case: Callable[[str], Case]) -> None:
    whole = case(name)
    before = case(name).world.picture()
    assert whole.run("apply")
    done = len(whole.world.events)
    assert whole.run("undo")
    for changes in range(len(whole.world.events) - done):
        ended = case(name)
        assert ended.run("apply")
        assert not ended.run("undo", changes)
        assert ended.run("undo"), changes
        assert ended.world.picture() == before, (changes, ended.world.events)
        assert ended.world.lost == ended.world.split == [], (changes, ended.world.events)


def test_a_server_that_does_not_come_back_costs_no_quorum(case: Callable[[str], Case]) -> None:
    ended = case("remove two of which one leads")
    ended.world.broken = {1}
    with pytest.raises(PlanError, match="server 1 does not"):
        ended.run("apply")
    assert ended.world.lost == []
    assert ended.world.states == {1: "failed", 2: "active", 3: "active", 4: "active", 5: "active"}


def test_two_new_servers_at_once_could_become_an_ensemble_of_their_own() -> None:
    """Why plans take one after the other: the world notes it."""
    world = ZookeeperWorld(3, 2)
    for number in (4, 5, 1):
        world.stop(number)
        world.files[number] = world.files[4] + "".join(f"server.{n}=z{n}:2888:3888\n" for n in range(1, 6))
        world.start(number)
        for _ in range(world.slow):
            world.tick()
    assert world.split == ["start 1"]
