"""Entries that come and go, as plans."""

from __future__ import annotations

from collections.abc import Sequence

from kappaflow.errors import UsageError
from kappaflow.ops.acls import texts as _texts
from kappaflow.ops.admin.acl_faces import CLUSTER_NAME, AclEntry
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, message, text

assert _texts
EVERYBODY = "User:*"


def producer_acls(principal: str, topic: str, *, pattern: str = "literal", idempotent: bool = True) -> list[AclEntry]:
    """What a producer of a topic needs: to write it, see it and make it.

    Args:
        principal: such as ``User:alice``.
        topic: its name, or the beginning of names.
        pattern: ``literal`` or ``prefixed``.
        idempotent: whether brokers before 2.8 are to let it write idempotently, too.
    """
    operations = ("Write", "Describe", "Create")
    entries = [AclEntry("topic", topic, pattern, principal, "*", operation, "allow") for operation in operations]
    if idempotent:
        entries.append(AclEntry("cluster", CLUSTER_NAME, "literal", principal, "*", "IdempotentWrite", "allow"))
    return entries


def consumer_acls(principal: str, topic: str, group: str, *, pattern: str = "literal") -> list[AclEntry]:
    """What a consumer of a topic needs: to read it and see it, and to use its group."""
    entries = [AclEntry("topic", topic, pattern, principal, "*", op, "allow") for op in ("Read", "Describe")]
    return [*entries, AclEntry("group", group, pattern, principal, "*", "Read", "allow")]


def plan_add(session: OpsSession, entries: Sequence[AclEntry]) -> Plan:
    """A plan that adds entries.

    Raises:
        UsageError: all of them are there.
        BrokerError: ``SECURITY_DISABLED`` where the brokers have no authorizer.
    """
    there = set(session.admin.acls.list())
    new = [entry for entry in dict.fromkeys(entries) if entry not in there]
    if not new:
        raise UsageError(message("acl.there"))
    warnings: list[Text] = []
    if any(e.principal == EVERYBODY and e.permission == "allow" for e in new):
        warnings.append(text("acl.everybody"))
    if any(e.permission == "deny" for e in new):
        warnings.append(text("acl.deny"))
    return _plan(session, "acl.create", new, warnings, "")


def plan_remove(session: OpsSession, entries: Sequence[AclEntry]) -> Plan:
    """A plan that takes entries away; those who lose a permission are refused from then on.

    Raises:
        UsageError: none of them is there.
        BrokerError: ``SECURITY_DISABLED`` where the brokers have no authorizer.
    """
    there = set(session.admin.acls.list())
    old = [entry for entry in dict.fromkeys(entries) if entry in there]
    if not old:
        raise UsageError(message("acl.not_there"))
    return _plan(session, "acl.delete", old, [text("acl.refused")], "remove")


def _plan(
    session: OpsSession, action: str, entries: Sequence[AclEntry], warnings: Sequence[Text], confirmation: str
) -> Plan:
    rows = [entry._asdict() for entry in entries]
    return new_plan(
        session,
        text(f"{action}.title", count=len(rows)),
        [Step(action, {"entries": rows})],
        effects=[text(f"{action}.effect", **row) for row in rows],
        warnings=warnings,
        confirmation=confirmation,
    )
