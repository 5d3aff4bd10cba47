"""Read requests and write responses (and the reverse, for tests and tools) of every API and version.

For each (API, version, direction) a straight-line function is written from the schema and compiled once, the
first time it is needed. Record batches are neither parsed nor copied: a decoded ``records`` field is a view
of the request's buffer, and an encoded one is passed through as buffers between the framing bytes.

Source: the protocol guide of Apache Kafka; KIP-482 (flexible versions), KIP-893 (nullable structs).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache

from kappaflow.wire.decoder_source import compile_decoder
from kappaflow.wire.encoder_source import Splices, compile_encoder
from kappaflow.wire.message import Message
from kappaflow.wire.protocol_schema import Direction, body_schema

Buffer = bytes | bytearray | memoryview


class MalformedMessage(Exception):
    """The bytes are not a message of the stated API and version."""


@cache
def _decoder(
    api_key: int, version: int, direction: Direction, newest: int
) -> Callable[[memoryview, int], tuple[Message, int]]:
    superset = body_schema(api_key, newest, direction) if newest != version else None
    return compile_decoder(body_schema(api_key, version, direction), superset)


@cache
def _encoder(api_key: int, version: int, direction: Direction) -> Callable[[Message, bytearray, Splices], None]:
    return compile_encoder(body_schema(api_key, version, direction))


def decode(
    api_key: int,
    version: int,
    direction: Direction,
    buffer: memoryview,
    position: int = 0,
    newest: int | None = None,
) -> Message:
    """Read a message body.

    Args:
        api_key: the API.
        version: the version the bytes are in.
        direction: ``request`` or ``response``.
        buffer: the bytes; ``records`` fields become views of it.
        position: where the body starts.
        newest: also give the fields that this newer version has, with their defaults.

    Raises:
        MalformedMessage: the bytes end early or hold impossible lengths.
        LookupError: there is no such API version.
    """
    read = _decoder(api_key, version, direction, version if newest is None else newest)
    try:
        message, end = read(buffer, position)
    except (IndexError, ValueError, OverflowError, struct.error) as error:
        raise MalformedMessage(f"API key {api_key} v{version} {direction}: {error}") from error
    if end > len(buffer):
        raise MalformedMessage(f"API key {api_key} v{version} {direction}: ends {end - len(buffer)} bytes early")
    return message


def encode(
    api_key: int,
    version: int,
    direction: Direction,
    message: Message,
    prefix: bytes = b"",
) -> list[Buffer]:
    """Write a message body after `prefix` as buffers, in order; record buffers are passed through."""
    out = bytearray(prefix)
    splices: Splices = []
    _encoder(api_key, version, direction)(message, out, splices)
    if not splices:
        return [out]
    parts: list[Buffer] = []
    framing = memoryview(out)
    start = 0
    for position, buffers in splices:
        if position > start:
            parts.append(framing[start:position])
            start = position
        parts.extend(buffers)
    if start < len(out):
        parts.append(framing[start:])
    return parts


def encode_bytes(api_key: int, version: int, direction: Direction, message: Message, prefix: bytes = b"") -> bytes:
    """Write a message body after `prefix` as one byte string."""
    return b"".join(encode(api_key, version, direction, message, prefix))
