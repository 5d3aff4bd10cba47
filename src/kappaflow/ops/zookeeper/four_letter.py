"""ZooKeeper's four-letter words: one word sent, one answer read, the connection closed.

Source: ZooKeeper's administrator guide, "The Four Letter Words".
"""

from __future__ import annotations

import socket
from typing import NamedTuple

TIMEOUT_S = 3.0
NOT_ALLOWED = "is not executed because it is not in the whitelist"


class Answer(NamedTuple):
    """What a server said; ``problem`` says why it said nothing, and is empty where it did."""

    text: str
    problem: str


def ask(address: str, word: str, timeout_s: float = TIMEOUT_S) -> Answer:
    """Send a word to a server.

    Args:
        address: ``host:port`` of its client port.
        word: such as ``mntr``.
        timeout_s: when to give up.
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(word.encode())
            chunks: list[bytes] = []
            while chunk := connection.recv(65_536):
                chunks.append(chunk)
    except (OSError, ValueError) as error:
        return Answer("", f"{address} does not answer: {error}")
    text = b"".join(chunks).decode("utf-8", "replace")
    if NOT_ALLOWED in text:
        return Answer(
            "", f"{address} may not answer {word}; add 4lw.commands.whitelist=mntr,srvr,ruok,conf to its zoo.cfg"
        )
    return Answer(text, "" if text else f"{address} closed the connection without an answer to {word}")


def read_monitor(text: str) -> dict[str, str]:
    """The values of ``mntr`` by name.

    >>> read_monitor("zk_version\\t3.8.4\\nzk_server_state\\tleader\\n")["zk_server_state"]
    'leader'
    """
    pairs = (line.partition("\t") for line in text.splitlines() if "\t" in line)
    return {name: value.strip() for name, _, value in pairs}


def follower_count(values: dict[str, str]) -> int | None:
    """How many followers a leader has in sync, in all spellings; None where the server is no leader.

    3.4 and 3.5 say ``zk_followers`` and ``zk_synced_followers``; later versions leave the first one out.

    >>> follower_count({"zk_synced_followers": "2", "zk_learners": "3"}), follower_count({"zk_followers": "2"})
    (2, 2)
    """
    for name in ("zk_synced_followers", "zk_followers", "zk_learners"):
        if name in values:
            return int(float(values[name]))
    return None
