"""The connections of a member of a group: shared with others, but for requests that the coordinator holds back.

    JoinGroup, SyncGroup   answered when all members are there: over a connection of their own, closed afterwards
    everything else        answered at once: over the connection to the coordinator that many members share

A broker answers the requests of one connection in order, so the heartbeats of other groups would wait behind a join.
"""

from __future__ import annotations

from typing import Any

from kappaflow.client.kafka_python import Future, consumer_messages, kafka_errors, metadata_messages

_HELD_BACK = (consumer_messages.JoinGroupRequest, consumer_messages.SyncGroupRequest)


class GroupLanes:
    """Stands where kafka-python's coordinator expects its connections; to be used on their I/O thread."""

    def __init__(self, manager: Any, group_id: str) -> None:
        self._connections = manager
        self._join_id = f"join-{group_id}"
        self._ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connections, name)

    def send(self, request: Any, node_id: Any = None, request_timeout_ms: float | None = None) -> Any:
        """Send a request to a node, by the connection that fits it."""
        if self._ended:
            return Future().failure(kafka_errors.IllegalStateError("The member has gone."))
        if isinstance(request, _HELD_BACK):
            node_id = self._own(node_id)
        return self._connections.send(request, node_id=node_id, request_timeout_ms=request_timeout_ms)

    def _own(self, coordinator_id: Any) -> Any:
        """Return the id under which the connection of the join goes to the coordinator."""
        cluster = self._connections.cluster
        coordinator = cluster.broker_metadata(coordinator_id)
        if coordinator is None:
            return coordinator_id  # sending says that it is not known
        known = cluster.broker_metadata(self._join_id)
        if known is not None and (known.host, known.port) != (coordinator.host, coordinator.port):
            self.settle()
        cluster._coordinator_brokers[self._join_id] = metadata_messages.MetadataResponse.MetadataResponseBroker(
            self._join_id, coordinator.host, coordinator.port, None
        )
        return self._join_id

    def settle(self) -> None:
        """Close the connection of the join: the member has its place."""
        connection = self._connections._conns.get(self._join_id)
        if connection is not None:
            connection.close()
        self._connections.cluster._coordinator_brokers.pop(self._join_id, None)

    def end(self) -> None:
        """Send nothing any more."""
        self._ended = True
        self.settle()
