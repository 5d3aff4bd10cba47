"""Requests to the coordinator of a group or of a transactional id, which is looked up and followed when it moves."""

from __future__ import annotations

from typing import Any, Literal

from kappaflow.client.broker_errors import COORDINATOR_MOVED_CODES, raise_for_code
from kappaflow.client.connection import Connection
from kappaflow.client.kafka_python import metadata_messages
from kappaflow.errors import RetriableBrokerError

CoordinatorKind = Literal["group", "transaction"]
KEY_TYPES: dict[CoordinatorKind, int] = {"group": 0, "transaction": 1}

_FindCoordinatorRequest = metadata_messages.FindCoordinatorRequest


class Coordinator:
    """The coordinator of one group or transactional id.  Calls block; safe to be used from any thread."""

    def __init__(self, connection: Connection, key: str, kind: CoordinatorKind = "group") -> None:
        self.connection = connection
        self.key = key
        self.kind: CoordinatorKind = kind
        self._node_id: int | None = None

    def _find(self) -> int:
        what = f"find the coordinator of {self.kind} {self.key}"
        request = _FindCoordinatorRequest(
            key=self.key, key_type=KEY_TYPES[self.kind], coordinator_keys=[self.key], min_version=0, max_version=4
        )
        response = self.connection.request(request, what)
        row = response.coordinators[0] if response.coordinators else response
        raise_for_code(row.error_code, what, row.error_message)
        return int(row.node_id)

    @property
    def known_node_id(self) -> int:
        """The broker that answered last; -1 while none is known."""
        return -1 if self._node_id is None else self._node_id

    def node_id(self) -> int:
        """The broker that coordinates it, looked up anew.

        Raises:
            BrokerError: there is none for too long.
        """
        self._node_id = int(self.connection.retry(self._find))
        return self._node_id

    def call(self, request: Any, what: str, check: Any) -> Any:
        """Send to the coordinator until it is answered without an error that passes by itself.

        Args:
            request: the request.
            what: what is attempted, for the error message.
            check: called with the response; raises for error codes in it and returns the result.

        Raises:
            BrokerError: what ``check`` raised, or the connection failed for too long.
        """

        def attempt() -> Any:
            if self._node_id is None:
                self._node_id = self._find()
            try:
                return check(self.connection.request(request, what, self._node_id))
            except RetriableBrokerError as error:
                if error.code in COORDINATOR_MOVED_CODES:
                    self._node_id = None
                raise

        return self.connection.retry(attempt)
