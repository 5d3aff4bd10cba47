"""Plans: apply, crash, resume, undo; the journal and the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kappaflow.errors import PlanError, UnsafeError
from kappaflow.ops.contexts import ClusterContext
from kappaflow.ops.plans import ACTIONS, AuditLog, Plan, PlanJournal, PlanRunner, Step, StepState, read_plan, write_plan
from kappaflow.ops.plans.action import load_texts
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, register, text

register({"test.step": "step {n}", "test.refused": "not now"}, {"test.step": "{n}단계", "test.refused": "지금은 안 됨"})


class Crash(BaseException):
    """The process ends here."""


class World:
    """A cluster of numbered switches that crashes when its budget of changes is used up."""

    def __init__(self) -> None:
        self.switches: dict[int, int] = {}
        self.budget: int | None = None
        self.refused: set[int] = set()

    def spend(self) -> None:
        if self.budget is not None:
            if self.budget == 0:
                raise Crash
            self.budget -= 1


class Switch:
    """Set a switch; each apply and undo can crash before and after the change."""

    name = "test.switch"

    def __init__(self, world: World) -> None:
        self.world = world

    def describe(self, arguments: Mapping[str, Any]) -> Text:
        return text("test.step", n=arguments["switch"])

    def is_reversible(self, arguments: Mapping[str, Any]) -> bool:
        return not arguments.get("final", False)

    def check(self, session: OpsSession, arguments: Mapping[str, Any]) -> list[Text]:
        return [text("test.refused")] if arguments["switch"] in self.world.refused else []

    def capture(self, session: OpsSession, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"before": self.world.switches.get(arguments["switch"])}

    def is_applied(self, session: OpsSession, arguments: Mapping[str, Any]) -> bool:
        return self.world.switches.get(arguments["switch"]) == arguments["to"]

    def apply(self, session: OpsSession, arguments: Mapping[str, Any], progress: Any) -> None:
        self.world.spend()
        self.world.switches[arguments["switch"]] = arguments["to"]
        self.world.spend()

    def verify(self, session: OpsSession, arguments: Mapping[str, Any]) -> list[Text]:
        return [] if self.is_applied(session, arguments) else [text("test.step", n=arguments["switch"])]

    def undo(
        self, session: OpsSession, arguments: Mapping[str, Any], captured: Mapping[str, Any], progress: Any
    ) -> None:
        self.world.spend()
        if captured["before"] is None:
            self.world.switches.pop(arguments["switch"], None)
        else:
            self.world.switches[arguments["switch"]] = captured["before"]
        self.world.spend()


@pytest.fixture(name="world")
def a_world() -> Iterator[World]:
    world = World()
    ACTIONS["test.switch"] = Switch(world)
    yield world
    del ACTIONS["test.switch"]


def plan_of(*steps: Mapping[str, Any]) -> Plan:
    rows = tuple(Step("test.switch", dict(step)) for step in steps)
    return Plan("p1", text("test.step", n=0), "dev", "", "2026-01-01T00:00:00+00:00", (), (), "", rows)


def runner(plan: Plan, journal: PlanJournal, home: Path, *, read_only: bool = False) -> PlanRunner:
    session = OpsSession(ClusterContext("dev", "127.0.0.1:1", read_only=read_only))
    return PlanRunner(session, plan, journal, AuditLog(home / "audit.jsonl"))


def test_steps_run_in_order_and_are_undone_backwards(world: World, tmp_path: Path) -> None:
    plan = plan_of({"switch": 1, "to": 5}, {"switch": 1, "to": 6}, {"switch": 2, "to": 7})
    with PlanJournal(plan, tmp_path / "j") as journal:
        work = runner(plan, journal, tmp_path)
        work.apply()
        assert world.switches == {1: 6, 2: 7}
        work.undo()
    assert world.switches == {}


def test_a_refused_step_leaves_the_steps_before_it_done(world: World, tmp_path: Path) -> None:
    plan = plan_of({"switch": 1, "to": 1}, {"switch": 2, "to": 2})
    world.refused = {2}
    with PlanJournal(plan, tmp_path / "j") as journal:
        with pytest.raises(UnsafeError, match=r"Step 2 .*not now|2단계"):
            runner(plan, journal, tmp_path).apply()
        assert journal.states == [StepState.DONE, StepState.PENDING]
        world.refused = set()
        runner(plan, journal, tmp_path).apply()
    assert world.switches == {1: 1, 2: 2}


def test_what_cannot_be_taken_back_is_not_begun_to_be(world: World, tmp_path: Path) -> None:
    plan = plan_of({"switch": 1, "to": 1}, {"switch": 2, "to": 2, "final": True})
    with PlanJournal(plan, tmp_path / "j") as journal:
        runner(plan, journal, tmp_path).apply()
        with pytest.raises(UnsafeError):
            runner(plan, journal, tmp_path).undo()
    assert world.switches == {1: 1, 2: 2}


def test_a_read_only_cluster_is_not_changed(world: World, tmp_path: Path) -> None:
    plan = plan_of({"switch": 1, "to": 1})
    with PlanJournal(plan, tmp_path / "j") as journal, pytest.raises(UnsafeError, match="read-only"):
        runner(plan, journal, tmp_path, read_only=True).apply()
    assert world.switches == {}


@settings(deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=5),
    start=st.dictionaries(st.integers(0, 2), st.integers(4, 6)),
    budgets=st.lists(st.integers(0, 6), max_size=6),
    undo=st.booleans(),
)
def test_crashes_anywhere_change_nothing_about_the_end(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, int]],
    start: dict[int, int],
    budgets: list[int],
    undo: bool,
) -> None:
    home = tmp_path_factory.mktemp("plan")
    world = World()
    ACTIONS["test.switch"] = Switch(world)
    world.switches = dict(start)
    plan = plan_of(*({"switch": switch, "to": to} for switch, to in steps))

    def until_done(work: str) -> None:
        for budget in [*budgets, None]:
            world.budget = budget
            try:
                with PlanJournal(plan, home / "j") as journal:
                    getattr(runner(plan, journal, home), work)()
                    return
            except Crash:
                continue

    until_done("apply")
    if undo:
        until_done("undo")
        assert world.switches == start
    else:
        assert world.switches == start | dict(steps)
    assert AuditLog(home / "audit.jsonl").verify() is None


def test_a_torn_line_of_the_journal_does_not_count(world: World, tmp_path: Path) -> None:
    plan = plan_of({"switch": 1, "to": 1})
    with PlanJournal(plan, tmp_path / "j") as journal:
        journal.move(0, StepState.STARTED, {"before": None})
    with (tmp_path / "j").open("a") as file:
        file.write('{"event": "step", "step": 0, "sta')
    with PlanJournal(plan, tmp_path / "j") as journal:
        assert journal.states == [StepState.STARTED]
        journal.move(0, StepState.DONE)
    with PlanJournal(plan, tmp_path / "j") as journal:
        assert journal.states == [StepState.DONE]


def test_two_processes_do_not_work_on_one_plan(world: World, tmp_path: Path) -> None:
    plan = plan_of({"switch": 1, "to": 1})
    with PlanJournal(plan, tmp_path / "j"), pytest.raises(PlanError, match="Another kappa"):
        PlanJournal(plan, tmp_path / "j")


def test_an_edited_plan_does_not_go_on(world: World, tmp_path: Path) -> None:
    PlanJournal(plan_of({"switch": 1, "to": 1}), tmp_path / "j").close()
    with pytest.raises(PlanError, match="edited"):
        PlanJournal(plan_of({"switch": 1, "to": 2}), tmp_path / "j")


@pytest.mark.parametrize("name", ["plan.json", "plan.yaml"])
def test_a_plan_is_the_same_after_its_file(world: World, tmp_path: Path, name: str) -> None:
    load_texts(["topic.create.title"])
    title = text("topic.create.title", topic="주문")
    plan = Plan("p", title, "dev", "id", "2026", (title,), (), "orders", (Step("test.switch", {"a": [1]}),), {"x": 1})
    write_plan(plan, tmp_path / name)
    assert read_plan(tmp_path / name) == plan


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": 99}'])
def test_what_is_no_plan_is_refused_clearly(tmp_path: Path, content: str) -> None:
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(PlanError):
        read_plan(tmp_path / "p.json")


def _edit(lines: list[str]) -> list[str]:
    row = json.loads(lines[1])
    row["user"] = "somebody else"
    return [lines[0], json.dumps(row), *lines[2:]]


@pytest.mark.parametrize(
    ("change", "line"),
    [(_edit, 2), (lambda lines: [lines[0], *lines[2:]], 2), (lambda lines: [lines[1], *lines[2:]], 1)],
)
def test_a_changed_audit_log_is_noticed(tmp_path: Path, change: Any, line: int) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    for number in range(4):
        log.append("plan.apply", {"number": number})
    assert log.verify() is None
    log.path.write_text("\n".join(change(log.path.read_text().splitlines())) + "\n")
    broken = log.verify()
    assert broken is not None
    assert broken.line == line


def test_the_audit_log_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.append("a", {})
    with log.path.open("a") as file:
        file.write('{"at": "20')
    log.append("b", {})
    assert log.verify() is None
    assert [event["event"] for event in log.events()] == ["a", "b"]
