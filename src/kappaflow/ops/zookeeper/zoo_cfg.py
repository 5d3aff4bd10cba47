"""A server's ``zoo.cfg``: read the servers it knows, give it others, change nothing else.

Source: ZooKeeper's administrator guide, "Cluster Options".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kappaflow.ops.hosts.properties import read_property

_SERVER = re.compile(r"^[ \t]*server\.(\d+)[ \t]*=[ \t]*(\S+)[ \t]*$", re.MULTILINE)
LOOPBACK = "127.0.0.1"


def read_servers(content: str) -> dict[int, str]:
    """Number and address (``host:peer:election``) of each server that a file names.

    >>> read_servers("tickTime=1\\nserver.1=a:2888:3888\\nserver.2=b:2888:3888\\n")
    {1: 'a:2888:3888', 2: 'b:2888:3888'}
    """
    return {int(number): address for number, address in _SERVER.findall(content)}


def with_servers(content: str, servers: Mapping[int, str]) -> str:
    """The file with these servers instead of those that it names; they stand where the first one stood.

    >>> with_servers("a=1\\nserver.1=x\\nb=2\\n", {1: "x", 2: "y"})
    'a=1\\nserver.1=x\\nserver.2=y\\nb=2\\n'
    """
    rows = "".join(f"server.{number}={address}\n" for number, address in sorted(servers.items()))
    first = _SERVER.search(content)
    if first is None:
        end = "" if not content or content.endswith("\n") else "\n"
        return content + end + rows
    before = content[: first.start()]
    after = re.sub(_SERVER.pattern + r"\n?", "", content[first.start() :], flags=re.MULTILINE)
    return before + rows + after


def client_address(content: str) -> str:
    """``host:port`` of the client port that a file names; the host is this machine's where none is named.

    >>> client_address("clientPort=2181\\nclientPortAddress=10.0.0.1\\n"), client_address("clientPort=2181")
    ('10.0.0.1:2181', '127.0.0.1:2181')
    """
    host = read_property(content, "clientPortAddress") or LOOPBACK
    return f"{host}:{read_property(content, 'clientPort') or 2181}"


def data_directory(content: str) -> str:
    """Where the server keeps ``myid``."""
    return read_property(content, "dataDir") or "/tmp/zookeeper"
