"""The plans of reassignment, each from what a person wants."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kappaflow.errors import UnsafeError, UsageError
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.reassignment.balancing import balance_moves
from kappaflow.ops.reassignment.draining import drain_moves
from kappaflow.ops.reassignment.hours import HourWindow
from kappaflow.ops.reassignment.layout import chosen_partitions, observe_layout
from kappaflow.ops.reassignment.planning import BATCH_PARTITIONS, moves_from_rows, plan_moves, require_quiet
from kappaflow.ops.reassignment.replication_factor import replication_moves
from kappaflow.ops.reassignment.throttles import LISTS, find_throttles
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message, text


@dataclass(frozen=True)
class MoveOptions:
    """How moves are made.

    Attributes:
        throttle_bytes_per_s: what each broker may copy at most; no limit by default.
        batch: how many partitions move at once.
        hours: the hours of the day in which moves are begun; at once by default.
    """

    throttle_bytes_per_s: int | None = None
    batch: int = BATCH_PARTITIONS
    hours: HourWindow | None = None

    def arguments(self) -> dict[str, Any]:
        """As `plan_moves` takes them."""
        return {"throttle_bytes_per_s": self.throttle_bytes_per_s, "batch": self.batch, "hours": self.hours}


DEFAULT_OPTIONS = MoveOptions()


def plan_replication_factor(
    session: OpsSession, topics: Collection[str], factor: int, options: MoveOptions = DEFAULT_OPTIONS
) -> Plan:
    """A plan that gives topics another number of replicas. Every leader stays, which is verified.

    Raises:
        UsageError: there is no such topic, there are fewer brokers, or nothing would change.
        UnsafeError: a reassignment of them is under way, or one has no leader.
    """
    layout = observe_layout(session)
    require_quiet(session, chosen_partitions(layout, topics))
    moves = replication_moves(layout, factor, topics)
    title = text("reassign.title.factor", topics=", ".join(sorted(topics)), factor=factor)
    return plan_moves(session, layout, moves, title, keep_leaders=True, elect=False, **options.arguments())


def plan_drain(session: OpsSession, brokers: Collection[int], options: MoveOptions = DEFAULT_OPTIONS) -> Plan:
    """A plan that takes all replicas off brokers, which may be away.

    Raises:
        UsageError: a partition would have nowhere to go, or there is nothing on them.
        UnsafeError: a reassignment of their partitions is under way.
    """
    layout = observe_layout(session)
    names = ", ".join(map(str, sorted(brokers)))
    title = text("reassign.title.drain", brokers=names)
    return plan_moves(session, layout, drain_moves(layout, brokers), title, confirmation=names, **options.arguments())


def plan_scale_out(session: OpsSession, brokers: Collection[int], options: MoveOptions = DEFAULT_OPTIONS) -> Plan:
    """A plan that gives new brokers their share, with the fewest moves.

    Raises:
        UsageError: a broker has not joined, or nothing would change.
        UnsafeError: a reassignment of the same partitions is under way.
    """
    layout = observe_layout(session)
    title = text("reassign.title.scale_out", brokers=", ".join(map(str, sorted(brokers))))
    moves = balance_moves(layout, receivers=brokers)
    return plan_moves(session, layout, moves, title, **options.arguments())


def plan_balance(
    session: OpsSession, topics: Collection[str] | None = None, options: MoveOptions = DEFAULT_OPTIONS
) -> Plan:
    """A plan that levels replicas and preferred leadership over all brokers, with the fewest moves.

    Raises:
        UsageError: there is no such topic, or nothing would change.
        UnsafeError: a reassignment of the same partitions is under way.
    """
    layout = observe_layout(session)
    title = text("reassign.title.balance", brokers=len(layout.racks))
    return plan_moves(session, layout, balance_moves(layout, topics=topics), title, **options.arguments())


def plan_from_file(session: OpsSession, path: Path, options: MoveOptions = DEFAULT_OPTIONS) -> Plan:
    """A plan of the moves in a file as kafka-reassign-partitions takes it.

    Raises:
        UsageError: the file cannot be read, or a partition does not exist.
        UnsafeError: a reassignment of the same partitions is under way.
    """
    try:
        moves = moves_from_rows(json.loads(path.read_text(encoding="utf-8"))["partitions"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(message("reassign.bad_file", path=path, reason=error)) from error
    layout = observe_layout(session)
    unknown = sorted(set(moves) - set(layout.replicas))
    if unknown:
        raise UsageError(message("reassign.gone", partition=str(unknown[0])))
    wanted = {name: after for name, after in moves.items() if after != layout.replicas[name]}
    if not wanted:
        raise UsageError(message("reassign.balanced"))
    title = text("reassign.title.file", path=path.name, count=len(wanted))
    return plan_moves(session, layout, wanted, title, elect=False, **options.arguments())


def plan_cancel(session: OpsSession) -> Plan:
    """A plan that cancels all reassignments under way, by whomever they were begun.

    Raises:
        UsageError: none is under way.
    """
    rows = session.admin.placement.reassignments()
    if not rows:
        raise UsageError(message("reassign.idle"))
    partitions = [
        {
            "topic": row.partition.topic,
            "partition": row.partition.partition,
            "to": [b for b in row.replicas if b not in row.removing],
        }
        for row in rows
    ]
    effects = [text("reassign.effect.cancel", partition=str(r.partition), adding=list(r.adding)) for r in rows]
    title = text("reassign.title.cancel", count=len(rows))
    step = Step("reassign.cancel", {"partitions": partitions})
    return new_plan(session, title, [step], effects=effects, confirmation="cancel")


def plan_clean_throttles(session: OpsSession) -> Plan:
    """A plan that lifts throttles that were left behind. Those in properties files stay and are named.

    Raises:
        UsageError: none is set.
        UnsafeError: reassignments are under way that they may belong to.
    """
    found = find_throttles(session)
    own = [t for t in found if not t.is_static]
    if not own:
        raise UsageError(message("reassign.clean"))
    if session.admin.placement.reassignments():
        raise UnsafeError(message("reassign.busy"))
    steps = [
        Step(
            "config.set",
            {"kind": t.resource.kind, "name": t.resource.name, "key": t.key, "value": None, "sensitive": False},
        )
        for t in own
    ]
    effects = [
        text(
            "reassign.effect.throttle",
            resource=f"{t.resource.kind} {t.resource.name or '*'}",
            config=t.key,
            value=t.value if t.key not in LISTS else "..",
        )
        for t in own
    ]
    static = sorted({t.resource.name for t in found if t.is_static})
    warnings = [text("reassign.static", brokers=", ".join(static))] if static else []
    title = text("reassign.title.clean", count=len(own))
    return new_plan(session, title, steps, effects=effects, warnings=warnings)
