"""JSON documents to nodes, accepted and rejected exactly as Jackson 2.19 does it over bytes.

A node is a dict (duplicate names: the last value wins at the first position), list, str, bool, None, int,
``FloatText`` (a number with a fraction or exponent, kept as text), or ``MISSING`` for a document without a
token.  What follows the root value is not looked at, except that a root number must end at white space.

    bytes -> plain document? -> C scanner of the json module          (nearly all records)
          -> anything doubtful -> the scanner of this module          (defines what is right)

Jackson decodes UTF-8 leniently: overlong forms and values beyond the last plane pass, and it works on UTF-16
units, so text here is built from units.  An unpaired surrogate is an error in a name; in a value it becomes
``?``, as in Java's UTF-8 encoder.  A document that looks like UTF-16 or UTF-32 is read as such.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from kappaflow.kernel.number_text import parse_decimal

MAX_DEPTH = 1000
MAX_NUMBER_DIGITS = 1000
MAX_NAME_BYTES = 50_000
MAX_STRING_UNITS = 20_000_000


class JsonError(ValueError):
    """The document is not JSON as Jackson accepts it."""


class FloatText(str):
    """The text of a number with a fraction or an exponent."""

    __slots__ = ()


class Missing:
    """The root of a document that has no token at all."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
_NUMBER = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LONG_NUMBER = re.compile(rb"[0-9.eE+-]{1001}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE_PAIR = re.compile(rb"(?<!\\)(?:\\\\)*\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_WHITE = b" \t\n\r"
_BLANKS = (b" ", b"\t", b"\n", b"\r")
_BOM = b"\xef\xbb\xbf"
_ESCAPES = {0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 8, 0x66: 12, 0x6E: 10, 0x72: 13, 0x74: 9}
_LITERALS: tuple[tuple[bytes, Any], ...] = ((b"true", True), (b"false", False), (b"null", None))
_IDENTIFIER_PART = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$\x7f")


def _float_text(text: str) -> FloatText:
    if "e" in text or "E" in text:
        parse_decimal(text)
    return FloatText(text)


def _no_constant(text: str) -> Any:
    raise JsonError(f"Non-standard token '{text}'")


_raw_decode: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
    parse_float=_float_text, parse_constant=_no_constant
).raw_decode


def read_json(data: bytes) -> Any:
    """Read the root value of a document.

    Raises:
        JsonError: the document is not accepted.
    """
    # Only objects and arrays: a root scalar has rules of its own about what may follow it.
    plain = data.lstrip(_WHITE) if data[:1] in _BLANKS else data
    if plain[:1] in (b"{", b"[") and data[1:2] != b"\0" and data.count(b"{") + data.count(b"[") < 200:
        if len(data) > MAX_NUMBER_DIGITS and (len(data) > MAX_NAME_BYTES or _LONG_NUMBER.search(data)):
            return _scan(data)
        if b"\\u" in data and _SURROGATE.search(_SURROGATE_PAIR.sub(b"", data)):
            return _scan(data)
        try:
            return _raw_decode(plain.decode(), 0)[0]
        except (ValueError, RecursionError):
            return _scan(data)
    return _scan(data)


def units_to_text(text: str) -> str:
    """Join surrogate pairs and replace unpaired surrogates by ``?``, as Java encodes its strings."""
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return joined.encode("utf-8", "replace").decode()


def _scan(data: bytes) -> Any:
    return _Scanner(_to_utf8(data)).root()


def _to_utf8(data: bytes) -> bytes:
    """Detect the encoding from the first bytes, as RFC 4627 suggests, and convert to UTF-8."""
    encoding, skip = _detect(data)
    if encoding == "utf-8":
        return data[skip:]
    try:
        text = data[skip:].decode(encoding, "replace" if encoding.startswith("utf-16") else "strict")
    except UnicodeDecodeError as error:
        raise JsonError(f"Invalid {encoding.upper()} at byte {error.start}") from None
    return text.encode()


def _detect(data: bytes) -> tuple[str, int]:
    if len(data) >= 4:
        head = data[:4]
        if head == b"\x00\x00\xfe\xff":
            return "utf-32-be", 4
        if head == b"\xff\xfe\x00\x00":
            return "utf-32-le", 4
        if head in (b"\x00\x00\xff\xfe", b"\xfe\xff\x00\x00"):
            raise JsonError("Unsupported UCS-4 endianness")
        if head[:2] == b"\xfe\xff":
            return "utf-16-be", 2
        if head[:2] == b"\xff\xfe":
            return "utf-16-le", 2
        if head[:3] == _BOM:
            return "utf-8", 3
        if head[:3] == b"\0\0\0":
            return "utf-32-be", 0
        if head[1:] == b"\0\0\0":
            return "utf-32-le", 0
        if head[:1] + head[2:] == b"\0\0\0" or head[:2] + head[3:] == b"\0\0\0":
            raise JsonError("Unsupported UCS-4 endianness")
    if len(data) >= 2:
        if data[0] == 0:
            return "utf-16-be", 0
        if data[1] == 0:
            return "utf-16-le", 0
    return "utf-8", 0


class _Scanner:
    """One pass over UTF-8 bytes with an explicit stack."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def fail(self, what: str) -> JsonError:
        return JsonError(f"{what} at byte {self.at}")

    def skip_white(self) -> int:
        """Return the next byte that is not white space, or -1 at the end."""
        data, at = self.data, self.at
        while at < len(data) and data[at] in _WHITE:
            at += 1
        self.at = at
        return data[at] if at < len(data) else -1

    def root(self) -> Any:
        first = self.skip_white()
        if first < 0:
            return MISSING
        if first not in b"{[":
            value = self.scalar(first)
            if type(value) in (int, FloatText) and self.data[self.at : self.at + 1].strip(_WHITE):
                raise self.fail("Expected space separating root-level values")
            return value
        return self.containers()

    def containers(self) -> Any:
        stack: list[tuple[Any, str]] = []
        current: Any = None
        name = ""
        byte = self.data[self.at]
        while True:
            # `byte` starts a value here.
            if byte < 0:
                raise self.fail("Unexpected end-of-input")
            if byte in b"{[":
                stack.append((current, name))
                if len(stack) > MAX_DEPTH:
                    raise JsonError(f"Document nesting depth ({len(stack)}) exceeds the maximum ({MAX_DEPTH})")
                current = {} if byte == 0x7B else []
                self.at += 1
                byte = self.skip_white()
                value = current
                if byte == (0x7D if type(current) is dict else 0x5D):
                    self.at += 1
                    current, name = stack.pop()
                else:
                    if type(current) is dict:
                        name, byte = self.field_name(byte)
                    continue
            else:
                value = self.scalar(byte)
            while True:
                if current is None:
                    return value
                if isinstance(current, list):
                    current.append(value)
                else:
                    current[name] = value
                byte = self.skip_white()
                if byte == 0x2C:
                    self.at += 1
                    byte = self.skip_white()
                    if type(current) is dict:
                        name, byte = self.field_name(byte)
                    break
                if byte != (0x7D if type(current) is dict else 0x5D):
                    raise self.fail("Expected comma or end of container")
                self.at += 1
                value = current
                current, name = stack.pop()

    def field_name(self, byte: int) -> tuple[str, int]:
        if byte != 0x22:
            raise self.fail("Expected double-quote to start a field name")
        start = self.at
        name = self.string(is_name=True)
        if self.at - start - 2 > MAX_NAME_BYTES:
            raise self.fail("Name is too long")
        if self.skip_white() != 0x3A:
            raise self.fail("Expected a colon")
        self.at += 1
        return name, self.skip_white()

    def scalar(self, byte: int) -> Any:
        if byte == 0x22:
            return self.string()
        if byte == 0x2D or 0x30 <= byte <= 0x39:
            return self.number()
        for literal, value in _LITERALS:
            if self.data.startswith(literal, self.at):
                self.at += len(literal)
                if self.at < len(self.data) and self.continues_identifier():
                    raise self.fail("Unrecognized token")
                return value
        raise self.fail("Unexpected character")

    def continues_identifier(self) -> bool:
        byte = self.data[self.at]
        if byte < 0x30 or byte in b"]}":
            return False
        return byte in _IDENTIFIER_PART or byte >= 0x80

    def number(self) -> int | FloatText:
        match = _NUMBER.match(self.data, self.at)
        if match is None:
            raise self.fail("Invalid number")
        self.at = match.end()
        following = self.data[self.at : self.at + 1]
        is_padded = match.group(1) == b"0" and following.isdigit() and self.at == match.end(1)
        if following in (b".", b"e", b"E") or is_padded:
            raise self.fail("Invalid number")
        text = match.group().decode()
        if sum(map(str.isdigit, text)) > MAX_NUMBER_DIGITS:
            raise self.fail("Number is too long")
        if match.end(1) == self.at:
            return int(text)
        try:
            return _float_text(text)
        except ValueError as error:
            raise self.fail(str(error)) from None

    def string(self, *, is_name: bool = False) -> str:
        data = self.data
        units: list[int] = []
        at = self.at + 1
        while True:
            if at >= len(data):
                self.at = at
                raise self.fail("Unexpected end-of-input in a string")
            byte = data[at]
            if byte == 0x22:
                break
            self.at = at
            if byte < 0x20:
                raise self.fail("Unescaped control character")
            if byte == 0x5C:
                at = self.escape(at + 1, units)
                if is_name and units[-1] & 0xF800 == 0xD800:
                    at = self.low_surrogate(at, units)
            elif byte < 0x80:
                units.append(byte)
                at += 1
            else:
                at = self.multi_byte(at, byte, units)
        self.at = at + 1
        if len(units) > MAX_STRING_UNITS:
            raise self.fail("String is too long")
        return units_to_text("".join(map(chr, units)))

    def escape(self, at: int, units: list[int]) -> int:
        byte = self.data[at] if at < len(self.data) else -1
        if byte == 0x75:
            digits = self.data[at + 1 : at + 5]
            if len(digits) < 4 or not all(d in b"0123456789abcdefABCDEF" for d in digits):
                raise self.fail("Expected a hex-digit")
            units.append(int(digits, 16))
            return at + 5
        unit = _ESCAPES.get(byte)
        if unit is None:
            raise self.fail("Unrecognized character escape")
        units.append(unit)
        return at + 1

    def low_surrogate(self, at: int, units: list[int]) -> int:
        """Check that an escaped surrogate in a name is a high one, and read the low one behind it."""
        if units[-1] < 0xDC00 and self.data[at : at + 2] == b"\\u":
            at = self.escape(at + 1, units)
            if units[-1] & 0xFC00 == 0xDC00:
                return at
        raise self.fail("Broken surrogate pair in field name")

    def multi_byte(self, at: int, byte: int, units: list[int]) -> int:
        if byte & 0xE0 == 0xC0:
            size, value = 2, byte & 0x1F
        elif byte & 0xF0 == 0xE0:
            size, value = 3, byte & 0x0F
        elif byte & 0xF8 == 0xF0:
            size, value = 4, byte & 0x07
        else:
            raise self.fail("Invalid UTF-8 start byte")
        tail = self.data[at + 1 : at + size]
        if len(tail) < size - 1 or any(b & 0xC0 != 0x80 for b in tail):
            raise self.fail("Invalid UTF-8 middle byte")
        for b in tail:
            value = value << 6 | b & 0x3F
        if size == 4:
            value -= 0x10000
            units.append((0xD800 | value >> 10) & 0xFFFF)
            units.append(0xDC00 | value & 0x3FF)
        elif value & 0xF800 == 0xD800:
            raise self.fail("Illegal surrogate character in UTF-8")
        else:
            units.append(value)
        return at + size
