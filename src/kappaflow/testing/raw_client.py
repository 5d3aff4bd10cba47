"""The smallest client: frames over a socket, for tests of what real clients never send."""

from __future__ import annotations

import socket
import struct

from kappaflow.broker.api_table import API_TABLE
from kappaflow.wire.codec import decode, encode_bytes
from kappaflow.wire.message import Message


class RawClient:
    """One connection.

    Args:
        port: the broker's.
        client_id: what the client calls itself.
    """

    def __init__(self, port: int, client_id: str | None = None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._correlation_id = 0
        name = client_id.encode() if client_id is not None else b""
        self._client_id = struct.pack(">h", -1 if client_id is None else len(name)) + name

    def fileno(self) -> int:
        """Of the socket, to wait for an answer with ``select``."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def send(self, api_key: int, version: int, body: Message) -> int:
        """Send one request and give its correlation id."""
        self._correlation_id += 1
        flexible = version >= API_TABLE[api_key].flexible_from
        header = struct.pack(">hhi", api_key, version, self._correlation_id) + self._client_id
        header += b"\x00" if flexible else b""
        frame = header + encode_bytes(api_key, version, "request", body)
        self.send_bytes(len(frame).to_bytes(4, "big") + frame)
        return self._correlation_id

    def receive_frame(self) -> bytes:
        """One response frame; empty where the broker closed the connection."""
        head = self._read(4)
        return self._read(int.from_bytes(head, "big")) if head else b""

    def receive(self, api_key: int, version: int) -> tuple[int, Message]:
        """(correlation id, body) of the next response."""
        frame = self.receive_frame()
        flexible = version >= API_TABLE[api_key].flexible_from and api_key != 18
        body = decode(api_key, version, "response", memoryview(frame), 5 if flexible else 4)
        return int.from_bytes(frame[:4], "big"), body

    def ask(self, api_key: int, version: int, body: Message) -> Message:
        """Send one request and give the body of its response."""
        sent = self.send(api_key, version, body)
        received, answer = self.receive(api_key, version)
        assert received == sent
        return answer

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self._socket.recv(size - len(data))
            if not chunk:
                return b""
            data += chunk
        return data
