"""Which topics the members of a classic group read, from the metadata that they joined with."""

from __future__ import annotations

from collections.abc import Iterable

from kappaflow.broker.coordinators.consumer_protocol import MalformedProtocol, read_subscription


def subscribed_topics(metadata: Iterable[bytes]) -> frozenset[str]:
    """Topics that any member names; none where metadata of any member is of another form."""
    try:
        return frozenset(topic for each in metadata for topic in read_subscription(each).topics)
    except MalformedProtocol:
        return frozenset()
