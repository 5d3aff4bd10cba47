"""Elect leaders: the preferred ones, or, where data may be lost, one that is not in sync."""

from __future__ import annotations

from collections.abc import Collection

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.admin.faces import PartitionState
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import texts as _texts
from kappaflow.runtime.messages import Text, message, text

assert _texts
PARTITIONS_SHOWN = 20


def plan_preferred(session: OpsSession, partitions: Collection[TopicPartition] | None = None) -> Plan:
    """A plan that gives leadership to the preferred replicas: the first of each partition's replicas.

    Args:
        session: the cluster.
        partitions: which; all whose leader is another one by default. Those whose preferred replica is not in sync are
            left out, which the plan says.

    Raises:
        UsageError: there is nothing to do, or nothing that can be done now.
    """
    wrong = [p for p in _chosen(session, partitions) if p.leader != p.replicas[0]]
    able = [p for p in wrong if p.replicas[0] in p.in_sync]
    left_out = [behind(p) for p in wrong if p.replicas[0] not in p.in_sync]
    if not wrong:
        raise UsageError(message("topic.all_preferred"))
    if not able:
        raise UsageError("; ".join(map(str, _shortened(left_out))))
    return _plan(session, "preferred", able, _shortened(left_out))


def behind(state: PartitionState) -> Text:
    """Why the preferred replica of a partition cannot lead now."""
    in_sync = ", ".join(map(str, sorted(state.in_sync)))
    return text(
        "topic.elect.behind", partition=f"{state.topic}-{state.partition}", broker=state.replicas[0], in_sync=in_sync
    )


def _shortened(reasons: list[Text]) -> list[Text]:
    more = len(reasons) - PARTITIONS_SHOWN
    return reasons if more <= 0 else [*reasons[:PARTITIONS_SHOWN], text("topic.elect.behind_more", count=more)]


def plan_unclean(session: OpsSession, partitions: Collection[TopicPartition]) -> Plan:
    """A plan that lets a replica lead that is not in sync. Records that only the old leader has are lost.

    Raises:
        UsageError: a partition has a leader; nothing would be gained.
    """
    chosen = _chosen(session, partitions)
    led = [p for p in chosen if p.leader >= 0]
    if led:
        raise UsageError(
            message("topic.has_leader", partition=f"{led[0].topic}-{led[0].partition}", leader=led[0].leader)
        )
    return _plan(session, "unclean", chosen, [text("topic.elect.loss")])


def _chosen(session: OpsSession, partitions: Collection[TopicPartition] | None) -> list[PartitionState]:
    topics = session.admin.topics.describe(None if partitions is None else {p.topic for p in partitions})
    known = {TopicPartition(p.topic, p.partition): p for topic in topics.values() for p in topic.partitions}
    unknown = sorted(set(partitions or ()) - set(known))
    if unknown:
        raise UsageError(message("records.unknown", partition=str(unknown[0])))
    return [known[p] for p in sorted(known if partitions is None else partitions)]


def _plan(session: OpsSession, kind: str, partitions: list[PartitionState], warnings: list[Text]) -> Plan:
    rows = [
        {
            "topic": p.topic,
            "partition": p.partition,
            "from": p.leader,
            "to": p.replicas[0] if kind == "preferred" else -1,
        }
        for p in partitions
    ]
    return new_plan(
        session,
        text("topic.elect.title", kind=kind, count=len(rows)),
        [Step("topic.elect", {"kind": kind, "partitions": rows})],
        effects=[
            text("topic.elect.effect", partition=f"{r['topic']}-{r['partition']}", before=r["from"], after=r["to"])
            for r in rows
        ],
        warnings=warnings,
        confirmation="unclean" if kind == "unclean" else "",
    )
