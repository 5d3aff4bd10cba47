"""Set a group's offsets, as a plan that shows every partition before and after.

Source: the scenarios of kafka-consumer-groups --reset-offsets (KIP-122).
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kappaflow.client.admin import EARLIEST, LATEST
from kappaflow.client.offset_fetch import CommittedOffset
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UnsafeError, UsageError
from kappaflow.ops.groups import texts as _texts
from kappaflow.ops.groups.describing import DEAD
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, message, text

assert _texts
FREE_STATES = (DEAD, "Empty")


@dataclass(frozen=True)
class ResetTarget:
    """Where offsets go.

    Attributes:
        kind: ``earliest``, ``latest``, ``current``, ``offset``, ``shift``, ``time`` or ``file``.
        number: the offset, the number of records (back where negative), or the time in ms since the epoch.
        offsets: for ``file``, the offset of each partition.
    """

    kind: Literal["earliest", "latest", "current", "offset", "shift", "time", "file"]
    number: int = 0
    offsets: Mapping[TopicPartition, int] | None = None

    @classmethod
    def from_file(cls, path: Path) -> ResetTarget:
        """The offsets of a CSV file as kafka-consumer-groups exports it: ``topic,partition,offset``.

        Raises:
            UsageError: it cannot be read.
        """
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.reader(file) if row]
            return cls("file", offsets={TopicPartition(t, int(p)): int(offset) for t, p, offset in rows})
        except (OSError, ValueError) as error:
            raise UsageError(message("group.bad_file", path=path, reason=error)) from error


def plan_reset(
    session: OpsSession, group_id: str, target: ResetTarget, partitions: Collection[TopicPartition] | None = None
) -> Plan:
    """A plan that sets a group's offsets. The offsets before are kept, so it can be undone.

    Args:
        session: the cluster.
        group_id: the group; one that does not exist comes into being.
        target: where the offsets go; those beyond the ends go to the ends.
        partitions: which; all that the group has offsets of by default.

    Raises:
        UnsafeError: the group has members, which would commit over what was set.
        UsageError: there is nothing to set, or a partition does not exist.
    """
    group = session.admin.groups.describe([group_id])[group_id]
    if group.state not in FREE_STATES:
        raise UnsafeError(message("group.active", group=group_id, state=group.state, members=len(group.members)))
    committed = session.admin.groups.offsets([group_id])[group_id]
    chosen = sorted(target.offsets or () if target.kind == "file" else committed if partitions is None else partitions)
    if not chosen:
        raise UsageError(message("group.no_offsets", group=group_id))
    topics = session.admin.topics.describe({p.topic for p in chosen})
    known = {TopicPartition(p.topic, p.partition) for topic in topics.values() for p in topic.partitions}
    unknown = sorted(set(chosen) - known)
    if unknown:
        raise UsageError(message("records.unknown", partition=str(unknown[0])))
    after = _targets(session, target, chosen, committed)
    rows, effects = [], []
    warnings: list[Text] = []
    for partition in chosen:
        before = committed.get(partition)
        rows.append({"topic": partition.topic, "partition": partition.partition, "offset": after[partition]})
        effects.append(
            text(
                "group.reset.effect",
                partition=str(partition),
                before="-" if before is None else before.offset,
                after=after[partition],
                change="" if before is None else f"{after[partition] - before.offset:+}",
            )
        )
    skipped = sum(max(0, after[p] - committed[p].offset) for p in chosen if p in committed)
    again = sum(max(0, committed[p].offset - after[p]) for p in chosen if p in committed)
    if skipped:
        warnings.append(text("group.reset.skips", count=skipped))
    if again:
        warnings.append(text("group.reset.again", count=again))
    step = Step("group.set-offsets", {"group": group_id, "offsets": rows})
    title = text("group.reset.title", group=group_id)
    return new_plan(session, title, [step], effects=effects, warnings=warnings)


def write_offsets(plan: Plan, path: Path) -> None:
    """Write the offsets of a plan of `plan_reset` to a CSV file, as `ResetTarget.from_file` reads it.

    Raises:
        UsageError: the file cannot be written.
    """
    rows = [(r["topic"], r["partition"], r["offset"]) for step in plan.steps for r in step.arguments["offsets"]]
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    except OSError as error:
        raise UsageError(message("group.unwritable", path=path, reason=error.strerror)) from error


def _targets(
    session: OpsSession,
    target: ResetTarget,
    partitions: Collection[TopicPartition],
    committed: Mapping[TopicPartition, CommittedOffset],
) -> dict[TopicPartition, int]:
    first = {p: r.offset for p, r in session.admin.topics.list_offsets(dict.fromkeys(partitions, EARLIEST)).items()}
    last = {p: r.offset for p, r in session.admin.topics.list_offsets(dict.fromkeys(partitions, LATEST)).items()}
    away = sorted(set(partitions) - set(last))
    if away:
        raise UsageError(message("group.no_leader", partition=str(away[0])))
    if target.kind == "earliest":
        return first
    if target.kind == "latest":
        return last
    if target.kind == "time":
        listed = session.admin.topics.list_offsets(dict.fromkeys(partitions, target.number))
        return {p: row.offset if row.offset >= 0 else last[p] for p, row in listed.items()}
    wanted: dict[TopicPartition, int] = {}
    for partition in partitions:
        now = committed[partition].offset if partition in committed else None
        if target.kind == "offset":
            wanted[partition] = target.number
        elif target.kind == "file":
            wanted[partition] = (target.offsets or {})[partition]
        elif now is None:
            if target.kind == "shift":
                raise UsageError(message("group.no_offset", partition=str(partition)))
            wanted[partition] = last[partition]
        else:
            wanted[partition] = now + (target.number if target.kind == "shift" else 0)
    return {p: min(max(offset, first[p]), last[p]) for p, offset in wanted.items()}
