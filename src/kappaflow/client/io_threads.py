"""The I/O threads that many connections of one process share.

few connections    each has a thread of its own, as without this
many connections   a bounded number of threads, and a connection for control that all share

    take ──▶ the thread with the fewest connections, a new one while there are fewer than `most`
    lend ──▶ a connection for produce: one of their own for the first users, then the one with the fewest
    control ──▶ the shared connection; `retire` after a failure, so that the next one to ask gets a fresh one
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kappaflow.client.kafka_python import NetworkSelector

if TYPE_CHECKING:
    from kappaflow.client.connection import ClientConfig, Connection

MOST_THREADS = 12
MOST_LENT = 32
PATIENT_CONNECTIONS = 60
PATIENCE_MAX = 10.0


class IoThreads:
    """Event loops of kafka-python, each in a thread, given to the connections of one process.

    Args:
        most: threads at most.
    """

    def __init__(self, most: int = MOST_THREADS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._users: dict[Any, int] = {}
        self._control: Connection | None = None
        self._leases: dict[Connection, int] = {}
        self._lent: dict[Connection, int] = {}
        self._being_made = 0
        self._made = threading.Condition(self._lock)

    def take(self, client_id: str) -> Any:
        """Give a loop for one more connection; `give_back` ends the use.

        Args:
            client_id: names the thread, where a new one is made.
        """
        with self._lock:
            if len(self._users) < self._most:
                found: Any = NetworkSelector(client_id=client_id, slow_task_threshold_secs=0)
                found.start()
            else:
                found = min(self._users, key=self._users.__getitem__)
            self._users[found] = self._users.get(found, 0) + 1
            return found

    def give_back(self, net: Any) -> None:
        """Take a loop back; a loop without connections ends."""
        with self._lock:
            self._users[net] -= 1
            is_free = not self._users[net]
            if is_free:
                del self._users[net]
        if is_free:
            net.close()

    def lend(self, config: ClientConfig, purpose: str) -> Connection:
        """Lend a connection for requests that are answered soon; its `close` gives it back.

        Args:
            config: how to reach the cluster; the same for all users.
            purpose: names the thread, where a new one is made.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        from kappaflow.client.connection import Connection, LentConnection

        with self._made:
            while len(self._lent) + self._being_made >= MOST_LENT:
                if self._lent:
                    found = min(self._lent, key=self._lent.__getitem__)
                    self._lent[found] += 1
                    return LentConnection(found, self._take_back)
                self._made.wait()
            self._being_made += 1
        try:
            made = Connection(config, purpose)
        except BaseException:
            with self._made:
                self._being_made -= 1
                self._made.notify_all()
            raise
        with self._made:
            self._being_made -= 1
            self._lent[made] = 1
            self._made.notify_all()
        return LentConnection(made, self._take_back)

    def _take_back(self, connection: Connection) -> None:
        with self._lock:
            self._lent[connection] -= 1
            is_free = not self._lent[connection]
            if is_free:
                del self._lent[connection]
        if is_free:
            connection.close()

    @property
    def patience(self) -> float:
        """By how much the waits of each connection are longer, so that idle ones do not keep a processor busy.

        1 up to some tens of connections; what waits is woken by records and events, so results are not later.
        """
        return min(PATIENCE_MAX, max(1.0, sum(self._users.values()) / PATIENT_CONNECTIONS))

    @property
    def known(self) -> Connection | None:
        """The connection for control, from which others take what it knows of the cluster; None before the first."""
        return self._control

    @contextmanager
    def control(self, config: ClientConfig) -> Generator[Connection]:
        """Lend the connection for requests that are answered at once.

        Args:
            config: how to reach the cluster; the same for all users.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        from kappaflow.client.connection import Connection

        with self._lock:
            connection = self._control
            if connection is not None:
                self._leases[connection] += 1
        if connection is None:
            connection = Connection(config, "control")
            with self._lock:
                # Of several made at once the last one stays; the others end with their users.
                self._control = connection
                self._leases[connection] = 1
        try:
            yield connection
        except BaseException:
            self.retire(connection)
            raise
        finally:
            self._end_lease(connection)

    def retire(self, connection: Connection) -> None:
        """Lend this connection no more: something went wrong on it."""
        with self._lock:
            if self._control is connection:
                self._control = None

    def _end_lease(self, connection: Connection) -> None:
        with self._lock:
            self._leases[connection] -= 1
            is_free = not self._leases[connection] and self._control is not connection
            if is_free:
                del self._leases[connection]
        if is_free:
            connection.close()

    def close(self) -> None:
        """End the connection for control; the loops end with their last connections."""
        with self._lock:
            connection, self._control = self._control, None
            is_free = connection is not None and not self._leases[connection]
            if is_free and connection is not None:
                del self._leases[connection]
        if is_free and connection is not None:
            connection.close()
