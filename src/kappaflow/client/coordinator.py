"""Requests to the coordinator of a group or of a transactional id, which is looked up and followed when it moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from kappaflow.client.broker_errors import COORDINATOR_MOVED_CODES, raise_for_code
from kappaflow.client.connection import Connection
from kappaflow.client.gathering import ask_together
from kappaflow.client.kafka_python import metadata_messages
from kappaflow.errors import RetriableBrokerError

CoordinatorKind = Literal["group", "transaction"]
_Answer = TypeVar("_Answer")
KEY_TYPES: dict[CoordinatorKind, int] = {"group": 0, "transaction": 1}

_FindCoordinatorRequest = metadata_messages.FindCoordinatorRequest


class Coordinator:
    """The coordinator of one group or transactional id.  Calls block; safe to be used from any thread.

    Attributes:
        found: what the last look-up that succeeded was answered: node id, host and port; None before.
    """

    def __init__(self, connection: Connection, key: str, kind: CoordinatorKind = "group") -> None:
        self.connection = connection
        self.key = key
        self.kind: CoordinatorKind = kind
        self._node_id: int | None = None
        self.found: Any = None

    def _find(self) -> int:
        gatherings, kind = self.connection.config.gatherings, f"coordinators-of-{self.kind}s"
        row = ask_together(gatherings, kind, {self.key: None}, self._ask)[self.key]
        raise_for_code(row.error_code, f"find the coordinator of {self.kind} {self.key}", row.error_message)
        self.found = row
        return int(row.node_id)

    def _ask(self, wanted: Mapping[str, None]) -> dict[str, Any]:
        first, *others = wanted
        request = _FindCoordinatorRequest(
            key=first, key_type=KEY_TYPES[self.kind], coordinator_keys=[first, *others], min_version=0, max_version=4
        )
        response = self.connection.request(request, f"find the coordinator of {self.kind} {first}")
        if response.coordinators:
            return {row.key: row for row in response.coordinators}
        answers = {first: response}  # brokers before Kafka 3.0 look up one at a time
        for key in others:
            answers |= self._ask({key: None})
        return answers

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
        return self.ask(lambda node: check(self.connection.request(request, what, node)))

    def ask(self, send: Callable[[int], _Answer]) -> _Answer:
        """Ask the coordinator until it answers without an error that passes by itself.

        Args:
            send: asks the broker of that node id and returns the result, or raises.

        Raises:
            BrokerError: what ``send`` raised, or the connection failed for too long.
        """

        def attempt() -> _Answer:
            if self._node_id is None:
                self._node_id = self._find()
            try:
                return send(self._node_id)
            except RetriableBrokerError as error:
                if error.code in COORDINATOR_MOVED_CODES:
                    self._node_id = None
                raise

        return self.connection.retry(attempt)
