"""Ways between versions, what they change, and their plans, on a small cluster."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_world import BrokerWorld, Crash
from kappaflow.cli.cluster.upgrade import texts as cli_texts
from kappaflow.errors import PlanError, UnsafeError, UsageError
from kappaflow.ops.contexts import ClusterContext, HostEntry
from kappaflow.ops.plans import AuditLog, Plan, PlanJournal, PlanRunner
from kappaflow.ops.upgrade import texts
from kappaflow.ops.upgrade.compatibility import UpgradeReport, blockers, compare, java_major
from kappaflow.ops.upgrade.paths import java_needed, path_between, why_no_path
from kappaflow.ops.upgrade.planning import plan_upgrade


@pytest.mark.parametrize(
    ("old", "new", "mode", "keys"),
    [
        ("2.8.2", "3.9.2", "zookeeper", []),
        ("3.9.2", "4.0.0", "zookeeper", ["upgrade.migrate_first"]),
        ("3.9.2", "4.3.0", "kraft", []),
        ("3.2.3", "4.0.0", "kraft", ["upgrade.kraft_too_old"]),
        ("3.9.2", "3.8.1", "zookeeper", ["upgrade.not_newer"]),
        ("4.0.0", "4.0.0", "kraft", ["upgrade.not_newer"]),
    ],
)
def test_ways_there_are_and_ways_there_are_not(old: str, new: str, mode: Any, keys: list[str]) -> None:
    assert [reason.key for reason in why_no_path(old, new, mode)] == keys


def test_the_old_protocol_holds_until_all_have_the_new_software() -> None:
    path = path_between("2.8.2", "3.9.2", "zookeeper")
    assert (path.protocol_before, path.protocol_after, path.format_before) == ("2.8", "3.9", "2.8")
    path = path_between("3.8.1", "3.9.2", "zookeeper", protocol_now="3.6-IV2")
    assert (path.protocol_before, path.protocol_after, path.format_before) == ("3.6", "3.9", "")


def test_removed_options_concern_who_sets_them_and_changed_defaults_who_does_not() -> None:
    settings: Any = {"broker": {"broker 1": {"zookeeper.connect": "x", "num.recovery.threads.per.data.dir": "1"}}}
    changes = {(c.change, c.name): c for c in compare("3.9.2", "4.0.0", settings)}
    assert changes["removed", "zookeeper.connect"].set_on == ("broker 1",)
    assert changes["removed", "zookeeper.connect"].concerns
    assert not changes["removed", "log.message.format.version"].concerns
    assert not changes["default", "num.recovery.threads.per.data.dir"].concerns
    assert changes["default", "log.message.timestamp.after.max.ms"].concerns
    assert changes["default", "log.message.timestamp.after.max.ms"].after == "3600000"


def test_what_a_version_brings_is_what_the_other_way_takes() -> None:
    there = {c.name for c in compare("2.8.2", "4.3.0", {}) if c.change == "added"}
    back = {c.name for c in compare("4.3.0", "2.8.2", {}) if c.change == "removed"}
    assert there == back
    assert there


def line(*, zookeeper: str = "127.0.0.1:1") -> tuple[Any, Any]:
    """Three brokers of 3.8.1 and what opens a session on them."""
    world = BrokerWorld(3, {"orders": ([[1, 2, 3], [2, 3, 1], [3, 1, 2]], 2)})
    options = {"software": "/opt/kafka"}
    hosts = tuple(HostEntry(n, ("broker",), "ssh", f"m{n}", "kafka", f"/n/{n}/p", options) for n in world.running)
    return world, lambda: world.session(ClusterContext("prod", "127.0.0.1:1", zookeeper=zookeeper, hosts=hosts))


def work(opens: Any, plan: Plan, path: Path, *, undo: bool = False) -> None:
    with PlanJournal(plan, path / "journal") as journal:
        runner = PlanRunner(opens(), plan, journal, AuditLog(path / "audit.jsonl"))
        (runner.undo if undo else runner.apply)()
        assert runner.verify() == []


def test_a_zookeeper_line_goes_in_two_phases(tmp_path: Path) -> None:
    world, opens = line()
    plan = plan_upgrade(opens(), "3.9.2", software="/opt/new")
    work(opens, plan, tmp_path)
    assert set(world.started_from.values()) == {"/opt/new"}
    assert all("inter.broker.protocol.version=3.9\n" in text for text in world.started_with.values())
    stops = [event for event in world.events if event.startswith("stop")]
    assert stops == ["stop 1", "stop 2", "stop 3", "stop 1", "stop 2", "stop 3"]
    assert world.written_out == []
    with pytest.raises(UnsafeError, match=r"cannot be taken back"):
        work(opens, plan, tmp_path, undo=True)


def test_a_full_stop_stops_all_before_one_starts_and_is_taken_back(tmp_path: Path) -> None:
    world, opens = line()
    files = dict(world.files)
    plan = plan_upgrade(opens(), "3.9.2", software="/opt/new", strategy="full-stop", finalize=False)
    assert plan.confirmation == "prod"
    work(opens, plan, tmp_path)
    moves = [event.split()[0] for event in world.events if event[:4] in ("stop", "star")]
    assert moves == ["stop"] * 3 + ["start"] * 3
    assert set(world.started_from.values()) == {"/opt/new"}
    work(opens, plan, tmp_path, undo=True)
    assert set(world.started_from.values()) == {"/opt/old"}
    assert world.started_with == files


def test_software_that_is_not_there_stops_before_the_first_broker_is_changed(tmp_path: Path) -> None:
    world, opens = line()
    plan = plan_upgrade(opens(), "3.9.2", software="/opt/kafka_2.13-{version}")
    with pytest.raises(UnsafeError, match=r"/opt/kafka_2\.13-3\.9\.2"):
        work(opens, plan, tmp_path)
    assert set(world.links.values()) == {"/opt/old"}


def test_without_a_template_other_machines_cannot_be_upgraded() -> None:
    _, opens = line()
    with pytest.raises(UsageError, match="--software"):
        plan_upgrade(opens(), "3.9.2")


def test_4_is_refused_with_zookeeper() -> None:
    _, opens = line()
    with pytest.raises(UnsafeError, match=r"migrate to KRaft"):
        plan_upgrade(opens(), "4.0.0", software="/opt/new")


@settings(max_examples=50, deadline=None)
@given(budgets=st.lists(st.integers(0, 20), max_size=5), undo=st.booleans())
def test_a_crash_anywhere_is_resumed_or_taken_back(
    tmp_path_factory: pytest.TempPathFactory, budgets: list[int], undo: bool
) -> None:
    path = tmp_path_factory.mktemp("plan")
    world, opens = line()
    files = dict(world.files)
    plan = plan_upgrade(opens(), "3.9.2", software="/opt/new", finalize=not undo)
    taking_back = False
    for budget in budgets:
        world.budget = budget
        with contextlib.suppress(Crash, *([PlanError] if taking_back else [])):
            work(opens, plan, path, undo=taking_back)
        taking_back = undo and any(world.events)
    world.budget = None
    with contextlib.suppress(*([PlanError] if undo else [])):
        work(opens, plan, path, undo=undo)
    assert all(world.running.values())
    assert world.written_out == []
    assert world.started_from == dict.fromkeys(world.running, "/opt/old" if undo else "/opt/new")
    assert world.started_with == world.files
    wanted = "" if undo else "inter.broker.protocol.version=3.9\n"
    assert world.files == {n: text + wanted for n, text in files.items()}


def test_java_that_is_too_old_is_named() -> None:
    assert (java_needed("3.9.2"), java_needed("4.0.0")) == (8, 17)
    found = UpgradeReport("3.9.2", "4.0.0", (), 17, {"broker 1": 11, "broker 2": 17, "broker 3": 0}, "2.1", "", "")
    assert list(blockers(found)) == ["broker 1"]
    assert java_major("no java here") == 0


def test_texts_exist_in_both_languages() -> None:
    for module in (texts, cli_texts):
        assert set(module.ENGLISH) == set(module.KOREAN)
