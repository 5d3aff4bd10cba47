"""Everything of kafka-python that this package uses, in one place; the version is pinned exactly.

The connections, their event loop, the cluster metadata and the group coordinator are not part of
kafka-python's public interface.  ``PRIVATE_PARTS`` names each attribute that is used, and a contract test
looks for every one of them, so that another version fails there and not under load.
"""

from __future__ import annotations

import itertools
import logging
import selectors
import socket
import ssl
import time
import warnings
from collections import Counter
from importlib import import_module
from typing import Any

from kappaflow.client import texts as _texts
from kappaflow.runtime.messages import message

assert _texts

__all__ = [
    "LOG_ON_ERRORS",
    "READ_BYTES",
    "BaseCoordinator",
    "ClusterMetadata",
    "ConnectionManager",
    "Future",
    "KafkaNetClient",
    "NetworkSelector",
    "admin_messages",
    "consumer_messages",
    "kafka_errors",
    "metadata_messages",
    "producer_messages",
]

# All Any: type checkers know kafka-python only by stubs of another version, and the messages, which are classes
# made from schemas at import, not at all.
with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that Python 3.11 deprecated and 3.13 brought back.
    warnings.simplefilter("ignore", DeprecationWarning)
    kafka_errors: Any = import_module("kafka.errors")
    admin_messages: Any = import_module("kafka.protocol.admin")
    consumer_messages: Any = import_module("kafka.protocol.consumer")
    metadata_messages: Any = import_module("kafka.protocol.metadata")
    producer_messages: Any = import_module("kafka.protocol.producer")
    BaseCoordinator: Any = import_module("kafka.coordinator.base").BaseCoordinator
    ClusterMetadata: Any = import_module("kafka.cluster").ClusterMetadata
    Future: Any = import_module("kafka.future").Future
    net_manager: Any = import_module("kafka.net.manager")
    KafkaConnectionManager: Any = net_manager.KafkaConnectionManager
    KafkaNetClient: Any = import_module("kafka.net.compat").KafkaNetClient
    KafkaSSLTransport: Any = import_module("kafka.net.transport").KafkaSSLTransport
    KafkaTCPTransport: Any = import_module("kafka.net.transport").KafkaTCPTransport
    KafkaNetSelector: Any = import_module("kafka.net.selector").NetworkSelector
    KafkaNetSocket: Any = import_module("kafka.net.inet").KafkaNetSocket
    frame_parser: Any = import_module("kafka.protocol.parser")

logger = logging.getLogger(__name__)
READ_BYTES = 256 << 10
REFRESH_BACKOFF_S = 0.1
LOG_ON_ERRORS = (
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
)

PRIVATE_PARTS: dict[Any, tuple[str, ...]] = {
    KafkaNetSelector: ("start", "run", "close", "sleep", "call_later", "call_soon_threadsafe", "cancel"),
    KafkaConnectionManager: (
        "_build_transport",
        "_connect",
        "bootstrapped",
        "bootstrap",
        "send",
        "call_soon",
        "wait_for",
        "run",
        "least_loaded_node",
        "connection_delay",
        "ssl_enabled",
        "close_idle_connections",
        "close",
    ),
    KafkaNetSocket: ("dns_lookup", "sock_connect"),
    KafkaTCPTransport: ("_sock_recv", "_sock_send", "_write_to_sock", "abort", "handshake", "close"),
    KafkaSSLTransport: ("_sock_recv", "handshake", "close"),
    frame_parser: ("KafkaBytes",),
    frame_parser.KafkaBytes: ("read", "write"),
    ClusterMetadata: (
        "set_topics",
        "remove_listener",
        "request_update",
        "refresh_metadata",
        "metadata_refresh_in_progress",
        "broker_metadata",
        "leader_for_partition",
        "leader_epoch_for_partition",
        "partitions_for_topic",
        "add_coordinator",
        "add_listener",
        "brokers",
        "start_refresh_loop",
        "_refresh_loop",
    ),
    net_manager: ("ClusterMetadata",),
    KafkaNetClient: ("is_disconnected", "connection_delay", "least_loaded_node", "maybe_connect"),
    BaseCoordinator: (
        "protocol_type",
        "group_protocols",
        "_perform_assignment",
        "_on_join_prepare_async",
        "_on_join_complete_async",
        "ensure_active_group_async",
        "poll_heartbeat",
        "need_rejoin",
        "request_rejoin",
        "group_metadata",
        "generation_if_stable",
        "maybe_leave_group_async",
        "is_dynamic_member",
        "reset_generation",
        "_close_heartbeat",
        "_handle_heartbeat_response",
        "_send_heartbeat_request",
        "coordinator_unknown",
    ),
}

# Failures reach our callers as errors; what kafka-python logs beside them is for its own developers.
logging.getLogger("kafka").setLevel(logging.CRITICAL)


class _Frame(frame_parser.KafkaBytes):
    """The bytes of an answer, read with fewer copies: of a part one instead of two, of the whole rest none."""

    def read(self, nbytes: int | None = None) -> bytes | memoryview:
        start = self._idx
        if nbytes is None:
            self._idx = len(self)
            return memoryview(self)[start:]
        end = self._idx = min(start + nbytes, len(self))
        with memoryview(self) as view:
            return bytes(view[start:end])


frame_parser.KafkaBytes = _Frame


class _Cluster(ClusterMetadata):
    """kafka-python's metadata, whose refresh loop goes on whatever a refresh fails with.

    It would end for good with the failure of a refresh that another caller began, or with an error that is not
    Kafka's, and whoever waits for a topic or for a new leader would wait for ever.
    """

    async def _refresh_loop(self) -> None:
        while not self.closed:
            try:
                await super()._refresh_loop()
            except Exception as error:
                logger.info("The metadata is refreshed again after: %s", error)
                await self._manager._net.sleep(REFRESH_BACKOFF_S)


net_manager.ClusterMetadata = _Cluster


class _Sockets(selectors.DefaultSelector):
    """A selector that is asked for sockets it does not have, and says so without describing them.

    kafka-python registers a socket anew for every wait, and the description of a socket takes two system calls.
    """

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        # A closed socket has lost its number and is looked for by itself.
        return super().get_key(fileobj) if number < 0 else self.get_map()[number]


class NetworkSelector(KafkaNetSelector):
    """kafka-python's event loop over that selector.

    Attributes:
        read_buffer: what connections of this loop read into, one at a time.
    """

    def __init__(self, **configs: Any) -> None:
        super().__init__(**{"selector": _Sockets, **configs})
        self.read_buffer = bytearray(READ_BYTES)


def _receive(sock: Any, buffer: bytearray) -> tuple[int, Any]:
    """Read what is there into a buffer and return how much; kafka-python reads 4 KB at a time, at half the speed."""
    try:
        size = sock.recv_into(buffer)
    except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return 0, None
    except OSError as error:
        return 0, kafka_errors.KafkaConnectionError(error)
    return size, None if size else kafka_errors.KafkaConnectionError("the broker closed the connection")


async def _connect(net: Any, host: str, port: int, options: Any, timeout_at: float | None) -> socket.socket:
    """Connect to the first address that accepts; kafka-python leaves the sockets of the others open."""
    sockets = KafkaNetSocket()
    problem: Exception = kafka_errors.KafkaConnectionError(f"the name {host} has no address")
    for family, kind, protocol, _, address in sockets.dns_lookup(host, port):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            for option in options:
                sock.setsockopt(*option)
            return await sockets.sock_connect(net, sock, address, timeout_at=timeout_at)
        except (OSError, kafka_errors.KafkaError) as error:
            sock.close()
            problem = kafka_errors.KafkaConnectionError(f"{host}:{port}: {error}")
        except BaseException:
            sock.close()
            raise
    raise problem


class _PlainTransport(KafkaTCPTransport):
    """A plain connection with large reads into one buffer that stays in the processor's cache.

    The parser copies what it is given before the next read of any connection of the loop, so they share the buffer.
    Writes wait only where the socket is full.
    """

    def __init__(self, net: Any, *args: Any, **configs: Any) -> None:
        super().__init__(net, *args, **configs)
        self._buffer: bytearray = net.read_buffer

    def _sock_recv(self) -> tuple[memoryview, Any]:
        size, error = _receive(self._sock, self._buffer)
        return memoryview(self._buffer)[:size], error

    async def _write_to_sock(self) -> None:
        if self._write_buffer and not self._closed:
            _, error = self._sock_send()
            if error:
                self._writing = False
                self.abort(error=error)
                return
            self.last_write = time.monotonic()
        await super()._write_to_sock()


class _TlsTransport(KafkaSSLTransport):
    """An encrypted connection with large reads; it reads on while TLS holds decrypted bytes back."""

    def __init__(self, net: Any, *args: Any, **configs: Any) -> None:
        super().__init__(net, *args, **configs)
        self._buffer: bytearray = net.read_buffer

    def _sock_recv(self) -> tuple[memoryview, Any]:
        size, error = _receive(self._sock, self._buffer)
        view = memoryview(self._buffer)[:size]
        if error is not None or not self._sock.pending():
            return view, error
        data = bytearray(view)
        while error is None and self._sock is not None and self._sock.pending():
            size, error = _receive(self._sock, self._buffer)
            if not size:
                break
            data += memoryview(self._buffer)[:size]
        return memoryview(data), error


class ConnectionManager(KafkaConnectionManager):
    """kafka-python's connections, with large reads and without creating topics by asking for them.

    Attributes:
        topic_users: how many want to know of each topic.
        idle_joins: the connections that groups were joined by and that the next member may take.
        join_numbers: name new ones.

    All are to be used on the I/O thread only.
    """

    def __init__(self, net: Any, **configs: Any) -> None:
        super().__init__(net, **configs)
        self.cluster.config["allow_auto_create_topics"] = False
        self.last_problem = ""
        self.topic_users: Counter[str] = Counter()
        self.idle_joins: list[str] = []
        self.join_numbers = itertools.count()

    def adopt(self, other: ConnectionManager) -> None:
        """Begin with what another manager of the same cluster knows, instead of asking a broker for it again."""
        mine, known = self.cluster, other.cluster
        self.broker_version_data = other.broker_version_data
        mine._brokers = dict(known._brokers)
        mine.controller, mine.cluster_id = known.controller, known.cluster_id
        mine._last_refresh_ms = mine._last_successful_refresh_ms = known._last_successful_refresh_ms
        mine._need_update = False
        self._bootstrap_future = Future().success(True)
        mine.start_refresh_loop()

    def beside(self, node_id: Any, name: str) -> str:
        """Return an id under which one more connection goes to a node; to be used on the I/O thread.

        Args:
            node_id: the node.
            name: of the connection, the same each time.
        """
        node = self.cluster.broker_metadata(node_id)
        if node is None:
            self.cluster.request_update()
            raise kafka_errors.UnknownBrokerIdError(node_id)
        known = self.cluster._coordinator_brokers.get(name)
        if known is None or (known.host, known.port) != (node.host, node.port):
            if name in self._conns:
                self._conns[name].close()
            broker_class = metadata_messages.MetadataResponse.MetadataResponseBroker
            self.cluster._coordinator_brokers[name] = broker_class(name, node.host, node.port, None)
        return name

    def close(self, node_id: Any = None, timeout_ms: float | None = None) -> None:
        """Close connections; with all of them also what is not written yet goes.

        kafka-python would write it first, and leaves the socket open where the loop ends before that.
        """
        if node_id is None and not self.closed:
            for conn in list(self._conns.values()):
                if conn.transport is not None:
                    conn.transport.abort()
        super().close(node_id, timeout_ms)

    def close_idle_connections(self) -> None:
        """Look for connections that nothing uses; of closed ones no more, as the loop may outlive them."""
        if not getattr(self, "closed", False):
            super().close_idle_connections()

    async def _connect(self, node: Any, conn: Any, *args: Any, **options: Any) -> None:
        await super()._connect(node, conn, *args, **options)
        error = conn.init_future.exception if conn.init_future.is_done else None
        # Only at first: it would not try again, and a password may be changed under a running client.
        if isinstance(error, LOG_ON_ERRORS) and not self.bootstrapped:
            self._auth_failures[node.node_id] = error

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        sock = await _connect(self._net, node.host, node.port, self.config["socket_options"], timeout_at)
        if self.ssl_enabled:
            settings = {name: value for name, value in self.config.items() if name.startswith("ssl_")}
            transport: Any = _TlsTransport(self._net, sock, host=node.host, **settings)
        else:
            transport = _PlainTransport(self._net, sock, host=node.host)
        try:
            await transport.handshake()
        except Exception as error:
            transport.close()
            self.last_problem = message("connection.no_handshake", address=f"{node.host}:{node.port}", error=error)
            raise kafka_errors.KafkaConnectionError(f"handshake failed: {error}") from error
        return transport
