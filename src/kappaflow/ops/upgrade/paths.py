"""Whether there is a way from one version to another, and in which phases: pure functions of versions."""

from __future__ import annotations

from typing import Literal, NamedTuple

from kappaflow.ops.local_clusters.software import version_key
from kappaflow.ops.upgrade import texts as _texts
from kappaflow.runtime.messages import Text, text

assert _texts
Mode = Literal["kraft", "zookeeper"]
PROTOCOL, FORMAT = "inter.broker.protocol.version", "log.message.format.version"
FIRST_WITHOUT_ZOOKEEPER = (4, 0)
FIRST_WITHOUT_FORMAT = (3, 0)
"""KIP-724: from inter.broker.protocol.version 3.0 on the message format is v2, whatever log.message.format.version."""
OLDEST_KRAFT_FOR_4 = (3, 3)
OLDEST_FOR_4 = "3.9"
JAVA_NEEDED = (((4, 0), 17), ((2, 0), 8))
"""Oldest Java for brokers, by the first version that needs it. Source: KIP-1013, Kafka's documentation."""
OLDEST_CLIENT = (((4, 0), "2.1"), ((0, 0), "0.10"))
"""Oldest clients that brokers answer, by the first version. Source: KIP-896."""


class UpgradePath(NamedTuple):
    """The way from one version to another.

    Attributes:
        old: version now.
        new: version wanted.
        mode: who keeps the metadata.
        protocol_before: value of inter.broker.protocol.version while servers of both versions run; empty with KRaft.
        protocol_after: its value at the end; empty with KRaft.
        format_before: value of log.message.format.version meanwhile; empty where the old version needs none.
    """

    old: str
    new: str
    mode: Mode
    protocol_before: str
    protocol_after: str
    format_before: str


def line_of(version: str) -> str:
    """The line of a version, as inter.broker.protocol.version names it.

    >>> line_of("2.8.2"), line_of("3.9.2")
    ('2.8', '3.9')
    """
    return ".".join(version.split(".")[:2])


def why_no_path(old: str, new: str, mode: Mode) -> list[Text]:
    """Why there is no way; empty where there is one."""
    reasons: list[Text] = []
    before, after = version_key(old), version_key(new)
    if after[:2] < before[:2] or after <= before:
        reasons.append(text("upgrade.not_newer", old=old, new=new))
    if mode == "zookeeper" and after >= FIRST_WITHOUT_ZOOKEEPER:
        reasons.append(text("upgrade.migrate_first", new=new, line=OLDEST_FOR_4))
    if mode == "kraft" and after >= FIRST_WITHOUT_ZOOKEEPER and before < OLDEST_KRAFT_FOR_4:
        reasons.append(text("upgrade.kraft_too_old", old=old, new=new))
    return reasons


def path_between(old: str, new: str, mode: Mode, *, protocol_now: str = "") -> UpgradePath:
    """The way between two versions for which `why_no_path` knows no reason.

    Args:
        old: version now.
        new: version wanted.
        mode: who keeps the metadata.
        protocol_now: inter.broker.protocol.version in force, such as ``2.8-IV1``; the old version's by default.
    """
    if mode == "kraft":
        return UpgradePath(old, new, mode, "", "", "")
    protocol = line_of(protocol_now.split("-", maxsplit=1)[0]) if protocol_now else line_of(old)
    needs_format = version_key(protocol) < FIRST_WITHOUT_FORMAT
    return UpgradePath(old, new, mode, protocol, line_of(new), protocol if needs_format else "")


def java_needed(version: str) -> int:
    """The oldest Java that brokers of a version run on."""
    return next(java for first, java in JAVA_NEEDED if version_key(version) >= first)


def oldest_client(version: str) -> str:
    """The oldest clients that brokers of a version answer."""
    return next(client for first, client in OLDEST_CLIENT if version_key(version) >= first)
