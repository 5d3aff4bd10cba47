"""Which topics the members of a consumer group read, from the metadata that they joined with.

Source: Kafka's consumer protocol (ConsumerProtocolSubscription): int16 version, array of topic names, user data.
"""

from __future__ import annotations

import struct

from kappaflow.broker.coordinators.group import Group


def subscribed_topics(group: Group) -> set[str]:
    """Topics that any member names; metadata of another form counts as none."""
    topics: set[str] = set()
    for member in group.members.values():
        for _, metadata in member.protocols:
            try:
                topics |= _read_topics(metadata)
            except (struct.error, UnicodeDecodeError):
                continue
    return topics


def _read_topics(metadata: bytes) -> set[str]:
    _version, count = struct.unpack_from(">hi", metadata)
    position = 6
    topics: set[str] = set()
    for _ in range(count):
        (length,) = struct.unpack_from(">h", metadata, position)
        position += 2
        topics.add(metadata[position : position + length].decode())
        position += length
    return topics
