"""Connections to the brokers of a cluster, with an I/O thread of their own or one of those that a process shares.

Fetching, producing and control each take a ``Connection`` of their own: a broker answers the requests of one
connection in order, so a produce behind a long poll would wait for as long as the poll does.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from kappaflow.client import texts as _texts
from kappaflow.client.broker_errors import translate
from kappaflow.client.gathering import Gatherings
from kappaflow.client.io_threads import IoThreads
from kappaflow.client.kafka_python import (
    LOG_ON_ERRORS,
    ConnectionManager,
    Future,
    KafkaNetClient,
    NetworkSelector,
    kafka_errors,
)
from kappaflow.errors import BrokerUnreachable, RetriableBrokerError
from kappaflow.runtime.messages import message

assert _texts

if TYPE_CHECKING:
    from kappaflow.client.tail_watch import SharedWatch

RECEIVE_MESSAGE_MAX_BYTES = 1 << 30
RECONNECT_BACKOFF_MAX_MS = 1_000
RETRY_BACKOFF_S = 0.1
RETRY_BACKOFF_FIRST_S = 0.005
UNLIMITED_IN_FLIGHT = 1_000


@dataclass(frozen=True)
class ClientConfig:
    """How to reach a cluster.

    Attributes:
        bootstrap_servers: ``host:port``, comma-separated.
        client_id: shown in the brokers' logs and quotas.
        request_timeout_ms: when a request without an answer counts as lost, and its connection with it.
        bootstrap_timeout_ms: how long to try before the brokers count as unreachable.
        security: kafka-python's settings for TLS and SASL, such as ``security_protocol``.
        io: threads that all connections made with this share; None gives each one of its own.
    """

    bootstrap_servers: str
    client_id: str = "kappaflow"
    request_timeout_ms: int = 30_000
    bootstrap_timeout_ms: int = 10_000
    security: Mapping[str, Any] = field(default_factory=dict[str, Any])
    io: IoThreads | None = field(default=None, compare=False, repr=False)

    @property
    def gatherings(self) -> Gatherings | None:
        """The look-ups that are shared by all with these threads; None for a client alone."""
        return None if self.io is None else self.io.gatherings

    @property
    def patience(self) -> float:
        """By how much waits are longer than of a client alone."""
        return 1.0 if self.io is None else self.io.patience


class Connection:
    """The connections of one purpose to all brokers, on one I/O thread.

    Attributes:
        config: how the cluster is reached.
        manager: kafka-python's connections; to be used on the I/O thread only.
    """

    def __init__(self, config: ClientConfig, purpose: str = "control") -> None:
        """Connect.

        Args:
            config: how to reach the cluster.
            purpose: names the thread.

        Raises:
            BrokerUnreachable: no broker of the list answers.
        """
        self.config = config
        name = f"{config.client_id}-{purpose}"
        if config.io is None:
            self._net: Any = NetworkSelector(client_id=name, slow_task_threshold_secs=0)
            self._net.start()
        else:
            self._net = config.io.take(name)
        self.manager = ConnectionManager(
            self._net,
            **{
                **config.security,
                "bootstrap_servers": config.bootstrap_servers,
                "client_id": config.client_id,
                "client_software_name": "kappaflow",
                "client_software_version": "1",
                "request_timeout_ms": config.request_timeout_ms,
                "receive_message_max_bytes": RECEIVE_MESSAGE_MAX_BYTES,
                "reconnect_backoff_max_ms": RECONNECT_BACKOFF_MAX_MS,
                # kafka-python counts an answered request as under way until its callback has returned, and
                # refuses what the callback sends; fetcher and producer count for themselves.
                "max_in_flight_requests_per_connection": UNLIMITED_IN_FLIGHT,
            },
        )
        self._closed = False
        known = None if config.io is None else config.io.known
        if known is not None:
            self._net.run(self.manager.adopt, known.manager)
            return
        try:
            self.manager.bootstrap(timeout_ms=config.bootstrap_timeout_ms)
        except Exception as error:
            self.close()
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> Exception:
        if isinstance(error, LOG_ON_ERRORS):
            return translate(error, f"log on at {self.config.bootstrap_servers}")
        seconds = self.config.bootstrap_timeout_ms / 1000
        addresses = self.config.bootstrap_servers.split(",")
        reasons = self.manager.last_problem or "; ".join(map(_why_unreachable, addresses))
        return BrokerUnreachable(
            message(
                "connection.unreachable",
                bootstrap_servers=self.config.bootstrap_servers,
                seconds=seconds,
                reasons=reasons,
            )
        )

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def call_soon(self, function: Callable[[], object]) -> None:
        """Run a function on the I/O thread, soon; ignored after ``close``."""
        if not self._closed:
            try:
                self._net.call_soon_threadsafe(function)
            except RuntimeError:
                if not self._closed:  # another thread closed it just now
                    raise

    def call_later(self, delay_s: float, function: Callable[[], object]) -> None:
        """Run a function on the I/O thread after a time; to be called on the I/O thread."""
        if not self._closed:
            self._net.call_later(delay_s, function)

    def sleep(self, delay_s: float) -> Any:
        """An awaitable pause for coroutines of the I/O thread."""
        return self._net.sleep(delay_s)

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function or coroutine function on the I/O thread and wait for its result.

        Raises:
            RuntimeError: the connection is closed.
        """
        self._check_open()
        return self._net.run(function, *args)

    def _check_open(self) -> None:
        if self._closed:  # a shared loop goes on, and would wait for an answer that nobody sends
            raise RuntimeError("The connection is closed.")

    def spawn(self, function: Callable[..., Any], *args: Any) -> Any:
        """Start a function or coroutine function on the I/O thread."""
        self._check_open()
        return self.manager.call_soon(function, *args)

    def send(self, message: Any, node_id: int | str | None = None, timeout_ms: int | None = None) -> Any:
        """Send a request; to be called on the I/O thread.  Failures arrive in the future."""
        try:
            self._check_open()
            return self.manager.send(message, node_id=node_id, request_timeout_ms=timeout_ms)
        except Exception as error:
            return Future().failure(error)

    def send_beside(self, message: Any, node_id: int, name: str) -> Any:
        """As `send`, over one more connection to the broker: the answers of those in use are not waited for.

        Args:
            message: the request.
            node_id: the broker.
            name: of the connection, the same each time.
        """
        try:
            self._check_open()
            return self.manager.send(message, node_id=self.manager.beside(node_id, name))
        except Exception as error:
            return Future().failure(error)

    def group_client(self) -> Any:
        """The face of these connections that kafka-python's group coordinator expects."""
        return KafkaNetClient(net=self._net, manager=self.manager)

    def request(self, message: Any, what: str, node_id: int | str | None = None) -> Any:
        """Send one request and wait for its answer.

        Args:
            message: the request.
            what: what is attempted, for the error message.
            node_id: the broker, or any.

        Raises:
            BrokerError: the request failed; ``RetriableBrokerError`` where the connection did.
        """
        try:
            try:
                return self.run(self.send, message, node_id)
            except kafka_errors.UnknownBrokerIdError:
                self.run(self.manager.cluster.refresh_metadata)  # it has joined since the last look at the cluster
                return self.run(self.send, message, node_id)
        except Exception as error:
            raise translate(error, what) from error

    def retry(self, attempt: Callable[[], Any], timeout_ms: int | None = None) -> Any:
        """Repeat something until it succeeds, fails for good, or the request time-out has passed.

        Args:
            attempt: called on this thread; ``RetriableBrokerError`` makes it be called again.
            timeout_ms: how long to try; the request time-out by default.

        Raises:
            BrokerError: what the last attempt raised.
        """
        deadline = time.monotonic() + (timeout_ms or self.config.request_timeout_ms) / 1000
        pause = RETRY_BACKOFF_FIRST_S
        while True:
            try:
                return attempt()
            except RetriableBrokerError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(pause)
                pause = min(2 * pause, RETRY_BACKOFF_S)

    def close(self) -> None:
        """Close all connections, and end the I/O thread where it is their own."""
        if self._closed:
            return
        self._closed = True
        self._net.run(self.manager.close)
        if self.config.io is None:
            self._net.close()
        else:
            self.config.io.give_back(self._net)


class LentConnection(Connection):
    """The connections of another, for one of several users that each have topics of their own."""

    def __init__(self, base: Connection, give_back: Callable[[Connection], object]) -> None:
        self.config = base.config
        self.manager = base.manager
        self._net = base._net
        self._base = base
        self._give_back = give_back
        self._closed = False

    def close(self) -> None:
        """Give the connections back."""
        if not self._closed:
            self._closed = True
            self._give_back(self._base)


def open_connection(config: ClientConfig, purpose: str, *, in_transactions: bool = False) -> Connection:
    """Connect, or borrow a connection from the process where many are open.

    Args:
        config: how to reach the cluster.
        purpose: names the thread.
        in_transactions: it is to be shared with transactions only, whose ends take longer than other requests.

    Raises:
        BrokerUnreachable: no broker answers.
    """
    if config.io is None:
        return Connection(config, purpose)
    return config.io.lend(config, purpose, in_transactions=in_transactions)


def open_fetching(config: ClientConfig, isolation: int) -> tuple[Connection, SharedWatch | None]:
    """Connect for fetching, or borrow a connection from the process where many fetch.

    Args:
        config: how to reach the cluster.
        isolation: the code of the isolation level.

    Returns:
        The connection, and what is to be waited with at the ends of partitions where it is borrowed: no request may
        be held back by the broker then.

    Raises:
        BrokerUnreachable: no broker answers.
    """
    if config.io is None:
        return Connection(config, "fetch"), None
    return config.io.lend_for_fetching(config, isolation)


def _why_unreachable(address: str) -> str:
    """One attempt to connect, for the text of an error."""
    host, _, port = address.strip().rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1):
            return message("connection.another_protocol", address=address)
    except (OSError, ValueError) as error:
        return f"{address}: {error}"
