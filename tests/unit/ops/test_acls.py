"""Access control lists: what is shown, added, taken away and brought back."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from kappaflow.cli.acls import entries as cli_entries
from kappaflow.errors import UsageError
from kappaflow.ops import acls
from kappaflow.ops.acls import AclFilter
from kappaflow.ops.admin import AclEntry
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner
from kappaflow.ops.session import OpsSession
from kappaflow.testing.simulated_cluster import SimulatedCluster
from kappaflow.testing.simulated_cluster.acls import SimulatedAcls

READ = AclEntry("topic", "orders", "literal", "User:alice", "*", "Read", "allow")
ALL_LOGS = AclEntry("topic", "logs-", "prefixed", "User:bob", "*", "All", "allow")
EVERYTHING = AclEntry("topic", "*", "literal", "User:carol", "*", "Describe", "allow")


def run(session: OpsSession, plan: Plan, home: Path, work: str = "apply") -> None:
    with PlanJournal(plan, home / "journal") as journal:
        runner = PlanRunner(session, plan, journal, AuditLog(home / "audit.jsonl"))
        getattr(runner, work)()
        assert runner.verify() == []


@pytest.fixture(name="cluster")
def with_entries() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.state.acls = {READ, ALL_LOGS, EVERYTHING}
    return cluster


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(cli_entries).failed == 0


@pytest.mark.parametrize(
    ("only", "found"),
    [
        (AclFilter(), {READ, ALL_LOGS, EVERYTHING}),
        (AclFilter("topic", "orders"), {READ}),
        (AclFilter("topic", "orders", matching=True), {READ, EVERYTHING}),
        (AclFilter("topic", "logs-web", matching=True), {ALL_LOGS, EVERYTHING}),
        (AclFilter(principal="User:bob"), {ALL_LOGS}),
        (AclFilter("group"), set()),
    ],
)
def test_entries_are_filtered(cluster: SimulatedCluster, only: AclFilter, found: set[AclEntry]) -> None:
    assert set(acls.list_acls(cluster.session(), only)) == found


def test_what_is_added_goes_again_and_what_was_there_stays(cluster: SimulatedCluster, tmp_path: Path) -> None:
    entries = [READ, *acls.consumer_acls("User:dave", "orders", "readers")]
    plan = acls.plan_add(cluster.session(), entries)
    assert len(plan.effects) == 3
    run(cluster.session(), plan, tmp_path)
    assert set(entries) <= cluster.state.acls
    run(cluster.session(), plan, tmp_path, "undo")
    assert cluster.state.acls == {READ, ALL_LOGS, EVERYTHING}


def test_what_is_taken_away_comes_back(cluster: SimulatedCluster, tmp_path: Path) -> None:
    plan = acls.plan_remove(cluster.session(), [READ, EVERYTHING])
    assert plan.confirmation == "remove"
    run(cluster.session(), plan, tmp_path)
    assert cluster.state.acls == {ALL_LOGS}
    run(cluster.session(), plan, tmp_path, "undo")
    assert cluster.state.acls == {READ, ALL_LOGS, EVERYTHING}


def test_a_broker_that_learns_later_is_waited_for(
    cluster: SimulatedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second question after the change goes to a broker that does not know it yet."""
    plan = acls.plan_remove(cluster.session(), [READ])
    right, taken_away = SimulatedAcls.list, [False, True, False, True]

    def listed(self: SimulatedAcls) -> list[AclEntry]:
        found = right(self)
        is_late = READ not in found and taken_away and not taken_away.pop(0)
        return sorted({*found, READ}) if is_late else found

    monkeypatch.setattr(SimulatedAcls, "list", listed)
    run(cluster.session(), plan, tmp_path)
    assert taken_away == []


def test_what_changes_nothing_is_refused(cluster: SimulatedCluster) -> None:
    with pytest.raises(UsageError):
        acls.plan_add(cluster.session(), [READ])
    with pytest.raises(UsageError):
        acls.plan_remove(cluster.session(), [READ._replace(operation="Write")])


def test_dangers_are_named(cluster: SimulatedCluster) -> None:
    everybody = acls.plan_add(cluster.session(), [READ._replace(principal="User:*")])
    denial = acls.plan_add(cluster.session(), [READ._replace(permission="deny")])
    assert [w.key for w in everybody.warnings] == ["acl.everybody"]
    assert [w.key for w in denial.warnings] == ["acl.deny"]


@pytest.mark.parametrize(
    ("given", "meant"), [("read", "Read"), ("describe-configs", "DescribeConfigs"), ("ALL", "All")]
)
def test_operations_are_found_in_any_spelling(given: str, meant: str) -> None:
    assert cli_entries.operation_of(given) == meant


def test_an_unknown_operation_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="DescribeConfigs"):
        cli_entries.operation_of("raed")
