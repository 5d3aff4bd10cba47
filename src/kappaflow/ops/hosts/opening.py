"""The machines that a context names."""

from __future__ import annotations

from kappaflow.errors import ConfigError
from kappaflow.ops.contexts.cluster_context import ClusterContext, HostEntry, Role
from kappaflow.ops.hosts import texts as _texts
from kappaflow.ops.hosts.face import Host, Hosts
from kappaflow.ops.hosts.local_host import LocalHost
from kappaflow.ops.hosts.ssh_host import SshHost
from kappaflow.runtime.messages import message

assert _texts


class ContextHosts:
    """Machines made from the entries of a context."""

    def __init__(self, context: ClusterContext) -> None:
        self._context = context
        self._hosts: list[Host] = [_open(entry) for entry in sorted(context.hosts, key=lambda e: (e.roles, e.node_id))]

    def __len__(self) -> int:
        return len(self._hosts)

    def all(self, role: Role | None = None) -> list[Host]:
        """Machines by node id, of one role where given."""
        return [host for host in self._hosts if role is None or role in host.entry.roles]

    def get(self, node_id: int, role: Role = "broker") -> Host:
        """The machine of a node.

        Raises:
            ConfigError: the context names none.
        """
        for host in self.all(role):
            if host.entry.node_id == node_id:
                return host
        raise ConfigError(message("hosts.not_named", name=self._context.name, role=role, node_id=node_id))


def open_hosts(context: ClusterContext) -> Hosts:
    """The machines that a context names."""
    return ContextHosts(context)


def _open(entry: HostEntry) -> Host:
    return SshHost(entry) if entry.adapter == "ssh" else LocalHost(entry)
