"""Which topics the members of a classic group read, from the metadata that they joined with."""

from __future__ import annotations

from kappaflow.broker.coordinators.consumer_protocol import MalformedProtocol, read_subscription
from kappaflow.broker.coordinators.group import Group


def subscribed_topics(group: Group) -> set[str]:
    """Topics that any member names; metadata of another form counts as none."""
    topics: set[str] = set()
    for member in group.members.values():
        for _, metadata in member.protocols:
            try:
                topics.update(read_subscription(metadata).topics)
            except MalformedProtocol:
                continue
    return topics
