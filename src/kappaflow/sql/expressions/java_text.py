"""Java's view of values: text as UTF-16 units, the order that ``compareTo`` gives, and that of a hash table.

Text is a ``str`` of code points here.  Characters above U+FFFF are two units in Java: they count as two, are cut in
two, and come before U+E000 to U+FFFF.  Source: java.lang.String, Double.compareTo, java.nio.ByteBuffer.compareTo,
java.util.HashMap.
"""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kappaflow.kernel.fold_steps import ordering_key

F = TypeVar("F", bound=Callable[..., Any])
_BMP_MAX = "\uffff"
_HALVES = re.compile("[\ud800-\udfff]")
_SIGNED = bytes((byte + 128) % 256 for byte in range(256))
_TABLE_SIZE, _LOAD = 16, 0.75
_DOUBLE, _TEXT = ordering_key("DOUBLE"), ordering_key("STRING")


def order_key(value: Any) -> Any:
    """What orders a value among others of its type as Java does.

    Doubles: -0.0 before 0.0, NaN above all.  Text: by UTF-16 units.  Bytes: by signed bytes.
    """
    if isinstance(value, float):
        return _DOUBLE(value)
    if isinstance(value, str):
        return _TEXT(value)
    return value.translate(_SIGNED) if isinstance(value, bytes) else value


def hash_order(mapping: Mapping[Any, Any]) -> list[Any]:
    """Return the keys as a HashMap that grew from its usual size hands them out.

    >>> hash_order({"foo": 1, "bar": 2, "baz": 3})
    ['bar', 'foo', 'baz']
    """
    size = _TABLE_SIZE
    while len(mapping) > size * _LOAD:
        size *= 2
    return sorted(mapping, key=lambda key: _spread(key) & (size - 1))


@functools.lru_cache(maxsize=4096, typed=True)
def _spread(key: Any) -> int:
    code = _hash_code(key) & 0xFFFF_FFFF
    return code ^ code >> 16


def _hash_code(key: Any) -> int:
    """The hash code of a key of a scalar type; others keep the order in which they came."""
    match key:
        case bool():
            return 1231 if key else 1237
        case int():
            return key if -(2**31) <= key < 2**31 else key ^ key >> 32
        case float():
            bits = struct.unpack(">Q", struct.pack(">d", key))[0]
            return bits ^ bits >> 32
        case str():
            code = 0
            for unit in struct.iter_unpack(">H", key.encode("utf-16-be", "surrogatepass")):
                code = (31 * code + unit[0]) & 0xFFFF_FFFF
            return code
        case _:
            return 0


def is_beyond_bmp(text: str) -> bool:
    """Whether a text has characters of two units."""
    return not text.isascii() and max(text) > _BMP_MAX


def by_units(function: F) -> F:
    """Let a function that counts or cuts characters do so by UTF-16 units."""

    @functools.wraps(function)
    def wrapped(*arguments: Any) -> Any:
        if any(isinstance(argument, str) and is_beyond_bmp(argument) for argument in arguments):
            return _joined(function(*(_units(a) if isinstance(a, str) else a for a in arguments)))
        return function(*arguments)

    return wrapped  # type: ignore[return-value]


def _units(text: str) -> str:
    """The text with each pair of units as two characters."""
    data = text.encode("utf-16-be", "surrogatepass")
    return "".join(chr(high << 8 | low) for high, low in zip(data[::2], data[1::2], strict=True))


def _joined(value: Any) -> Any:
    """The text, or each text of a list, of whole characters again; half of a pair is written as Java's UTF-8 does."""
    if isinstance(value, list):
        return [_joined(element) for element in value]
    if not isinstance(value, str):
        return value
    return _HALVES.sub("?", value.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass"))
