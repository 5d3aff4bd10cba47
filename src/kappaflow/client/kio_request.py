"""Requests that kafka-python has no messages for, over its connections.

    body = Message(group_ids=["g"], include_authorized_operations=False)
    request_by_schema(connection, 69, range(0, 2), body, "describe groups", node_id)

The bodies are those of ``wire``: attributes in snake case, every field of the version that is sent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kappaflow.client.connection import Connection
from kappaflow.errors import BrokerError
from kappaflow.wire.codec import MalformedMessage, decode, encode_bytes
from kappaflow.wire.decoder_source import read_unsigned_varint
from kappaflow.wire.error_codes import ErrorCode
from kappaflow.wire.message import Message
from kappaflow.wire.protocol_schema import body_schema


class _ResponseHeader(NamedTuple):
    correlation_id: int


class _RequestHeader(NamedTuple):
    """What kafka-python keeps of a request under way, and the reader of its answer."""

    api_key: int
    api_version: int
    correlation_id: int

    def get_response_class(self) -> _RequestHeader:
        return self

    def parse_header(self, data: Any) -> _ResponseHeader:
        """Read the response's header; the body follows."""
        found = _ResponseHeader(int.from_bytes(data.read(4), "big", signed=True))
        if body_schema(self.api_key, self.api_version, "response").flexible:
            _skip_tagged_fields(data)
        return found

    def decode(self, data: Any) -> Message:
        """Read the response's body."""
        try:
            return decode(self.api_key, self.api_version, "response", memoryview(data.read()))
        except MalformedMessage as error:
            raise ValueError(str(error)) from error


def _skip_tagged_fields(data: Any) -> None:
    def varint() -> int:
        raw = bytearray()
        while not raw or raw[-1] & 0x80:
            raw += data.read(1)
        return read_unsigned_varint(memoryview(raw), 0)[0]

    for _ in range(varint()):
        varint()
        data.read(varint())


class SchemaRequest:
    """A request by its schema, as kafka-python's connections expect one."""

    def __init__(self, api_key: int, version: int, body: Message) -> None:
        self.API_KEY = api_key
        self.API_VERSION = version
        self.header: _RequestHeader | None = None
        self._body = body
        self._client_id = b""

    def __str__(self) -> str:
        return f"request of API key {self.API_KEY} v{self.API_VERSION}"

    def expect_response(self) -> bool:
        """Every such request is answered."""
        return True

    def with_header(self, correlation_id: int = 0, client_id: str = "") -> None:
        """Take the number under which the answer will come."""
        self.header = _RequestHeader(self.API_KEY, self.API_VERSION, correlation_id)
        self._client_id = client_id.encode()

    def encode(self, *, framed: bool = True, header: bool = True) -> bytes:
        """The whole frame."""
        assert self.header is not None
        numbers = ((self.API_KEY, 2), (self.API_VERSION, 2), (self.header.correlation_id, 4), (len(self._client_id), 2))
        head = b"".join(number.to_bytes(size, "big", signed=True) for number, size in numbers) + self._client_id
        if body_schema(self.API_KEY, self.API_VERSION, "request").flexible:
            head += b"\x00"
        frame = encode_bytes(self.API_KEY, self.API_VERSION, "request", self._body, head)
        return len(frame).to_bytes(4, "big") + frame


def supported_version(connection: Connection, api_key: int, versions: range) -> int | None:
    """The newest of these versions that the brokers know; None where they know none of them."""
    known = connection.manager.broker_version_data.api_versions.get(api_key)
    if known is None:
        return None
    both = [version for version in versions if known[0] <= version <= known[1]]
    return max(both, default=None)


def request_by_schema(
    connection: Connection, api_key: int, versions: range, body: Message, what: str, node_id: int | None = None
) -> Message:
    """Send a request and wait for its answer.

    Args:
        connection: to the cluster.
        api_key: the API.
        versions: those that the body is good for.
        body: the request.
        what: what is attempted, for the error message.
        node_id: the broker, or any.

    Raises:
        BrokerError: ``UNSUPPORTED_VERSION`` where the brokers do not know the API; or the request failed. Error codes
            in the answer are the caller's to read.
    """
    version = supported_version(connection, api_key, versions)
    if version is None:
        code = ErrorCode.UNSUPPORTED_VERSION
        raise BrokerError(code, code.name, f"{what}: the brokers are too old for this (no API key {api_key}).")
    return connection.request(SchemaRequest(api_key, version, body), what, node_id)
