"""From ZooKeeper to KRaft on a simulated cluster: phases in order, the way back from anywhere, crashes anywhere."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import broker_world
from kappaflow.cli.cluster.migration import texts as cli_texts
from kappaflow.errors import PlanError, UnsafeError, UsageError
from kappaflow.ops.admin.faces import QuorumMember, QuorumState
from kappaflow.ops.brokers.properties_file import read_properties
from kappaflow.ops.contexts import ClusterContext, HostEntry
from kappaflow.ops.hosts.face import CommandResult
from kappaflow.ops.migration import Phase, migration_status, plan_migration, texts
from kappaflow.ops.migration import actions as migration_actions
from kappaflow.ops.migration import state as migration_state
from kappaflow.ops.migration.state import ENABLE
from kappaflow.ops.migration.znodes import ZookeeperView
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner
from kappaflow.ops.session import OpsSession

CONTROLLERS = (101, 102, 103)
VOTERS = ",".join(f"{n}@h{n}:9093" for n in CONTROLLERS)


class MigrationWorld(broker_world.BrokerWorld):
    """Three brokers with ZooKeeper and three controllers that wait to be needed.

    Attributes:
        zookeeper: what stands there.
        metadata: servers that hold a metadata log.
        torn: what was done to a server that ran, and must not have been.
    """

    def __init__(self) -> None:
        super().__init__(3, {"orders": ([[1, 2, 3], [2, 3, 1], [3, 1, 2]], 2)})
        for node in (1, 2, 3):
            self.files[node] = (
                f"# broker\nbroker.id={node}\nzookeeper.connect=z:2181\nzookeeper.session.timeout.ms=6000\n"
                f"listeners=PLAINTEXT://:9092\nlog.dirs=/d{node}\n"
                "authorizer.class.name=kafka.security.authorizer.AclAuthorizer\n"
            )
        for node in CONTROLLERS:
            self.files[node] = (
                f"node.id={node}\nprocess.roles=controller\nlisteners=CONTROLLER://:9093\nlog.dirs=/c{node}\n"
                f"controller.listener.names=CONTROLLER\ncontroller.quorum.voters={VOTERS}\n"
                "listener.security.protocol.map=CONTROLLER:SASL_SSL\n"
            )
            self.running[node] = False
            self.links[node] = "/opt/old"
        self.started_with = {n: self.files[n] for n in (1, 2, 3)}
        self.zookeeper = ZookeeperView(1, False, -1)
        self.metadata: set[int] = set()
        self.formatted = set(CONTROLLERS)
        self.torn: list[str] = []

    def properties(self, node: int) -> dict[str, str]:
        return read_properties(self.started_with.get(node, ""))

    def start(self, broker: int) -> None:
        super().start(broker)
        mine = self.properties(broker)
        if ENABLE in mine or "process.roles" in mine:
            self.metadata.add(broker)
        if broker < 100 and "zookeeper.connect" not in mine and not any(self.running[n] for n in CONTROLLERS):
            self.torn.append(f"broker {broker} started without anybody to lead it")
        known = [self.properties(n) for n in (1, 2, 3) if self.running[n]]
        hybrid = all(p.get(ENABLE) == "true" or "process.roles" in p for p in known)
        lead = all(self.running[n] and ENABLE in self.properties(n) for n in CONTROLLERS)
        if lead and hybrid and len(known) == 3 and not self.zookeeper.by_kraft:
            self.zookeeper = ZookeeperView(101, True, 10)

    def forget(self) -> None:
        self.change("forget")
        if any(self.running[n] for n in CONTROLLERS):
            self.torn.append("ZooKeeper forgot controllers that ran")
        able = [n for n in (1, 2, 3) if self.running[n] and "zookeeper.connect" in self.properties(n)]
        self.zookeeper = ZookeeperView(able[0] if able else -1, False, -1)

    def session(self, context: Any = None) -> OpsSession:
        hosts = [HostEntry(n, ("broker",), "local", f"/n/{n}", "kafka", f"/n/{n}/p") for n in (1, 2, 3)]
        hosts += [HostEntry(n, ("controller",), "local", f"/n/{n}", "kafka", f"/n/{n}/p") for n in CONTROLLERS]
        context = ClusterContext("prod", "127.0.0.1:1", zookeeper="z:2181", hosts=tuple(hosts))
        admin: Any = Admin(self)
        found: Any = Hosts(self, context.hosts)
        return OpsSession(context, admin=admin, hosts=found, pause=lambda _s: None)


class Admin(broker_world._Admin):
    def __init__(self, world: MigrationWorld) -> None:
        super().__init__(world)
        self.quorum = Quorum(world)
        self.placement = Placement(world)

    def describe(self) -> Any:
        found = broker_world._Admin.describe(self)
        return found._replace(brokers=tuple(b for b in found.brokers if b.node_id < 100))


class Quorum:
    def __init__(self, world: MigrationWorld) -> None:
        self.world = world

    def describe(self) -> QuorumState:
        voters = tuple(QuorumMember(n, "", 10, 1000, 1000 if self.world.running[n] else -1) for n in CONTROLLERS)
        alive = [n for n in CONTROLLERS if self.world.running[n]]
        return QuorumState(alive[0] if len(alive) > 1 else -1, 1, 10, voters, ())


class Placement(broker_world._Placement):
    def reassignments(self) -> list[Any]:
        return []


class Hosts(broker_world._Hosts):
    def __init__(self, world: MigrationWorld, entries: Sequence[HostEntry]) -> None:
        self._hosts = {entry.node_id: Host(world, entry) for entry in entries}

    def all(self, role: str | None = None) -> list[Any]:
        return [host for host in self._hosts.values() if role is None or role in host.entry.roles]


class Host(broker_world._Host):
    def read_file(self, path: str) -> bytes:
        return b"cluster.id=id\n" if path.endswith("meta.properties") else super().read_file(path)

    def exists(self, path: str) -> bool:
        return self._node in self.world.formatted

    def run(self, command: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60) -> CommandResult:
        assert command[:3] == ["rm", "-rf", "--"]
        assert all(path.endswith("/__cluster_metadata-0") for path in command[3:])
        self.world.change(f"rm {self._node}")
        if self.world.running[self._node]:
            self.world.torn.append(f"the metadata of {self._node} was removed while it ran")
        self.world.metadata.discard(self._node)
        return CommandResult(0, "", "")


@pytest.fixture(autouse=True)
def zookeeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """ZooKeeper is part of the world."""

    def look(session: Any) -> ZookeeperView:
        return session.admin.topics.world.zookeeper

    monkeypatch.setattr(migration_state, "look_at_zookeeper", look)
    monkeypatch.setattr(migration_actions, "look_at_zookeeper", look)
    monkeypatch.setattr(migration_actions, "forget_kraft", lambda s: s.admin.topics.world.forget())


def work(world: MigrationWorld, plan: Plan, path: Path, *, undo: bool = False) -> None:
    path.mkdir(exist_ok=True)
    with PlanJournal(plan, path / "journal") as journal:
        runner = PlanRunner(world.session(), plan, journal, AuditLog(path / "audit.jsonl"))
        (runner.undo if undo else runner.apply)()
        assert undo or runner.verify() == []


def phase(world: MigrationWorld) -> Phase:
    return migration_status(world.session()).phase


def picture(world: MigrationWorld) -> Any:
    """What counts of it; a key that was taken out comes back at the end of its file."""
    files = {node: read_properties(content) for node, content in world.files.items()}
    return (files, dict(world.running), set(world.metadata), world.zookeeper.by_kraft)


def test_phase_by_phase_to_the_end(tmp_path: Path) -> None:
    world = MigrationWorld()
    for number, wanted in enumerate((Phase.DUAL_WRITE, Phase.KRAFT, Phase.FINAL)):
        plan = plan_migration(world.session(), wanted)
        work(world, plan, tmp_path / str(number))
        assert phase(world) is wanted
    assert world.written_out == []
    assert world.torn == []
    for node in (1, 2, 3):
        rows = world.properties(node)
        assert (rows["process.roles"], rows["node.id"], rows["listeners"]) == ("broker", str(node), "PLAINTEXT://:9092")
        assert not [key for key in rows if key.startswith("zookeeper.") or key == "broker.id"]
        assert rows["controller.quorum.voters"] == VOTERS
        assert "CONTROLLER:SASL_SSL" in rows["listener.security.protocol.map"]
        assert rows["authorizer.class.name"].endswith("StandardAuthorizer")
        assert world.files[node].startswith("# broker\n")
    assert all(ENABLE not in world.properties(n) for n in CONTROLLERS)
    final = plan.steps
    assert [s.arguments["node"] for s in final if s.action == "node.stop"] == [102, 103, 101], "the leader last"
    with pytest.raises(UnsafeError, match="cannot be taken back"):
        work(world, plan, tmp_path / "2", undo=True)
    with pytest.raises(UsageError):
        plan_migration(world.session())


def test_the_way_back_from_kraft_to_zookeeper(tmp_path: Path) -> None:
    world = MigrationWorld()
    before = picture(world)
    first = plan_migration(world.session())
    work(world, first, tmp_path / "1")
    second = plan_migration(world.session())
    work(world, second, tmp_path / "2")
    with pytest.raises(PlanError, match="take the plan back that did that first"):
        work(world, first, tmp_path / "1", undo=True)
    work(world, second, tmp_path / "2", undo=True)
    assert phase(world) is Phase.DUAL_WRITE
    work(world, first, tmp_path / "1", undo=True)
    assert phase(world) is Phase.ZOOKEEPER
    assert picture(world) == before
    assert world.metadata == set(), "another attempt begins anew"
    assert (world.torn, world.written_out) == ([], [])
    again = plan_migration(world.session())
    work(world, again, tmp_path / "3")
    assert phase(world) is Phase.DUAL_WRITE


@settings(max_examples=40, deadline=None)
@given(budgets=st.lists(st.integers(0, 25), max_size=5), undo=st.booleans(), second=st.booleans())
def test_a_crash_anywhere_is_resumed_or_taken_back(
    tmp_path_factory: pytest.TempPathFactory, budgets: list[int], undo: bool, second: bool
) -> None:
    path = tmp_path_factory.mktemp("plan")
    world = MigrationWorld()
    if second:
        work(world, plan_migration(world.session()), path / "first")
    before, start = picture(world), phase(world)
    plan = plan_migration(world.session())
    begun, taking_back = len(world.events), False
    for budget in budgets:
        world.budget = budget
        with contextlib.suppress(broker_world.Crash, *([PlanError] if taking_back else [])):
            work(world, plan, path, undo=taking_back)
        taking_back = undo and len(world.events) > begun
    world.budget = None
    with contextlib.suppress(*([PlanError] if undo else [])):
        work(world, plan, path, undo=undo)
    assert (world.torn, world.written_out) == ([], [])
    if undo:
        assert picture(world) == before
    else:
        assert phase(world) is list(Phase)[list(Phase).index(start) + 1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda w: w.files.update({101: w.files[101].replace("controller.listener.names", "x")}), "listener.names"),
        (
            lambda w: w.files.update({101: w.files[101].replace("process.roles=controller", "process.roles=broker")}),
            "process.roles is not",
        ),
        (lambda w: w.formatted.discard(102), "kafka-storage.sh format --cluster-id id"),
        (lambda w: w.files.update({2: w.files[2] + "inter.broker.protocol.version=3.4\n"}), "3.4"),
        (lambda w: w.running.update({3: False}), "3"),
    ],
)
def test_what_has_to_be_so_first_is_said(change: Any, says: str) -> None:
    world = MigrationWorld()
    change(world)
    with pytest.raises(UsageError, match=says):
        plan_migration(world.session())
    assert world.events == []


def test_phases_are_not_left_out() -> None:
    with pytest.raises(UsageError, match="dual-write"):
        plan_migration(MigrationWorld().session(), Phase.KRAFT)


def test_texts_exist_in_both_languages() -> None:
    for module in (texts, cli_texts):
        assert set(module.ENGLISH) == set(module.KOREAN)
