"""Users, quotas, and brokers that leave: plans on a simulated cluster."""

from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest

from kappaflow.errors import UnsafeError, UsageError
from kappaflow.ops import users
from kappaflow.ops.admin.user_faces import QuotaEntity
from kappaflow.ops.brokers.decommission import plan_decommission
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner, read_plan, write_plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.users import passwords
from kappaflow.testing.simulated_cluster import SimulatedCluster

ALICE = QuotaEntity(user="alice")
PASSWORD = "a password that is nowhere"


def run(session: OpsSession, plan: Plan, home: Path, work: str = "apply") -> list[str]:
    with PlanJournal(plan, home / "journal") as journal:
        runner = PlanRunner(session, plan, journal, AuditLog(home / "audit.jsonl"))
        getattr(runner, work)()
        return [str(p.problem) for p in runner.verify()]


@pytest.fixture(name="cluster")
def four_brokers() -> SimulatedCluster:
    cluster = SimulatedCluster(brokers=4)
    cluster.add_topic("orders", 8, 2, size_bytes=1 << 20)
    cluster.state.quotas[ALICE] = {"producer_byte_rate": 1000.0, "request_percentage": 50.0}
    return cluster


@pytest.fixture(name="password_file")
def with_password(tmp_path: Path) -> str:
    (tmp_path / "password").write_text(PASSWORD + "\nsecond line\n")
    return str(tmp_path / "password")


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(passwords).failed == 0


def test_quotas_change_and_come_back(cluster: SimulatedCluster, tmp_path: Path) -> None:
    changes = {"producer_byte_rate": 2000.0, "request_percentage": None, "consumer_byte_rate": 5.0}
    plan = users.plan_quotas(cluster.session(), ALICE, changes)
    assert run(cluster.session(), plan, tmp_path) == []
    assert cluster.state.quotas[ALICE] == {"producer_byte_rate": 2000.0, "consumer_byte_rate": 5.0}
    run(cluster.session(), plan, tmp_path, "undo")
    assert cluster.state.quotas[ALICE] == {"producer_byte_rate": 1000.0, "request_percentage": 50.0}


@pytest.mark.parametrize(
    ("entity", "changes"),
    [
        (QuotaEntity(), {"producer_byte_rate": 1.0}),
        (QuotaEntity(user="a", ip="10.0.0.1"), {"producer_byte_rate": 1.0}),
        (QuotaEntity(ip="10.0.0.1"), {"producer_byte_rate": 1.0}),
        (ALICE, {"connection_creation_rate": 1.0}),
        (ALICE, {"producer_rate": 1.0}),
        (ALICE, {"producer_byte_rate": 0.0}),
        (ALICE, {"producer_byte_rate": 1000.0}),
        (ALICE, {"consumer_byte_rate": None}),
    ],
)
def test_quotas_that_cannot_be_are_refused(
    cluster: SimulatedCluster, entity: QuotaEntity, changes: dict[str, float | None]
) -> None:
    with pytest.raises(UsageError):
        users.plan_quotas(cluster.session(), entity, changes)


def test_a_default_is_warned_of(cluster: SimulatedCluster) -> None:
    plan = users.plan_quotas(cluster.session(), QuotaEntity(client_id="<default>"), {"consumer_byte_rate": 1.0})
    assert [w.key for w in plan.warnings] == ["quota.per_broker", "quota.everybody"]


def test_a_password_is_in_no_plan_and_no_log(cluster: SimulatedCluster, tmp_path: Path, password_file: str) -> None:
    plan = users.plan_add_user(cluster.session(), "bob", password_file=password_file)
    write_plan(plan, tmp_path / "plan.json")
    assert run(cluster.session(), read_plan(tmp_path / "plan.json"), tmp_path) == []
    assert set(cluster.state.credentials) == {("bob", "SCRAM-SHA-256"), ("bob", "SCRAM-SHA-512")}
    iterations, salt, salted = cluster.state.credentials["bob", "SCRAM-SHA-512"]
    assert salted == passwords.salted_password("SCRAM-SHA-512", PASSWORD, salt, iterations)
    told = [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "password"]
    assert {"plan.json", "journal", "audit.jsonl"} <= {p.name for p in told}
    for path in told:
        for secret in (PASSWORD, salted.hex(), json.dumps(list(salted))):
            assert secret not in path.read_text()
    run(cluster.session(), plan, tmp_path, "undo")
    assert cluster.state.credentials == {}


def test_a_password_that_is_replaced_is_confirmed_and_not_undone(
    cluster: SimulatedCluster, tmp_path: Path, password_file: str
) -> None:
    cluster.users.put("bob", "SCRAM-SHA-256", 4096, b"old", b"old")
    plan = users.plan_add_user(cluster.session(), "bob", ["SCRAM-SHA-256"], password_file=password_file)
    assert plan.confirmation == "bob"
    run(cluster.session(), plan, tmp_path)
    with pytest.raises(UnsafeError):
        run(cluster.session(), plan, tmp_path, "undo")
    gone = users.plan_remove_user(cluster.session(), "bob")
    (tmp_path / "gone").mkdir()
    assert run(cluster.session(), gone, tmp_path / "gone") == []
    assert cluster.state.credentials == {}
    with pytest.raises(UsageError):
        users.plan_remove_user(cluster.session(), "bob")


def test_a_password_file_that_is_gone_stops_the_plan(
    cluster: SimulatedCluster, tmp_path: Path, password_file: str
) -> None:
    plan = users.plan_add_user(cluster.session(), "bob", password_file=password_file)
    Path(password_file).unlink()
    with pytest.raises(UnsafeError, match="password"):
        run(cluster.session(), plan, tmp_path)
    assert cluster.state.credentials == {}


@pytest.mark.parametrize(("iterations", "mechanisms"), [(100, ["SCRAM-SHA-256"]), (4096, ["PLAIN"]), (4096, [])])
def test_users_that_brokers_would_refuse(
    cluster: SimulatedCluster, password_file: str, iterations: int, mechanisms: list[str]
) -> None:
    with pytest.raises(UsageError):
        users.plan_add_user(cluster.session(), "bob", mechanisms, password_file=password_file, iterations=iterations)


def test_a_broker_leaves_for_good_and_may_come_back(cluster: SimulatedCluster, tmp_path: Path) -> None:
    """Its machine is not known: a person stops it, and for undoing starts it."""
    before = {n: list(p.replicas) for n, p in enumerate(cluster.state.topics["orders"])}
    plan = plan_decommission(cluster.session(), 4)
    assert [s.action for s in plan.steps if not s.action.startswith("reassign")] == [
        "broker.await_gone",
        "broker.unregister",
    ]
    assert plan.confirmation == "4"
    person = {"stop": lambda: cluster.stop_broker(4), "start": lambda: cluster.start_broker(4)}

    def session(what: str) -> OpsSession:
        def pause(seconds: float) -> None:
            cluster.advance(seconds)
            holds = any(4 in p.replicas for p in cluster.state.topics["orders"])
            moving = cluster.placement.reassignments()
            if not moving and (what == "start" or not holds):
                if 4 not in cluster.state.brokers:
                    cluster.add_broker(4)
                person[what]()

        return OpsSession(cluster.session().context, admin=cluster, clock=cluster.clock, pause=pause)

    assert run(session("stop"), plan, tmp_path) == []
    assert 4 not in cluster.state.brokers
    assert all(4 not in p.replicas for p in cluster.state.topics["orders"])
    run(session("start"), plan, tmp_path, "undo")
    assert {n: list(p.replicas) for n, p in enumerate(cluster.state.topics["orders"])} == before


def test_what_may_not_leave_is_refused(cluster: SimulatedCluster, tmp_path: Path) -> None:
    with pytest.raises(UnsafeError, match="kappa quorum remove 1"):
        plan_decommission(cluster.session(), 1)
    cluster.stop_broker(4)
    plan = plan_decommission(cluster.session(), 4)
    assert plan.steps[-1].action == "broker.unregister"
    only_last = Plan(**{**plan.__dict__, "steps": plan.steps[-1:]})
    with pytest.raises(UnsafeError, match="orders"):
        run(cluster.session(), only_last, tmp_path)
