"""Nodes to JSON text, character by character as Jackson writes it: compact, non-ASCII raw."""

from __future__ import annotations

import re
from typing import Any

from kappaflow.kernel.json_read import FloatText
from kappaflow.kernel.number_text import decimal_text, double_text, parse_decimal

_SPECIAL = re.compile(r'[\x00-\x1f"\\]')
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
