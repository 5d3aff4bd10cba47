"""A server's ``zoo.cfg``: read the servers it knows, give it others, change nothing else.

Source: ZooKeeper's administrator guide, "Cluster Options".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kappaflow.ops.hosts.properties import read_property

_SERVER = re.compile(r"^[ \t]*server\.(\d+)[ \t]*=[ \t]*(\S+)[ \t]*$", re.MULTILINE)
_ADDRESS = re.compile(r"^(\[[^\]]+\]|[^:;]+):(\d+):(\d+)")
_EVERY = ("", "0.0.0.0", "::", "[::]")
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


def client_address(content: str, home: str = LOOPBACK) -> str:
    """``host:port`` of the client port that a file names.

    Args:
        content: of the file.
        home: the host where the file names none, or all addresses of its machine.

    >>> client_address("clientPort=2181\\nclientPortAddress=10.0.0.1\\n"), client_address("clientPort=2181")
    ('10.0.0.1:2181', '127.0.0.1:2181')
    >>> client_address("clientPortAddress=0.0.0.0\\n", "zk-1")
    'zk-1:2181'
    """
    host = read_property(content, "clientPortAddress") or ""
    return f"{home if host in _EVERY else host}:{read_property(content, 'clientPort') or 2181}"


def server_host(server: str) -> str:
    """The host of a server's address; empty where that is none.

    >>> server_host("zk-1:2888:3888"), server_host("[::1]:2888:3888;2181"), server_host("zk-1")
    ('zk-1', '[::1]', '')
    """
    found = _ADDRESS.match(server)
    return found[1] if found else ""


def same_host(address: str, server: str) -> bool:
    """Whether a client address and a server's address are on one host.

    >>> same_host("zk-1:2181", "zk-1:2888:3888"), same_host("zk-1:2181", "zk-10:2888:3888")
    (True, False)
    """
    return bool(server_host(server)) and address.rpartition(":")[0] == server_host(server)


def election_address(server: str) -> str:
    """``host:port`` at which a server that runs takes part in elections.

    >>> election_address("zk-1:2888:3888"), election_address("zk-1:2888:3888:participant;2181")
    ('zk-1:3888', 'zk-1:3888')
    """
    found = _ADDRESS.match(server)
    return f"{found[1]}:{found[3]}" if found else ""


def data_directory(content: str) -> str:
    """Where the server keeps ``myid``."""
    return read_property(content, "dataDir") or "/tmp/zookeeper"


def data_directories(content: str) -> list[str]:
    """Where the server keeps snapshots and logs.

    >>> data_directories("dataDir=/a\\ndataLogDir=/b\\n"), data_directories("dataDir=/a\\n")
    (['/a', '/b'], ['/a'])
    """
    return list(
        dict.fromkeys((data_directory(content), read_property(content, "dataLogDir") or data_directory(content)))
    )
