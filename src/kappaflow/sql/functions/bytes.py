"""Bytes: text encodings, and numbers in binary."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable, Mapping
from typing import TypeVar

from kappaflow.errors import FunctionError
from kappaflow.sql.expressions.values import base64_bytes
from kappaflow.sql.functions.registry import scalar

_CATEGORY = "STRING"
T = TypeVar("T")


def _from_hex(text: str) -> bytes:
    if re.fullmatch("(?:[0-9A-Fa-f]{2})*", text) is None:
        raise FunctionError(f"'{text}' is not hexadecimal.")
    return bytes.fromhex(text)


def _hex_digits(text: str) -> str:
    """Return the digits of ``4B``, ``0x4B`` or ``X'4B'``; the second may leave out a leading zero."""
    if text.startswith("0x"):
        return f"0{text[2:]}" if len(text) % 2 else text[2:]
    quoted = re.fullmatch("[xX]'(.*)'", text)
    return quoted[1] if quoted else text


def _lenient_base64(text: str) -> bytes:
    """Read base64 in either alphabet up to its padding; other characters and half a byte at the end do not count."""
    kept = _NO_BASE64.sub("", text.partition("=")[0]).translate(_URL_SAFE)
    whole = kept[: -1 if len(kept) % 4 == 1 else None]
    return base64.b64decode(whole + "=" * (-len(whole) % 4))


_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/_\-]")
_URL_SAFE = str.maketrans("-_", "+/")
_DECODERS: dict[str, Callable[[str], bytes]] = {
    "hex": _from_hex,
    "utf8": lambda text: text.encode("utf-8", "replace"),
    "ascii": lambda text: text.encode("ascii", "replace"),
    "base64": base64_bytes,
}
_ENCODERS: dict[str, Callable[[bytes], str]] = {
    "hex": lambda data: data.hex().upper(),
    "utf8": lambda data: data.decode("utf-8", "replace"),
    "ascii": lambda data: data.decode("ascii", "replace"),
    "base64": lambda data: base64.b64encode(data).decode("ascii"),
}

_encode = scalar(
    "encode",
    _CATEGORY,
    "Text in one encoding as text in another: hex, utf8, ascii, base64.",
    ("ENCODE('4B', 'hex', 'utf8') -> 'K'",),
)
_from_bytes = scalar(
    "from_bytes", _CATEGORY, "Bytes as text: hex, utf8, ascii or base64.", ("FROM_BYTES(TO_BYTES('K', 'utf8'), 'hex')",)
)
_to_bytes = scalar("to_bytes", _CATEGORY, "Text (hex, utf8, ascii or base64) as bytes.", ("TO_BYTES('4B', 'hex')",))


def _find(table: Mapping[str, T], encoding: str) -> T:
    found = table.get(encoding.lower())
    if found is None:
        raise FunctionError(f"Unknown encoding '{encoding}'. Encodings are: hex, utf8, ascii and base64.")
    return found


# ENCODE is more lenient than TO_BYTES, and prints hexadecimal in lower case.
_SOURCES = {**_DECODERS, "hex": lambda text: _from_hex(_hex_digits(text)), "base64": _lenient_base64}
_TARGETS = {**_ENCODERS, "hex": bytes.hex}


@_encode("(str STRING, inputEncoding STRING, outputEncoding STRING) -> STRING")
def _encoded(text: str, source: str, target: str) -> str:
    read, write = _SOURCES.get(source.lower()), _TARGETS.get(target.lower())
    if read is None or write is None or source.lower() == target.lower():
        raise FunctionError(
            f"Supported input and output encodings are: hex, utf8, ascii and base64. Got {source}, {target}."
        )
    return write(read(text))


@_from_bytes("(value BYTES, encoding STRING) -> STRING")
def _text(data: bytes, encoding: str) -> str:
    return _find(_ENCODERS, encoding)(data)


@_to_bytes("(value STRING, encoding STRING) -> BYTES")
def _data(text: str, encoding: str) -> bytes:
    return _find(_DECODERS, encoding)(text)


_int = scalar(
    "int_from_bytes",
    _CATEGORY,
    "An INT from 4 bytes, 'BIG_ENDIAN' (default) or 'LITTLE_ENDIAN'.",
    ("INT_FROM_BYTES(TO_BYTES('00000102', 'hex'))",),
)
_bigint = scalar(
    "bigint_from_bytes",
    _CATEGORY,
    "A BIGINT from 8 bytes, 'BIG_ENDIAN' (default) or 'LITTLE_ENDIAN'.",
    ("BIGINT_FROM_BYTES(TO_BYTES('0201000000000000', 'hex'), 'LITTLE_ENDIAN')",),
)
_double = scalar(
    "double_from_bytes",
    _CATEGORY,
    "A DOUBLE from 8 bytes, 'BIG_ENDIAN' (default) or 'LITTLE_ENDIAN'.",
    ("DOUBLE_FROM_BYTES(TO_BYTES('3FF8000000000000', 'hex'))",),
)


def _unpack(name: str, code: str, data: bytes, order: str) -> int | float:
    prefix = {"BIG_ENDIAN": ">", "LITTLE_ENDIAN": "<"}.get(order.upper())
    if prefix is None:
        raise FunctionError(f"Byte order must be BIG_ENDIAN or LITTLE_ENDIAN. Got {order}.")
    size = struct.calcsize(prefix + code)
    if len(data) != size:
        raise FunctionError(f"Number of bytes must be equal to {size} for {name}. Got {len(data)}.")
    return struct.unpack(prefix + code, data)[0]


@_int("(value BYTES) -> INT")
def _to_int(data: bytes) -> float:
    return _unpack("INTEGER", "i", data, "BIG_ENDIAN")


@_int("(value BYTES, byteOrder STRING) -> INT")
def _to_int_ordered(data: bytes, order: str) -> float:
    return _unpack("INTEGER", "i", data, order)


@_bigint("(value BYTES) -> BIGINT")
def _to_bigint(data: bytes) -> float:
    return _unpack("BIGINT", "q", data, "BIG_ENDIAN")


@_bigint("(value BYTES, byteOrder STRING) -> BIGINT")
def _to_bigint_ordered(data: bytes, order: str) -> float:
    return _unpack("BIGINT", "q", data, order)


@_double("(value BYTES) -> DOUBLE")
def _to_double(data: bytes) -> float:
    return _unpack("DOUBLE", "d", data, "BIG_ENDIAN")


@_double("(value BYTES, byteOrder STRING) -> DOUBLE")
def _to_double_ordered(data: bytes, order: str) -> float:
    return _unpack("DOUBLE", "d", data, order)
