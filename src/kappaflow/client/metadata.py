"""Which broker leads which partition, kept up to date on the I/O thread of a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from kappaflow.client.connection import Connection
from kappaflow.client.kafka_python import kafka_errors
from kappaflow.client.topic_partition import TopicPartition

UNKNOWN_EPOCH = -1


class Leader(NamedTuple):
    """The leader of a partition.

    Attributes:
        node_id: the broker.
        epoch: the leader epoch, -1 where unknown.
    """

    node_id: int
    epoch: int


class Metadata:
    """A view of the cluster for the topics that a connection works with.

    All methods but ``track`` are to be called on the connection's I/O thread.
    """

    def __init__(self, connection: Connection, on_update: Callable[[], object] | None = None) -> None:
        self._connection = connection
        self._cluster: Any = connection.manager.cluster
        self._topics: set[str] = set()
        self._listener: Callable[[object], object] | None = None
        if on_update is not None:
            self._listener = lambda _cluster: on_update()
            self._cluster.add_listener(self._listener)

    def track(self, topics: Iterable[str]) -> None:
        """Follow more topics; from any thread."""
        fresh = set(topics) - self._topics
        if fresh:
            self._topics = self._topics | fresh
            self._connection.call_soon(lambda: self._begin(fresh))

    def _begin(self, topics: set[str]) -> None:
        self._connection.manager.topic_users.update(topics)
        if not self._lacks(topics):  # others work with them on this connection
            self._cluster._topics = set(self._connection.manager.topic_users)
            if self._listener is not None:
                self._listener(self._cluster)
            return
        self._connection.spawn(self._look_up, topics)

    async def _look_up(self, topics: set[str]) -> None:
        """Ask for topics at once; the cluster's own loop lets 100 ms pass between two requests, also the first two."""
        self._cluster.set_topics(set(self._connection.manager.topic_users))
        try:
            if self._cluster.metadata_refresh_in_progress:  # it was asked without these topics, or with them
                await self._cluster.refresh_metadata()
            # A closed connection would wait for ever on a loop that goes on.
            if self._lacks(topics) and not self._connection.closed:
                await self._cluster.refresh_metadata()
        except kafka_errors.KafkaError:
            self._cluster.request_update()  # the loop goes on trying

    def _lacks(self, topics: Iterable[str]) -> bool:
        return any(self._cluster.partitions_for_topic(topic) is None for topic in topics)

    def close(self) -> None:
        """Follow the topics no more, where others go on with the connection; from any thread."""
        dropped, self._topics = self._topics, set()
        self._connection.call_soon(lambda: self._drop(dropped))

    def _drop(self, topics: set[str]) -> None:
        users = self._connection.manager.topic_users
        users.subtract(topics)
        for topic in topics:
            if users[topic] <= 0:
                del users[topic]
        self._cluster._topics = set(users)
        if self._listener is not None:
            self._cluster.remove_listener(self._listener)

    def leader(self, partition: TopicPartition) -> Leader | None:
        """The partition's leader, or None while there is none or nothing is known of it."""
        node_id = self._cluster.leader_for_partition(partition)
        if node_id is None or node_id < 0:
            return None
        epoch = self._cluster.leader_epoch_for_partition(partition)
        return Leader(int(node_id), UNKNOWN_EPOCH if epoch is None else int(epoch))

    def partitions(self, topic: str) -> list[int] | None:
        """The partitions of a topic, or None while it is unknown."""
        known = self._cluster.partitions_for_topic(topic)
        return None if known is None else sorted(known)

    def refresh(self) -> None:
        """Ask for fresh metadata; the listener is called when it is there."""
        self._cluster.request_update()
