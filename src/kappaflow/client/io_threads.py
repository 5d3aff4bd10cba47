"""The I/O threads that many connections of one process share.

few connections    each has a thread of its own, as without this
many connections   a bounded number of threads, and a connection for control that all share

    take ──▶ the thread with the fewest connections, a new one while there are fewer than `most`
    lend ──▶ a connection for produce: one of their own for the first users, then the one with the fewest
    lend_for_fetching ──▶ likewise for fetching, with a watch of the ends of partitions where a connection is shared
    control ──▶ the shared connection; `retire` after a failure, so that the next one to ask gets a fresh one
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kappaflow.client.gathering import Gatherings
from kappaflow.client.kafka_python import NetworkSelector
from kappaflow.client.pool import Pool

if TYPE_CHECKING:
    from kappaflow.client.connection import ClientConfig, Connection
    from kappaflow.client.tail_watch import SharedWatch, TailWatch

MOST_THREADS = 12
MOST_LENT = 32
FETCHING_ALONE, FETCHING_SHARED = 32, 16
ISOLATIONS = (0, 1)
PATIENT_CONNECTIONS = 60
PATIENCE_MAX = 10.0


class IoThreads:
    """Event loops of kafka-python, each in a thread, given to the connections of one process.

    Args:
        most: threads at most.

    Attributes:
        gatherings: look-ups that the users of the connections share.
    """

    def __init__(self, most: int = MOST_THREADS) -> None:
        self._most = most
        self.gatherings = Gatherings()
        self._lock = threading.Lock()
        self._users: dict[Any, int] = {}
        self._connections = 0
        self._expected = 0
        self._control: Connection | None = None
        self._leases: dict[Connection, int] = {}
        self._lent: Pool[Connection] = Pool(MOST_LENT)
        self._in_transactions: Pool[Connection] = Pool(MOST_LENT)
        self._fetching_alone: Pool[Connection] = Pool(FETCHING_ALONE)
        self._fetching: Pool[Connection] = Pool(FETCHING_SHARED)
        self._watches: dict[int, Pool[TailWatch]] = {isolation: Pool(1) for isolation in ISOLATIONS}

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
            self._connections += 1
            return found

    def give_back(self, net: Any) -> None:
        """Take a loop back; a loop without connections ends."""
        with self._lock:
            self._users[net] -= 1
            self._connections -= 1
            is_free = not self._users[net]
            if is_free:
                del self._users[net]
        if is_free:
            net.close()

    def lend(self, config: ClientConfig, purpose: str, *, in_transactions: bool = False) -> Connection:
        """Lend a connection for requests that are answered soon; its `close` gives it back.

        Args:
            config: how to reach the cluster; the same for all users.
            purpose: names the thread, where a new one is made.
            in_transactions: it is shared with transactions only.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        from kappaflow.client.connection import Connection, LentConnection

        pool = self._in_transactions if in_transactions else self._lent
        return LentConnection(pool.take(lambda: Connection(config, purpose)), pool.give_back)

    def lend_for_fetching(self, config: ClientConfig, isolation: int) -> tuple[Connection, SharedWatch | None]:
        """Lend a connection to a fetcher, and what it waits with at the end of its partitions if it is not alone on it.

        Args:
            config: how to reach the cluster; the same for all users.
            isolation: the code of the isolation level.

        Raises:
            BrokerUnreachable: no broker answers.
        """
        from kappaflow.client.connection import Connection, LentConnection
        from kappaflow.client.tail_watch import SharedWatch, TailWatch

        own = self._fetching_alone.take_own(lambda: Connection(config, "fetch"))
        if own is not None:
            return LentConnection(own, self._fetching_alone.give_back), None
        watches = self._watches[isolation]
        watch = watches.take(lambda: TailWatch(Connection(config, "watch"), isolation))
        try:
            shared = self._fetching.take(lambda: Connection(config, "fetch-shared"))
        except BaseException:
            watches.give_back(watch)
            raise
        return LentConnection(shared, self._fetching.give_back), SharedWatch(watch, watches.give_back)

    def expect(self, users: int) -> None:
        """Say how many users there will be: the first of hundreds need not be hasty until the others have come."""
        self._expected = users

    @property
    def patience(self) -> float:
        """By how much the waits of each connection are longer, so that idle ones do not keep a processor busy.

        1 up to some tens of users; what waits is woken by records and events, so results are not later.
        """
        users = self._connections + self._fetching.sharers + self._in_transactions.sharers
        return min(PATIENCE_MAX, max(1.0, max(users, self._expected) / PATIENT_CONNECTIONS))

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
