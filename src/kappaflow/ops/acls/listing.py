"""Entries, and those of them that somebody asks for."""

from __future__ import annotations

from dataclasses import dataclass

from kappaflow.ops.admin.acl_faces import AclEntry
from kappaflow.ops.session import OpsSession

PREFIXED, EVERYTHING = "prefixed", "*"


@dataclass(frozen=True)
class AclFilter:
    """Which entries; what is empty does not count.

    Attributes:
        resource_kind: such as ``topic``.
        resource_name: its name.
        principal: such as ``User:alice``.
        operation: such as ``Read``.
        permission: ``allow`` or ``deny``.
        host: an address, or ``*``.
        pattern: ``literal`` or ``prefixed``.
        matching: whether entries count that hold for the name by a prefix or for everything, too.
    """

    resource_kind: str = ""
    resource_name: str = ""
    principal: str = ""
    operation: str = ""
    permission: str = ""
    host: str = ""
    pattern: str = ""
    matching: bool = False

    def takes(self, entry: AclEntry) -> bool:
        """Whether an entry is one of these."""
        return (
            self.resource_kind in ("", entry.resource_kind)
            and self._names(entry)
            and self.principal in ("", entry.principal)
            and self.operation in ("", entry.operation)
            and self.host in ("", entry.host)
            and self.pattern in ("", entry.pattern)
            and self.permission in ("", entry.permission)
        )

    def _names(self, entry: AclEntry) -> bool:
        if self.resource_name in ("", entry.resource_name):
            return True
        if not self.matching:
            return False
        prefix = entry.pattern == PREFIXED and self.resource_name.startswith(entry.resource_name)
        return prefix or entry.resource_name == EVERYTHING


def list_acls(session: OpsSession, only: AclFilter | None = None) -> list[AclEntry]:
    """Entries, sorted.

    Args:
        session: the cluster.
        only: which; all by default.

    Raises:
        BrokerError: ``SECURITY_DISABLED`` where the brokers have no authorizer.
    """
    return [entry for entry in session.admin.acls.list() if only is None or only.takes(entry)]
