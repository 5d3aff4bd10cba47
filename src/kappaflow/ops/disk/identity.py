"""Who a log directory belongs to: the file that Kafka keeps in each of them.

A KRaft server refuses to start with a directory that has no ``meta.properties``; a broker with ZooKeeper writes the
file itself.

Source: KIP-631 (version 1 of the file), KIP-858 (the id of a directory).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import NamedTuple
from uuid import uuid4

from kappaflow.ops.hosts.face import Host
from kappaflow.ops.hosts.properties import read_property, with_property

META_FILE = "meta.properties"
KRAFT_VERSION = "1"
_OWNERS = ("node.id", "broker.id")


class Identity(NamedTuple):
    """What a directory's file says.

    Attributes:
        content: the file.
        node: the id of the server that it belongs to; empty where the file does not say.
        cluster: the id of its cluster; empty where the file does not say.
        is_kraft: whether KRaft has written it.
    """

    content: str
    node: str
    cluster: str
    is_kraft: bool


def read_identity(host: Host, path: str) -> Identity | None:
    """Whom a directory belongs to; None where it has no such file.

    Raises:
        HostError: the file cannot be read.
    """
    file = _file(path)
    if not host.exists(file):
        return None
    content = host.read_file(file).decode()
    node = next((value for name in _OWNERS if (value := read_property(content, name))), "")
    return Identity(
        content,
        node,
        read_property(content, "cluster.id") or "",
        (read_property(content, "version") or "0") == KRAFT_VERSION,
    )


def identity_of(host: Host, paths: Sequence[str]) -> Identity | None:
    """Whom the first of some directories belongs to that has an identity.

    Raises:
        HostError: a file cannot be read.
    """
    return next((found for path in paths if (found := read_identity(host, path)) is not None), None)


def give_identity(host: Host, path: str, sibling: Identity) -> None:
    """Make a directory one of a server that has others, as ``kafka-storage.sh format`` does.

    Args:
        host: the machine.
        path: the directory.
        sibling: what another directory of the server says.

    Raises:
        HostError: the file cannot be written.
    """
    content = sibling.content
    if read_property(content, "directory.id"):
        content = with_property(content, "directory.id", _new_id())
    host.write_file(_file(path), content.encode())


def _file(path: str) -> str:
    return f"{path.rstrip('/')}/{META_FILE}"


def _new_id() -> str:
    """An id as Kafka prints them. Kafka makes none that begins with a dash, which tools take for an option."""
    while True:
        made = urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        if not made.startswith("-"):
            return made
