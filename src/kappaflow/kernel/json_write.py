"""Nodes to JSON text, character by character as Jackson writes it: compact, non-ASCII raw.

Jackson writes characters beyond the basic plane as they are into text, but as two escapes into bytes.
"""

from __future__ import annotations

import re
from typing import Any

from kappaflow.kernel.json_read import FloatText
from kappaflow.kernel.number_text import decimal_text, double_text, parse_decimal

_SPECIAL = re.compile(r'[\x00-\x1f"\\]')
_SPECIAL_IN_BYTES = re.compile(r'[\x00-\x1f"\\\U00010000-\U0010ffff]')
_ESCAPES = {chr(c): f"\\u{c:04X}" for c in range(0x20)} | {
    '"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r",
}  # fmt: skip


def json_string(text: str) -> str:
    """Quote and escape a string.

    >>> json_string('a"b')
    '"a\\\\"b"'
    """
    if _SPECIAL.search(text) is None:
        return f'"{text}"'
    return '"' + _SPECIAL.sub(lambda match: _ESCAPES[match.group()], text) + '"'


def json_bytes_string(text: str) -> str:
    """Quote and escape a string of a document that becomes bytes.

    >>> json_bytes_string("\U0001f600")
    '"\\\\uD83D\\\\uDE00"'
    """
    if _SPECIAL_IN_BYTES.search(text) is None:
        return f'"{text}"'
    return '"' + _SPECIAL_IN_BYTES.sub(_escape_in_bytes, text) + '"'


def _escape_in_bytes(match: re.Match[str]) -> str:
    char = match.group()
    if char < "\U00010000":
        return _ESCAPES[char]
    rest = ord(char) - 0x10000
    return f"\\u{0xD800 | rest >> 10:04X}\\u{0xDC00 | rest & 0x3FF:04X}"


def json_double(value: float) -> str:
    """Write a double; what is no number is written as a string."""
    text = double_text(value)
    return text if text[-1] not in "Ny" else f'"{text}"'


def node_text(node: Any) -> str:
    """Write a node that was read: numbers as BigDecimal and BigInteger print them."""
    out: list[str] = []
    stack: list[Any] = [node]
    while stack:
        item = stack.pop()
        if type(item) is dict:
            out.append("{")
            parts: list[Any] = []
            for name, value in item.items():
                parts += [_Raw("," if parts else ""), _Raw(json_string(name) + ":"), value]
            stack += [_Raw("}"), *reversed(parts)]
        elif type(item) is list:
            out.append("[")
            parts = []
            for value in item:
                parts += [_Raw("," if parts else ""), value]
            stack += [_Raw("]"), *reversed(parts)]
        else:
            out.append(scalar_text(item))
    return "".join(out)


class _Raw(str):
    """Text that is written as it is."""

    __slots__ = ()


def scalar_text(item: Any) -> str:
    """Write a node without children."""
    if type(item) is _Raw:
        return item
    if type(item) is FloatText:
        return decimal_text(parse_decimal(item))
    if type(item) is str:
        return json_string(item)
    if item is None:
        return "null"
    if item is True:
        return "true"
    return "false" if item is False else str(item)
