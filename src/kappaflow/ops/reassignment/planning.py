"""Moves as a plan: in batches, under a throttle, with what they copy and how long that takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UnsafeError
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.reassignment.hours import HourWindow
from kappaflow.ops.reassignment.layout import Layout, Load, Moves
from kappaflow.ops.reassignment.throttles import (
    find_throttles,
    joined_lists,
    set_by_others,
    throttled_brokers,
    throttled_replicas,
)
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, message, text

PARTITIONS_SHOWN = 40
BATCH_PARTITIONS = 50


def plan_moves(
    session: OpsSession,
    layout: Layout,
    moves: Moves,
    title: Text,
    *,
    throttle_bytes_per_s: int | None = None,
    batch: int = BATCH_PARTITIONS,
    hours: HourWindow | None = None,
    keep_leaders: bool = False,
    elect: bool = True,
    confirmation: str = "",
) -> Plan:
    """A plan that moves partitions.

    Args:
        session: the cluster.
        layout: the placement that the moves were made on.
        moves: the new replicas.
        title: what it is for.
        throttle_bytes_per_s: what each broker may copy at most; no limit by default.
        batch: how many partitions move at once.
        hours: the hours of the day in which moves are begun; at once by default.
        keep_leaders: whether every leader has to be the same afterwards, which is verified.
        elect: whether preferred leaders are elected at the end.
        confirmation: the word to type.

    Raises:
        UnsafeError: somebody else's reassignment of one of these partitions is under way, or a partition is offline.
    """
    require_quiet(session, moves)
    for name in sorted(moves):
        if layout.leaders[name] < 0:
            raise UnsafeError(message("reassign.offline", partition=str(name)))
    steps: list[Step] = []
    limit: dict[str, Any] = {
        "rate": throttle_bytes_per_s,
        "brokers": throttled_brokers(layout.replicas, moves),
        "topics": throttled_replicas(layout.replicas, moves),
    }
    found = find_throttles(session)
    kept = set_by_others(found, limit["brokers"], limit["topics"])
    throttled = throttle_bytes_per_s is not None and bool(limit["topics"])
    at: dict[str, Any] = {} if hours is None else {"hours": [hours.begin, hours.end]}
    if throttled:
        steps.append(Step("reassign.throttle", limit | {"topics": joined_lists(limit["topics"], kept)} | at))
    names = sorted(moves, key=lambda name: (layout.sizes[name], name))
    for start in range(0, len(names), max(1, batch)):
        rows = [_row(layout, name, moves[name]) for name in names[start : start + max(1, batch)]]
        steps.append(Step("reassign.move", {"partitions": rows, "keep_leaders": keep_leaders} | at))
    if throttled:
        steps.append(Step("reassign.unthrottle", limit | {"kept": [list(row) for row in kept]}))
    if elect:
        rows = [{"topic": n.topic, "partition": n.partition, "leader": moves[n][0]} for n in sorted(moves)]
        steps.append(Step("reassign.lead", {"partitions": rows}))
    effects = _effects(layout, moves, throttle_bytes_per_s)
    if hours is not None:
        effects.append(_hours_effect(session, hours))
    static = sorted({t.resource.name for t in found if t.is_static})
    warnings = [text("reassign.static", brokers=", ".join(static))] if static else []
    if throttled and kept:
        names_of = sorted({f"{row.kind} {row.name}" for row in kept})
        warnings.append(text("reassign.others_throttle", resources=", ".join(names_of)))
    facts = {"bytes": copied_bytes(layout, moves)}
    return new_plan(session, title, steps, effects=effects, warnings=warnings, confirmation=confirmation, facts=facts)


def copied_bytes(layout: Layout, moves: Moves) -> int:
    """What moves copy in all."""
    return sum(layout.sizes[n] * len(set(after) - set(layout.replicas[n])) for n, after in moves.items())


def busiest_bytes(layout: Layout, moves: Moves) -> int:
    """What the broker copies that copies most; it decides how long moves take under a limit.

    A limit holds for what a broker takes and, apart from that, for what it sends as the leader of partitions.
    """
    taken: Counter[int] = Counter()
    sent: Counter[int] = Counter()
    for name, after in moves.items():
        new = set(after) - set(layout.replicas[name])
        taken.update(dict.fromkeys(new, layout.sizes[name]))
        sent[layout.leaders[name]] += layout.sizes[name] * len(new)
    return max((*taken.values(), *sent.values()), default=0)


def _row(layout: Layout, name: TopicPartition, after: tuple[int, ...]) -> dict[str, Any]:
    return {
        "topic": name.topic,
        "partition": name.partition,
        "from": list(layout.replicas[name]),
        "to": list(after),
        "leader": layout.leaders[name],
        "bytes": layout.sizes[name] * len(set(after) - set(layout.replicas[name])),
    }


def require_quiet(session: OpsSession, names: Collection[TopicPartition]) -> None:
    """Hold that nobody moves these partitions now; while one moves, its replicas are the old and the new ones.

    Raises:
        UnsafeError: a reassignment of one is under way.
    """
    wanted = set(names)
    for row in session.admin.placement.reassignments():
        if row.partition in wanted:
            raise UnsafeError(message("reassign.under_way", partition=str(row.partition)))


def _effects(layout: Layout, moves: Moves, rate: int | None) -> list[Text]:
    copied = copied_bytes(layout, moves)
    after = Load.of(layout)
    before = Load.of(layout)
    for name, replicas in moves.items():
        after.change(name, layout.replicas[name], replicas, layout.sizes[name])
    most = busiest_bytes(layout, moves)
    effects = [text("reassign.effect.total", partitions=len(moves), bytes=copied, mib=f"{copied / (1 << 20):,.1f}")]
    if rate and most:
        minutes = most / rate / 60
        effects.append(text("reassign.effect.time", rate=f"{rate / (1 << 20):,.1f}", minutes=f"{minutes:,.1f}"))
    effects += [_broker_effect(broker, before, after) for broker in sorted(after.replicas)]
    shown = sorted(moves)[:PARTITIONS_SHOWN]
    effects += [_partition_effect(layout, name, moves[name]) for name in shown]
    if len(moves) > len(shown):
        effects.append(text("reassign.effect.more", count=len(moves) - len(shown)))
    return effects


def _hours_effect(session: OpsSession, hours: HourWindow) -> Text:
    minutes = hours.wait_ms(session.clock.time_ms()) // 60_000
    if hours.rate < 0:
        return text("reassign.effect.hours", hours=hours.text(), minutes=minutes)
    rate, usual = f"{hours.rate:,.0f}", f"{hours.usual:,.0f}"
    return text("reassign.effect.quiet", hours=hours.text(), minutes=minutes, rate=rate, usual=usual)


def _broker_effect(broker: int, before: Load, after: Load) -> Text:
    return text(
        "reassign.effect.broker",
        broker=broker,
        before=before.replicas[broker],
        after=after.replicas[broker],
        leaders_before=before.leaders[broker],
        leaders_after=after.leaders[broker],
        mib=f"{(after.bytes[broker] - before.bytes[broker]) / (1 << 20):+,.1f}",
    )


def _partition_effect(layout: Layout, name: TopicPartition, after: tuple[int, ...]) -> Text:
    return text(
        "reassign.effect.partition",
        partition=str(name),
        before=list(layout.replicas[name]),
        after=list(after),
        leader=layout.leaders[name],
    )


def moves_from_rows(rows: list[Mapping[str, Any]]) -> Moves:
    """Moves as Kafka's own tool writes them: ``topic``, ``partition``, ``replicas``."""
    return {TopicPartition(r["topic"], r["partition"]): tuple(r["replicas"]) for r in rows}
