"""A change of a table in the bytes of one record, as Kafka Streams writes it since KIP-904.

Layout: old | 0, new | 1, or length of new (zigzag varint) | new | old | 2.
"""

from __future__ import annotations

_OLD, _NEW, _BOTH = 0, 1, 2


def join_change(new: bytes | None, old: bytes | None) -> bytes:
    """Return the bytes of a change.

    >>> join_change(b"new", b"old"), join_change(b"new", None), join_change(None, b"old")
    (b'\\x06newold\\x02', b'new\\x01', b'old\\x00')
    """
    if new is not None and old is not None:
        return _unsigned_varint(len(new) << 1) + new + old + bytes((_BOTH,))
    return new + bytes((_NEW,)) if new is not None else (old or b"") + bytes((_OLD,))


def split_change(data: bytes) -> tuple[bytes | None, bytes | None]:
    """Return the new and the old value of a change."""
    body, flag = data[:-1], data[-1]
    if flag == _BOTH:
        doubled, start = _read_unsigned_varint(body)
        length = doubled >> 1
        return body[start : start + length], body[start + length :]
    return (body, None) if flag == _NEW else (None, body)


def _unsigned_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_unsigned_varint(data: bytes) -> tuple[int, int]:
    value = shift = position = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
