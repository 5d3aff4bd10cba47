"""Whether servers of this machine answer, asked by hand so that nothing under test is needed."""

from __future__ import annotations

import socket
import struct

from kappaflow.ops.local_clusters.properties import HOST

ANSWER_TIMEOUT_S = 2


def live_brokers(port: int) -> int:
    """How many brokers the one at this port sees alive; 0 when it does not answer.

    Sends Metadata version 1 for no topics.
    """
    request = struct.pack(">hhihi", 3, 1, 1, -1, 0)
    try:
        with socket.create_connection((HOST, port), timeout=ANSWER_TIMEOUT_S) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = connection.recv(12, socket.MSG_WAITALL)
    except OSError:
        return 0
    return struct.unpack(">iii", head)[2] if len(head) == 12 else 0


def zookeeper_mode(port: int) -> str:
    """What a ZooKeeper server is: ``leader``, ``follower``, ``standalone``; empty while it serves nobody.

    Source: the four-letter word ``srvr`` of ZooKeeper's administrator's guide.
    """
    try:
        with socket.create_connection((HOST, port), timeout=ANSWER_TIMEOUT_S) as connection:
            connection.sendall(b"srvr")
            answer = b""
            while part := connection.recv(4096):
                answer += part
    except OSError:
        return ""
    modes = [line.partition(":")[2].strip() for line in answer.decode().splitlines() if line.startswith("Mode:")]
    return modes[0] if modes else ""


def is_listening(port: int) -> bool:
    """Whether anybody accepts connections at a port."""
    try:
        with socket.create_connection((HOST, port), timeout=ANSWER_TIMEOUT_S):
            return True
    except OSError:
        return False
