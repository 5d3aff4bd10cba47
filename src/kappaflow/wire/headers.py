"""Request and response headers, as the broker reads and writes them.

Source: KIP-482 (header versions), KIP-511 (why ApiVersions always answers with header version 0).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from kappaflow.wire.codec import MalformedMessage
from kappaflow.wire.decoder_source import read_unsigned_varint

_FIXED = struct.Struct(">hhi")
_LENGTH = struct.Struct(">h")
API_VERSIONS_KEY = 18


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """What precedes a request body.

    Attributes:
        api_key: the API.
        api_version: the version of the body.
        correlation_id: to be repeated in the response.
        client_id: the client's name for itself; empty where it gave none.
        body_position: where the body starts in the frame; -1 until known.
    """

    api_key: int
    api_version: int
    correlation_id: int
    client_id: str
    body_position: int


def peek_api(frame: memoryview) -> tuple[int, int, int]:
    """The (API key, version, correlation id) that start every frame.

    Raises:
        MalformedMessage: the frame is shorter than that.
    """
    if len(frame) < _FIXED.size:
        raise MalformedMessage(f"a request of {len(frame)} bytes has no header")
    return _FIXED.unpack_from(frame)


def decode_request_header(frame: memoryview, flexible: bool) -> RequestHeader:
    """Read a request header of version 1, or 2 where the body is `flexible`.

    Raises:
        MalformedMessage: the frame ends inside the header.
    """
    api_key, api_version, correlation_id = peek_api(frame)
    try:
        # The client id keeps the old string form even in header version 2.
        (length,) = _LENGTH.unpack_from(frame, 8)
        position = 10 + max(length, 0)
        client_id = str(frame[10:position], "utf-8") if length > 0 else ""
        if flexible:
            tags, position = read_unsigned_varint(frame, position)
            for _ in range(tags):
                _, position = read_unsigned_varint(frame, position)
                size, position = read_unsigned_varint(frame, position)
                position += size
    except (struct.error, IndexError, ValueError) as error:
        raise MalformedMessage(f"request header of API key {api_key}: {error}") from error
    if position > len(frame):
        raise MalformedMessage(f"request header of API key {api_key} ends early")
    return RequestHeader(api_key, api_version, correlation_id, client_id, position)


def response_prefix(api_key: int, correlation_id: int, flexible: bool) -> bytes:
    """A response header: version 1 where the body is `flexible`, else 0; ApiVersions always 0."""
    head = correlation_id.to_bytes(4, "big", signed=True)
    return head + b"\x00" if flexible and api_key != API_VERSIONS_KEY else head
