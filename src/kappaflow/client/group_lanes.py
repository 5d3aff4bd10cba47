"""The connections of a member of a group: shared with others, but for requests that the coordinator holds back.

    JoinGroup, SyncGroup   answered when all members are there: over a connection that is this member's alone until it
                           has its place, and the next joining member's afterwards
    everything else        answered at once: over the connection to the coordinator that many members share

A broker answers the requests of one connection in order, so the heartbeats of other groups would wait behind a join.
"""

from __future__ import annotations

from typing import Any

from kappaflow.client.kafka_python import Future, consumer_messages, kafka_errors, metadata_messages

IDLE_MOST = 1
_HELD_BACK = (consumer_messages.JoinGroupRequest, consumer_messages.SyncGroupRequest)


class GroupLanes:
    """Stands where kafka-python's coordinator expects its connections; to be used on their I/O thread."""

    def __init__(self, manager: Any) -> None:
        self._connections = manager
        self._join_id = ""
        self._ended = self._joins_ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connections, name)

    def send(self, request: Any, node_id: Any = None, request_timeout_ms: float | None = None) -> Any:
        """Send a request to a node, by the connection that fits it."""
        if self._ended or (self._joins_ended and isinstance(request, _HELD_BACK)):
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
        if self._join_id and not self._goes_to(self._join_id, coordinator):
            self._close(self._join_id)
            self._join_id = ""
        if not self._join_id:
            self._join_id = self._idle(coordinator) or f"join-{next(self._connections.join_numbers)}"
            cluster._coordinator_brokers[self._join_id] = metadata_messages.MetadataResponse.MetadataResponseBroker(
                self._join_id, coordinator.host, coordinator.port, None
            )
        return self._join_id

    def _goes_to(self, join_id: str, coordinator: Any) -> bool:
        known = self._connections.cluster.broker_metadata(join_id)
        return known is not None and (known.host, known.port) == (coordinator.host, coordinator.port)

    def _idle(self, coordinator: Any) -> str:
        """Take a connection that another member has joined by; empty where there is none."""
        idle: list[str] = self._connections.idle_joins
        while idle:
            found = idle.pop()
            connection = self._connections._conns.get(found)
            if connection is not None and connection.connected and self._goes_to(found, coordinator):
                return found
            self._close(found)
        return ""

    def settle(self) -> None:
        """Leave the connection of the join to others: the member has its place."""
        join_id, self._join_id = self._join_id, ""
        connection = self._connections._conns.get(join_id)
        idle: list[str] = self._connections.idle_joins
        if connection is None or connection.in_flight_requests or len(idle) >= IDLE_MOST:
            self._close(join_id)
        else:
            idle.append(join_id)

    def _close(self, join_id: str) -> None:
        connection = self._connections._conns.get(join_id)
        if connection is not None:
            connection.close()
        self._connections.cluster._coordinator_brokers.pop(join_id, None)

    def hold_no_more(self) -> None:
        """Join and sync no more: a member that leaves while its group waits for it would come back by that."""
        self._joins_ended = True

    def end(self) -> None:
        """Send nothing any more."""
        self._ended = True
        self.settle()
