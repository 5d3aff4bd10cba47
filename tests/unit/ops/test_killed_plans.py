"""Every family of changes, killed by SIGKILL at every step: going on and taking back come to the same end.

The processes are real and die for real; the clusters are simulated, and outlive them.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

import broker_world
from broker_world import BrokerWorld
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops import acls, configs, disk, groups, quorum, reassignment, topics, transactions, users
from kappaflow.ops.admin import AclEntry, ConfigResource, ProducerState, TransactionState
from kappaflow.ops.admin.user_faces import QuotaEntity
from kappaflow.ops.brokers.decommission import plan_decommission
from kappaflow.ops.brokers.restart import plan_restart, plan_start
from kappaflow.ops.brokers.rollout import plan_rollout
from kappaflow.ops.contexts import ClusterContext, HostEntry
from kappaflow.ops.plans import Plan, find_action, write_plan
from kappaflow.ops.plans.action import ACTIONS
from kappaflow.ops.plans.plan import Step, new_plan
from kappaflow.ops.reassignment import MoveOptions
from kappaflow.ops.upgrade.planning import plan_upgrade
from kappaflow.testing.plan_worker import PLAN, REFUSED, read_world, run_worker, write_world
from kappaflow.testing.simulated_cluster import SimulatedCluster
from quorum_world import QuorumWorld

SUPPORT = Path(broker_world.__file__).parent
"""Where the killed processes find the worlds."""
MIB = 1 << 20
KILLED = -signal.SIGKILL
THROTTLED = MoveOptions(throttle_bytes_per_s=40 * MIB, batch=3)


def cluster() -> SimulatedCluster:
    """Something for every family to change."""
    made = SimulatedCluster(brokers=5, directories=2)
    made.add_topic("orders", 6, 2, size_bytes=20 * MIB, records=100, configs={"retention.ms": "1000"})
    made.add_topic("idle", 2, 1, size_bytes=MIB, records=10)
    made.add_group("billing", {TopicPartition("orders", n): 40 for n in range(6)})
    made.add_group("active", {TopicPartition("idle", 0): 1}, {"m1": [TopicPartition("idle", 0)]})
    made.state.acls = {AclEntry("topic", "orders", "literal", "User:alice", "*", "Read", "allow")}
    made.state.quotas[QuotaEntity(user="alice")] = {"producer_byte_rate": 1000.0}
    made.users.put("old", "SCRAM-SHA-256", 4096, b"salt", b"salted")
    return made


def led_by_others() -> SimulatedCluster:
    made = cluster()
    for partition in made.state.topics["orders"]:
        partition.leader = partition.replicas[1]
    return made


def moving() -> SimulatedCluster:
    """Somebody else moves a large partition, and has left throttles behind."""
    made = cluster()
    made.state.topics["idle"][0].size_bytes = 1 << 40
    made.placement.reassign({TopicPartition("idle", 0): [5, 4]})
    return made


def with_throttles() -> SimulatedCluster:
    made = cluster()
    made.state.configs["broker", "1"] = {"follower.replication.throttled.rate": "1000"}
    made.state.configs["topic", "orders"]["leader.replication.throttled.replicas"] = "0:1"
    return made


def hanging() -> SimulatedCluster:
    made = cluster()
    producer = ProducerState(7, 0, -1, 0, 5)
    made.state.producers[TopicPartition("idle", 0)] = [producer]
    return made


def open_transaction() -> SimulatedCluster:
    made = hanging()
    where = (TopicPartition("idle", 0),)
    made.state.transactions["loader"] = TransactionState("loader", 7, 0, "Ongoing", 60_000, 1_000, where)
    return made


def leaving() -> SimulatedCluster:
    """Broker 5 is away already."""
    made = cluster()
    made.stop_broker(5)
    return made


def three_brokers() -> Any:
    return BrokerWorld(3, {"orders": ([[1, 2, 3], [2, 3, 1], [3, 1, 2]], 2)})


def one_stopped() -> Any:
    world = three_brokers()
    world.stop(2)
    return world


def old_brokers() -> Any:
    """Three brokers of an older version, on machines that are known."""
    world = three_brokers()
    options = {"software": "/opt/kafka"}
    hosts = tuple(HostEntry(n, ("broker",), "ssh", f"m{n}", "kafka", f"/n/{n}/p", options) for n in world.running)
    world.context = ClusterContext("prod", "127.0.0.1:1", zookeeper="127.0.0.1:1", hosts=hosts)
    return world


def some_partitions(session: Any) -> Plan:
    """All of one topic's partitions to the directory where they are not."""
    return disk.plan_balance_directories(session, 1)


def new_user(session: Any) -> Plan:
    return users.plan_add_user(session, "bob", password_file=broker_world.__file__)


def features(session: Any) -> Plan:
    step = Step("upgrade.features", {"features": ["metadata.version"]})
    return new_plan(session, reassignment.plan_balance(session).title, [step])


@dataclass(frozen=True)
class Family:
    """One kind of change.

    Attributes:
        name: in the test's name.
        world: made anew for every case.
        plan: the change.
        returns: whether a broker that was away has to come back before the change can be taken back.
    """

    name: str
    world: Callable[[], Any]
    plan: Callable[[Any], Plan]
    returns: bool = False


READ = AclEntry("group", "billing", "literal", "User:dave", "*", "Read", "allow")
ALICE_READS = AclEntry("topic", "orders", "literal", "User:alice", "*", "Read", "allow")
ORDERS = [TopicPartition("orders", n) for n in range(6)]
ALICE = QuotaEntity(user="alice")
FAMILIES = [
    Family("topic-create", cluster, lambda s: topics.plan_create(s, "new", partitions=3, replication_factor=2)),
    Family("topic-grow", cluster, lambda s: topics.plan_grow(s, "orders", 8)),
    Family("topic-delete", cluster, lambda s: topics.plan_delete(s, "idle")),
    Family("records-delete", cluster, lambda s: topics.plan_delete_records(s, {ORDERS[0]: 50, ORDERS[1]: -1})),
    Family("topic-elect", led_by_others, topics.plan_preferred),
    Family(
        "config-set",
        cluster,
        lambda s: configs.plan_alter(
            s, [ConfigResource("topic", "orders")], {"retention.ms": "77", "cleanup.policy": "compact"}
        ),
    ),
    Family("group-reset", cluster, lambda s: groups.plan_reset(s, "billing", groups.ResetTarget("offset", 7))),
    Family("group-delete", cluster, lambda s: groups.plan_delete(s, "billing")),
    Family("group-delete-offsets", cluster, lambda s: groups.plan_delete_offsets(s, "billing", ["orders"])),
    Family("group-remove-members", cluster, lambda s: groups.plan_remove_members(s, "active")),
    Family("reassign-factor", cluster, lambda s: reassignment.plan_replication_factor(s, ["orders"], 3, THROTTLED)),
    Family("reassign-drain", cluster, lambda s: reassignment.plan_drain(s, [2], THROTTLED)),
    Family("reassign-cancel", moving, reassignment.plan_cancel),
    Family("reassign-clean", with_throttles, reassignment.plan_clean_throttles),
    Family("disk-move", cluster, some_partitions),
    Family("transaction-abort", hanging, lambda s: transactions.plan_abort(s, TopicPartition("idle", 0), 5)),
    Family("transaction-terminate", open_transaction, lambda s: transactions.plan_terminate(s, "loader")),
    Family("acl-add", cluster, lambda s: acls.plan_add(s, [READ])),
    Family("acl-remove", cluster, lambda s: acls.plan_remove(s, [ALICE_READS])),
    Family("quota-set", cluster, lambda s: users.plan_quotas(s, ALICE, {"producer_byte_rate": 5.0})),
    Family("user-put", cluster, new_user),
    Family("user-delete", cluster, lambda s: users.plan_remove_user(s, "old")),
    Family("broker-decommission", leaving, lambda s: plan_decommission(s, 5, THROTTLED), returns=True),
    Family("upgrade-features", cluster, features),
    Family("brokers-restart", three_brokers, plan_restart),
    Family("brokers-start", one_stopped, lambda s: plan_start(s, [2])),
    Family("brokers-rollout", three_brokers, lambda s: plan_rollout(s, {"num.partitions": "7"})),
    Family("upgrade", old_brokers, lambda s: plan_upgrade(s, "3.9.2", software="/opt/new", finalize=False)),
    Family("quorum-add", lambda: QuorumWorld(3, 2), lambda s: quorum.plan_add(s, [104, 105])),
    Family("quorum-remove", lambda: QuorumWorld(5), lambda s: quorum.plan_remove(s, [101, 104])),
]


def picture(world: Any) -> Any:
    """What a person would see of a world, without times and without what is drawn anew each time."""
    if isinstance(world, SimulatedCluster):
        state = asdict(world.state)
        del state["clock"]
        credentials = {key: row[0] for key, row in world.state.credentials.items()}
        configs = {key: values for key, values in world.state.configs.items() if values}
        quotas = {key: values for key, values in world.state.quotas.items() if values}
        for group in state["groups"].values():
            del group["state"]
        return state | {
            "credentials": credentials,
            "configs": configs,
            "quotas": quotas,
            "acls": sorted(world.state.acls),
            "features": world.features.levels,
        }
    names = ("running", "replicas", "in_sync", "leader", "files", "started_with", "links", "dynamic", "voters")
    seen = {name: getattr(world, name) for name in names if hasattr(world, name)}
    if "voters" in seen:  # who leads the quorum is decided anew after every change
        del seen["leader"]
    else:
        seen["in_sync"] = {key: sorted(row) for key, row in seen["in_sync"].items()}
    return seen


class Case:
    """One plan in folders of its own."""

    def __init__(self, family: Family, path: Path) -> None:
        self.path = path
        self.plan = family.plan(family.world().session())
        self.world = family.world
        self.returns = family.returns
        self.before = picture(self.with_all_back(family.world()))
        home = self.home()
        assert run_worker(home, "apply", modules=[SUPPORT]) == 0, "without a kill"
        self.after = picture(read_world(home))
        self.is_reversible = all(find_action(s.action).is_reversible(s.arguments) for s in self.plan.steps)

    def home(self) -> Path:
        """The world before, and the plan."""
        home = self.path / f"home-{len(list(self.path.iterdir()))}"
        home.mkdir(parents=True)
        write_world(home, self.world())
        write_plan(self.plan, home / PLAN)
        return home

    def with_all_back(self, world: Any) -> Any:
        """The world, with the broker in it that has to come back."""
        if self.returns:
            if 5 not in world.state.brokers:
                world.add_broker(5)
            world.start_broker(5)
        return world

    def undo(self, home: Path, crash_at: str = "") -> int | None:
        """Take the plan back, with the broker in the world that has to come back."""
        write_world(home, self.with_all_back(read_world(home)))
        return run_worker(home, "undo", crash_at, [SUPPORT])

    def look(self, home: Path) -> Any:
        return picture(read_world(home))


def copy_of(home: Path, name: str) -> Path:
    return Path(shutil.copytree(home, home.with_name(f"{home.name}-{name}")))


@pytest.fixture(params=FAMILIES, ids=lambda family: family.name)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return Case(request.param, tmp_path)


def test_a_plan_that_is_killed_is_resumed_or_taken_back(case: Case) -> None:
    assert case.after != case.before or case.plan.steps[0].action in ("node.stop", "broker.drain"), "it does something"
    steps = len(case.plan.steps)
    kills = {("started", 1), ("started", steps), ("applied", 1), ("applied", (steps + 1) // 2), ("done", steps)}
    for point, step in sorted(kills):
        home = case.home()
        assert run_worker(home, "apply", f"plan.step.{point}:{step}", [SUPPORT]) == KILLED, (point, step)
        taken_back = copy_of(home, "back")
        assert run_worker(home, "apply", modules=[SUPPORT]) == 0, (point, step)
        assert case.look(home) == case.after, (point, step)
        undone = case.undo(taken_back)
        if case.is_reversible:
            assert undone == 0, (point, step)
            assert case.look(taken_back) == case.before, (point, step)
        else:
            assert undone in (0, REFUSED), (point, step)


def test_taking_back_that_is_killed_goes_on(case: Case) -> None:
    if not case.is_reversible:
        home = case.home()
        assert run_worker(home, "apply", modules=[SUPPORT]) == 0
        assert case.undo(home) == REFUSED
        assert case.look(home) == case.after
        return
    done = case.home()
    assert run_worker(done, "apply", modules=[SUPPORT]) == 0
    for point, step in sorted({("undoing", 1), ("undoing", len(case.plan.steps)), ("taken-back", 1)}):
        home = copy_of(done, f"{point}-{step}")
        assert case.undo(home, f"plan.step.{point}:{step}") == KILLED, (point, step)
        assert case.undo(home) == 0, (point, step)
        assert case.look(home) == case.before, (point, step)


def test_no_family_is_left_out() -> None:
    """Those that need real machines are killed on real clusters, in ``tests/integration/ops``."""
    for prefix in ("topic", "group", "reassign", "disk", "zookeeper", "node", "upgrade"):
        find_action_of(prefix)
    planned = {s.action for family in FAMILIES for s in family.plan(family.world().session()).steps}
    real = {
        "disk.add-directory", "disk.trim", "disk.await-freed", "node.hold", "node.stop_together", "broker.await_gone",
        "zookeeper.join", "zookeeper.reconfigure", "zookeeper.restart", "zookeeper.leave",
        "zookeeper.replace", "zookeeper.tell",
        "migration.await", "migration.metadata",
    }  # fmt: skip
    assert {name for name in ACTIONS if not name.startswith("test.")} - planned - real == set()


def find_action_of(prefix: str) -> None:
    """Load a family's actions."""
    for name in ("topic.create", "group.delete", "reassign.move", "disk.move", "zookeeper.join", "node.stop",
                 "upgrade.features"):  # fmt: skip
        if name.startswith(prefix):
            find_action(name)
