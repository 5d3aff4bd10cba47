"""What the machines of an ensemble say: service and file of every server, looked at all at once.

A machine that is dead keeps nobody from looking at the others: what it did not say is its problem.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from kappaflow.errors import HostError
from kappaflow.ops.hosts.face import Host, LooksAtOnce
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper.zoo_cfg import LOOPBACK, client_address, read_servers, same_host, server_host


class ServerLook(NamedTuple):
    """One server's machine.

    Attributes:
        number: of the server.
        host: its machine.
        active: whether its service runs.
        content: its configuration file; empty where there is none, or the machine could not be asked.
        problem: why the machine could not be asked; empty where it could.
    """

    number: int
    host: Host
    active: bool
    content: str
    problem: str

    @property
    def address(self) -> str:
        """Where clients reach it, as its file says."""
        return client_address(self.content, self._home())

    def _home(self) -> str:
        """The machine's own address, where the file does not say on which one clients are served."""
        entry = self.host.entry
        if entry.adapter == "local":
            return LOOPBACK
        named = read_servers(self.content).get(self.number) or entry.options.get("server", "")
        return server_host(named) or entry.address.rpartition("@")[2].partition(":")[0]


def look_at_servers(session: OpsSession) -> list[ServerLook]:
    """Look at all machines of the ensemble that the context names; empty where it names none."""
    hosts = session.hosts.all("zookeeper") if session.context.hosts else []
    if not hosts:
        return []
    with ThreadPoolExecutor(len(hosts)) as pool:
        return list(pool.map(_look, hosts))


def _look(host: Host) -> ServerLook:
    number, path = host.entry.node_id, host.entry.config_file
    try:
        if path and isinstance(host, LooksAtOnce):
            state, found = host.service_and_file(path)
            active, content = state.state == "active", (found or b"").decode()
        else:
            active = host.service_state().state == "active"
            content = host.read_file(path).decode() if path and host.exists(path) else ""
    except HostError as error:
        return ServerLook(number, host, False, "", str(error))
    return ServerLook(number, host, active, content, "")


def members_of(looks: list[ServerLook]) -> set[int]:
    """The servers of the ensemble: those that the files of running servers name; of all where none runs.

    A server that was laid out and has not joined yet knows the others, but they do not know it.
    """
    told = [look for look in looks if look.content]
    running = [look for look in told if look.active]
    members: set[int] = set()
    for look in running or told:
        members |= set(read_servers(look.content)) or {look.number}
    return members


def address_of_silent(look: ServerLook, looks: list[ServerLook], known: str) -> str:
    """Where clients reach a server whose machine cannot be asked, as far as others know; empty where they do not.

    Args:
        look: the server.
        looks: all of them.
        known: client addresses that the context names.
    """
    told = [read_servers(other.content).get(look.number, "") for other in looks if other.active]
    server = next(filter(None, told), look.host.entry.options.get("server", ""))
    taken = {other.address for other in looks if other.content}
    addresses = [word.strip() for word in known.partition("/")[0].split(",") if word.strip()]
    free = [address for address in addresses if address not in taken and same_host(address, server)]
    return free[0] if len(free) == 1 else ""
