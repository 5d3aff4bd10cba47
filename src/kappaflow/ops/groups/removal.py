"""Delete groups, their offsets or their members, as plans."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kappaflow.errors import UnsafeError, UsageError
from kappaflow.ops.admin.faces import GroupState
from kappaflow.ops.groups import texts as _texts
from kappaflow.ops.groups.describing import DEAD
from kappaflow.ops.groups.reset import FREE_STATES
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message, text

assert _texts


def plan_delete(session: OpsSession, *group_ids: str) -> Plan:
    """A plan that deletes groups. Their offsets are kept in the plan's journal, so it can be undone.

    Raises:
        UsageError: there is no such group.
        UnsafeError: one has members.
    """
    chosen = list(dict.fromkeys(group_ids))
    for group_id in chosen:
        _require_free(_group(session, group_id))
    offsets = session.admin.groups.offsets(chosen)
    return new_plan(
        session,
        text("group.delete.title", group=", ".join(chosen)),
        [Step("group.delete", {"group": group_id}) for group_id in chosen],
        effects=[text("group.delete.effect", group=group_id, count=len(offsets[group_id])) for group_id in chosen],
        confirmation=",".join(chosen),
    )


def plan_delete_offsets(session: OpsSession, group_id: str, topics: Collection[str]) -> Plan:
    """A plan that makes a group forget its offsets of topics. It can be undone.

    Args:
        session: the cluster.
        group_id: the group; it may have members that do not read these topics.
        topics: their names.

    Raises:
        UsageError: there is no such group, or it has no offsets of them.
    """
    _group(session, group_id)
    offsets = session.admin.groups.offsets([group_id])[group_id]
    chosen = sorted(p for p in offsets if p.topic in topics)
    if not chosen:
        raise UsageError(message("group.no_offsets_of", group=group_id, topics=", ".join(sorted(topics))))
    rows = [{"topic": p.topic, "partition": p.partition} for p in chosen]
    return new_plan(
        session,
        text("group.delete_offsets.title", group=group_id, topics=", ".join(sorted(topics))),
        [Step("group.delete-offsets", {"group": group_id, "partitions": rows})],
        effects=[text("group.delete_offsets.effect", partition=str(p), offset=offsets[p].offset) for p in chosen],
    )


def plan_remove_members(session: OpsSession, group_id: str, names: Sequence[str] | None = None) -> Plan:
    """A plan that takes members out of a group; those that run join again.

    Args:
        session: the cluster.
        group_id: the group.
        names: member ids or instance ids; all members by default.

    Raises:
        UsageError: there is no such group or member.
    """
    group = _group(session, group_id)
    known = {name for m in group.members for name in (m.member_id, m.instance_id) if name}
    unknown = sorted(set(names or ()) - known)
    if unknown:
        raise UsageError(message("group.no_member", group=group_id, member=unknown[0]))
    chosen = [m for m in group.members if names is None or m.member_id in names or m.instance_id in names]
    if not chosen:
        raise UsageError(message("group.empty", group=group_id))
    rows = [
        {"member_id": m.member_id, "instance_id": m.instance_id, "client_id": m.client_id, "host": m.client_host}
        for m in chosen
    ]
    return new_plan(
        session,
        text("group.remove.title", group=group_id, count=len(rows)),
        [Step("group.remove-members", {"group": group_id, "members": rows})],
        effects=[text("group.remove.effect", member=m.instance_id or m.member_id, host=m.client_host) for m in chosen],
        confirmation=group_id,
    )


def _group(session: OpsSession, group_id: str) -> GroupState:
    group = session.admin.groups.describe([group_id])[group_id]
    if group.state == DEAD:
        raise UsageError(message("group.missing", group=group_id))
    return group


def _require_free(group: GroupState) -> None:
    if group.state not in FREE_STATES:
        raise UnsafeError(message("group.active", group=group.group_id, state=group.state, members=len(group.members)))
