"""Everything of kafka-python that this package uses, in one place; the version is pinned exactly.

The connections, their event loop, the cluster metadata and the group coordinator are not part of
kafka-python's public interface.  ``PRIVATE_PARTS`` names each attribute that is used, and a contract test
looks for every one of them, so that another version fails there and not under load.
"""

from __future__ import annotations

import logging
import ssl
from typing import Any

from kafka import errors as kafka_errors
from kafka.cluster import ClusterMetadata
from kafka.coordinator.base import BaseCoordinator
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import create_connection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport
from kafka.protocol import admin as admin_messages
from kafka.protocol import consumer as consumer_messages
from kafka.protocol import metadata as metadata_messages
from kafka.protocol import producer as producer_messages

__all__ = [
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

READ_BYTES = 1 << 20

PRIVATE_PARTS: dict[type, tuple[str, ...]] = {
    NetworkSelector: ("start", "run", "close", "sleep", "call_later", "call_soon_threadsafe", "cancel"),
    KafkaConnectionManager: (
        "_build_transport",
        "bootstrap",
        "send",
        "call_soon",
        "wait_for",
        "run",
        "least_loaded_node",
        "connection_delay",
        "ssl_enabled",
        "close",
    ),
    KafkaTCPTransport: ("_sock_recv", "handshake", "close"),
    KafkaSSLTransport: ("_sock_recv", "handshake", "close"),
    ClusterMetadata: (
        "set_topics",
        "request_update",
        "leader_for_partition",
        "leader_epoch_for_partition",
        "partitions_for_topic",
        "add_coordinator",
        "add_listener",
        "brokers",
    ),
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
    ),
}

# Failures reach our callers as errors; what kafka-python logs beside them is for its own developers.
logging.getLogger("kafka").setLevel(logging.CRITICAL)


def _receive(sock: Any) -> tuple[bytes, Exception | None]:
    """Read what is there, up to a megabyte; kafka-python reads 4 KB at a time, at half the speed."""
    try:
        data = sock.recv(READ_BYTES)
    except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return b"", None
    except OSError as error:
        return b"", kafka_errors.KafkaConnectionError(error)
    if not data:
        return b"", kafka_errors.KafkaConnectionError("the broker closed the connection")
    return data, None


class _PlainTransport(KafkaTCPTransport):
    """A plain connection with large reads."""

    def _sock_recv(self) -> tuple[bytes, Exception | None]:
        return _receive(self._sock)


class _TlsTransport(KafkaSSLTransport):
    """An encrypted connection with large reads; it reads on while TLS holds decrypted bytes back."""

    def _sock_recv(self) -> tuple[bytes, Exception | None]:
        data, error = _receive(self._sock)
        while error is None and self._sock is not None and self._sock.pending():
            more, error = _receive(self._sock)
            if not more:
                break
            data += more
        return data, error


class ConnectionManager(KafkaConnectionManager):
    """kafka-python's connections, with large reads and without creating topics by asking for them."""

    def __init__(self, net: NetworkSelector, **configs: Any) -> None:
        super().__init__(net, **configs)
        self.cluster.config["allow_auto_create_topics"] = False

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> KafkaTCPTransport:
        options: Any = self.config["socket_options"]
        proxy: Any = self.config["proxy_url"]
        sock: Any = await create_connection(
            self._net, node.host, node.port, options, proxy_url=proxy, timeout_at=timeout_at
        )
        if self.ssl_enabled:
            settings = {name: value for name, value in self.config.items() if name.startswith("ssl_")}
            transport: KafkaTCPTransport = _TlsTransport(self._net, sock, host=node.host, **settings)
        else:
            transport = _PlainTransport(self._net, sock, host=node.host)
        try:
            await transport.handshake()
        except Exception as error:
            raise kafka_errors.KafkaConnectionError(f"handshake failed: {error}") from error
        return transport
