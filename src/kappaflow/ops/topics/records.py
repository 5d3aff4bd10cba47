"""Delete the oldest records of partitions, as a plan."""

from __future__ import annotations

from collections.abc import Mapping

from kappaflow.client.admin import EARLIEST, LATEST
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.topics import texts as _texts
from kappaflow.runtime.messages import message, text

assert _texts


def plan_delete_records(session: OpsSession, before: Mapping[TopicPartition, int]) -> Plan:
    """A plan that deletes the records before an offset of each partition. It cannot be undone.

    Args:
        session: the cluster.
        before: the first offset to keep; -1 for the end.

    Raises:
        UsageError: a partition does not exist, or an offset lies beyond the end.
    """
    topics = session.admin.topics.describe({partition.topic for partition in before})
    known = {TopicPartition(p.topic, p.partition) for topic in topics.values() for p in topic.partitions}
    unknown = sorted(set(before) - known)
    if unknown:
        raise UsageError(message("records.unknown", partition=str(unknown[0])))
    first = session.admin.topics.list_offsets(dict.fromkeys(before, EARLIEST))
    last = session.admin.topics.list_offsets(dict.fromkeys(before, LATEST))
    effects, rows = [], []
    for partition, offset in sorted(before.items()):
        if partition not in last:
            raise UsageError(message("topic.no_leader", topic=partition.topic, partition=partition.partition))
        begin, end = first[partition].offset, last[partition].offset
        keep = end if offset == -1 else offset
        if not 0 <= keep <= end:
            raise UsageError(message("records.beyond", partition=str(partition), offset=offset, begin=begin, end=end))
        count = max(0, keep - begin)
        effects.append(text("records.delete.effect", partition=str(partition), begin=begin, keep=keep, count=count))
        rows.append({"topic": partition.topic, "partition": partition.partition, "before": keep})
    names = ", ".join(sorted(topics))
    return new_plan(
        session,
        text("records.delete.title", topics=names),
        [Step("records.delete", {"partitions": rows})],
        effects=effects,
        confirmation=names,
    )
