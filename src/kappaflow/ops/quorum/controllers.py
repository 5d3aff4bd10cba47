"""What the machine of a controller says about it: its file, its listeners for the quorum, its process."""

from __future__ import annotations

import re

from kappaflow.errors import UsageError
from kappaflow.ops.admin.faces import QuorumListener
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.hosts.properties import read_property
from kappaflow.ops.quorum import texts as _texts
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import message

assert _texts
_LISTENER = re.compile(r"\s*([^:/\s]+)://\[?([^\]/\s]*?)\]?:(\d+)\s*")
_ANY_ADDRESS = ("", "0.0.0.0", "::")


def controllers(session: OpsSession) -> dict[int, Host]:
    """The machines of controllers, by node id.

    Raises:
        UsageError: the context names none.
    """
    hosts = {host.entry.node_id: host for host in session.hosts.all("controller")} if session.context.hosts else {}
    if not hosts:
        raise UsageError(message("quorum.no_hosts", cluster=session.context.name))
    return hosts


def properties_of(host: Host) -> str:
    """The controller's properties file.

    Raises:
        UsageError: the context does not name it, or it is not there.
    """
    entry = host.entry
    if not entry.config_file or not host.exists(entry.config_file):
        raise UsageError(message("quorum.no_file", node=entry.node_id, file=entry.config_file or "-"))
    return host.read_file(entry.config_file).decode()


def parse_listeners(value: str) -> dict[str, tuple[str, int]]:
    """Host and port of each listener by its name; the host is empty where none is named.

    >>> parse_listeners("PLAINTEXT://:9092, CONTROLLER://[::1]:9093")
    {'PLAINTEXT': ('', 9092), 'CONTROLLER': ('::1', 9093)}
    """
    matches = (_LISTENER.fullmatch(part) for part in value.split(","))
    return {match[1]: (match[2], int(match[3])) for match in matches if match}


def quorum_listeners(host: Host) -> list[QuorumListener]:
    """Where the others of the quorum reach a controller, by its file.

    Source: KIP-853, which takes the advertised listeners whose names ``controller.listener.names`` has.

    Raises:
        UsageError: the file names no such listener.
    """
    content = properties_of(host)
    names = [name.strip() for name in (read_property(content, "controller.listener.names") or "").split(",")]
    bound = parse_listeners(read_property(content, "listeners") or "")
    found = bound | parse_listeners(read_property(content, "advertised.listeners") or "")
    listeners: list[QuorumListener] = []
    for name in names:
        if name in found:
            address, port = found[name]
            listeners.append(QuorumListener(name, _name_of(host) if address in _ANY_ADDRESS else address, port))
    if not listeners:
        raise UsageError(message("quorum.no_listener", node=host.entry.node_id, file=host.entry.config_file))
    return listeners


def _name_of(host: Host) -> str:
    """The machine's own full name, which Kafka advertises where the file names no address."""
    done = host.run(["hostname", "-f"])
    if done.code or not done.output.strip():
        raise UsageError(message("quorum.no_listener", node=host.entry.node_id, file=host.entry.config_file))
    return done.output.strip()


def joins_by_itself(host: Host) -> bool:
    """Whether a controller makes itself a voter whenever it runs.

    Source: KIP-853, ``controller.quorum.auto.join.enable``.
    """
    return (read_property(properties_of(host), "controller.quorum.auto.join.enable") or "").lower() == "true"


def runs(host: Host) -> bool:
    """Whether its process runs."""
    return host.service_state().state in ("active", "activating")


def only_controls(host: Host) -> bool:
    """Whether it is no broker as well, which must go on."""
    return host.entry.roles == ("controller",)
