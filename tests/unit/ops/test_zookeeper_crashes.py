"""Changes of an ensemble, ended at every change that they make: going on and taking back both work, a quorum stays."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from kappaflow.errors import PlanError, UnsafeError
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import looks, plan_remove, plan_replace, plan_restart, plan_scale_out, replacing, status
from zookeeper_world import Crash, ZookeeperWorld

MOVED = "m:2888:3888"
CHANGES: dict[str, tuple[Callable[[], Any], Callable[[OpsSession], Plan]]] = {
    "restart three": (lambda: ZookeeperWorld(3, leader=2), plan_restart),
    "restart five": (lambda: ZookeeperWorld(5), plan_restart),
    "add two": (lambda: ZookeeperWorld(3, 2), lambda session: plan_scale_out(session, [4, 5])),
    "add two that few elect": (
        lambda: ZookeeperWorld(3, 2, leader=2, hasty=True),
        lambda session: plan_scale_out(session, [4, 5]),
    ),
    "remove two that few elect": (
        lambda: ZookeeperWorld(5, leader=2, hasty=True),
        lambda session: plan_remove(session, [4, 5]),
    ),
    "remove two": (lambda: ZookeeperWorld(5, leader=2), lambda session: plan_remove(session, [4, 5])),
    "remove two of which one leads": (lambda: ZookeeperWorld(5), lambda session: plan_remove(session, [4, 5])),
    "remove one that leads": (lambda: ZookeeperWorld(4, leader=1), lambda session: plan_remove(session, [1])),
    "remove a dead one": (lambda: ZookeeperWorld(5, dead=[5]), lambda session: plan_remove(session, [5])),
    "bring one back": (lambda: ZookeeperWorld(3, dead=[3]), lambda session: plan_replace(session, 3)),
    "replace the last": (lambda: ZookeeperWorld(3, moved={3: MOVED}), lambda session: plan_replace(session, 3)),
    "replace the first": (lambda: ZookeeperWorld(3, moved={1: MOVED}), lambda session: plan_replace(session, 1)),
    "replace while one leads that is told first": (
        lambda: ZookeeperWorld(3, leader=1, moved={3: MOVED}),
        lambda session: plan_replace(session, 3),
    ),
    "replace one of two": (
        lambda: ZookeeperWorld(5, dead=[4], moved={5: MOVED}),
        lambda session: plan_replace(session, 5),
    ),
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
        path: of its journal.
    """

    def __init__(self, name: str, path: Path, patch: pytest.MonkeyPatch) -> None:
        make, plan = CHANGES[name]
        self.world = make()
        self.path, self._patch = path, patch
        self._look()
        self.plan = plan(self.world.session())

    def _look(self) -> None:
        """From now on it is this world's servers that are asked."""
        self._patch.setattr(status, "server_state", self.world.look_at)
        self._patch.setattr(replacing, "is_answering", self.world.is_answering)

    def run(self, work: str, crash_after: int | None = None) -> bool:
        """Apply or undo in a new process, which ends before a change; whether it came to the end."""
        self._look()
        self.world.budget = crash_after
        with PlanJournal(self.plan, self.path / "journal") as journal:
            runner = PlanRunner(self.world.session(), self.plan, journal, AuditLog(self.path / "audit"))
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
    for module in (status, looks):
        monkeypatch.setattr(module, "ThreadPoolExecutor", OneByOne)

    def case(name: str) -> Case:
        home = tmp_path / str(len(made))
        home.mkdir()
        made.append(Case(name, home, monkeypatch))
        return made[-1]

    return case


def undone(name: str, picture: Any) -> Any:
    """What taking back brings back; after a replacement, servers that run read their files at their next start."""
    if not name.startswith(("replace", "bring")):
        return picture
    states, files, _ = picture
    return {n: "inactive" if state == "failed" else state for n, state in states.items()}, files


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_is_ended_anywhere_is_resumed_or_taken_back(name: str, case: Callable[[str], Case]) -> None:
    whole = case(name)
    before = case(name).world.picture()
    assert whole.run("apply")
    assert whole.world.lost == whole.world.split == []
    after, count = whole.world.picture(), len(whole.world.events)
    assert whole.run("undo")
    assert undone(name, whole.world.picture()) == undone(name, before)
    assert count >= 3
    for changes in range(count):
        for work, end in (("apply", after), ("undo", before)):
            ended = case(name)
            assert not ended.run("apply", changes)
            assert ended.run(work), (changes, work)
            picture = ended.world.picture()
            if work == "undo":
                picture, end = undone(name, picture), undone(name, end)
            assert picture == end, (changes, work, ended.world.events)
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
        assert undone(name, ended.world.picture()) == undone(name, before), (changes, ended.world.events)
        assert ended.world.lost == ended.world.split == [], (changes, ended.world.events)


def test_a_server_that_does_not_come_back_costs_no_quorum(case: Callable[[str], Case]) -> None:
    ended = case("remove two of which one leads")
    ended.world.broken = {1}
    with pytest.raises(PlanError, match="server 1 does not"):
        ended.run("apply")
    assert ended.world.lost == []
    assert ended.world.states == {1: "failed", 2: "active", 3: "active", 4: "active", 5: "active"}


def test_an_old_server_that_was_replaced_and_comes_back_after_all_is_not_lost(case: Callable[[str], Case]) -> None:
    """Taken back, the plan leaves an ensemble to which the old server can come, as if nothing had been."""
    whole = case("replace the last")
    assert whole.run("apply")
    assert whole.run("undo")
    world = whole.world
    assert world.states == {1: "active", 2: "active", 3: "inactive"}
    world.files[3] = world.files[1].replace("/data/1", "/data/3")  # its machine is there again
    world.addresses[3] = "z3:2888:3888"
    world.start(3)
    for _ in range(world.slow):
        world.tick()
    plan = plan_restart(world.session())
    with PlanJournal(plan, whole.path / "again") as journal:
        PlanRunner(world.session(), plan, journal, AuditLog(whole.path / "audit")).apply()
    assert world.lost == world.split == []
    assert {n: known[3] for n, known in world.known.items()} == dict.fromkeys((1, 2, 3), "z3:2888:3888")
    assert world.whole == {1, 2, 3}


@pytest.mark.parametrize(("members", "dead"), [(3, [3]), (4, [4]), (5, [4, 5])])
def test_where_no_server_can_restart_the_dead_one_has_to_come_back_first(
    members: int, dead: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = ZookeeperWorld(members, dead=dead)
    monkeypatch.setattr(status, "server_state", world.look_at)
    with pytest.raises(UnsafeError, match=f"kappa zookeeper replace {dead[0]}"):
        plan_remove(world.session(), dead)
    assert world.events == []


def test_a_replacement_that_could_lose_something_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(world: ZookeeperWorld, words: str, number: int = 3) -> None:
        monkeypatch.setattr(status, "server_state", world.look_at)
        monkeypatch.setattr(replacing, "is_answering", world.is_answering)
        with pytest.raises(UnsafeError, match=words):
            plan_replace(world.session(), number)
        assert world.events == []

    alive = ZookeeperWorld(3, moved={3: MOVED})
    alive.answering = {"z3:3888"}
    refused(alive, "the old server 3 still answers at z3:3888")
    refused(ZookeeperWorld(3), "server 3 serves")
    alone = ZookeeperWorld(3, moved={3: MOVED})
    alone.end(2)
    refused(alone, "there is no quorum|server 1 .* does not serve|1 servers and 2 are needed")
    foreign = ZookeeperWorld(3, moved={3: MOVED})
    foreign.whole.add(3)
    refused(foreign, "/data/3/version-2 on the machine of server 3 holds data")


def test_a_machine_that_cannot_be_reached_is_said_and_the_others_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ZookeeperWorld(5, dead=[5])
    world.unreachable = {5}
    monkeypatch.setattr(status, "server_state", world.look_at)
    found = status.ensemble_state(world.session())
    assert [(s.server_id, s.mode) for s in found.servers] == [
        (4, "leader"), *((n, "follower") for n in (1, 2, 3)), (5, "down")]  # fmt: skip
    assert "machine 5 cannot be reached" in found.servers[-1].problem
    plan = plan_remove(world.session(), [5])
    assert [step.action for step in plan.steps] == ["zookeeper.reconfigure"] * 4
    assert "must never start again" in str(plan.warnings[-1])
    with pytest.raises(UnsafeError, match=r"server 5 .*machine 5 cannot be reached"):
        plan_restart(world.session())


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
