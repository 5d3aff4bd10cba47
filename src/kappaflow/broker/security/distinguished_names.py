"""The subjects of certificates as Java, and so Kafka, writes them.

Read from the certificate's bytes: Python's `ssl` tells neither the types of values, which Java shows, nor the numbers
of attributes.

Source: RFC 2253; X.690 (DER); `X500Principal.getName` of JDK 17, with which the tests compare.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_KEYWORDS = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
}
_SPECIAL = frozenset(',=+<>#;"\\')
_VERSION, _SUBJECT = 0xA0, 4
# Printable, UTF-8, T61, IA5, general, BMP and universal: Java takes the bytes of all of them for UTF-8.
_TEXTS = frozenset({0x13, 0x0C, 0x14, 0x16, 0x1B, 0x1E, 0x1C})


class Element(NamedTuple):
    """A value of DER: its tag, what is in it, and all of its bytes."""

    tag: int
    content: bytes
    whole: bytes


def subject_of(certificate: bytes) -> str:
    """The subject of a certificate.

    Args:
        certificate: in DER, as `getpeercert(binary_form=True)` gives it.
    """
    (whole,) = elements(certificate)
    signed = next(elements(whole.content))
    fields = [field for field in elements(signed.content) if field.tag != _VERSION]
    return distinguished_name(fields[_SUBJECT].whole)


def distinguished_name(name: bytes) -> str:
    """A name in DER as text, the last part first.

    >>> distinguished_name(bytes.fromhex("300c310a300806035504030c0161"))
    'CN=a'
    """
    (sequence,) = elements(name)
    parts = [
        "+".join(_attribute(pair.content) for pair in elements(part.content)) for part in elements(sequence.content)
    ]
    return ",".join(reversed(parts))


def elements(data: bytes) -> Iterator[Element]:
    """The values that stand one behind the other."""
    at = 0
    while at < len(data):
        start, tag, length = at, data[at], data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[at : at + count])
            at += count
        yield Element(tag, data[at : at + length], data[start : at + length])
        at += length


def _attribute(pair: bytes) -> str:
    number, value = elements(pair)
    name = _number(number.content)
    keyword = _KEYWORDS.get(name)
    if keyword is None or value.tag not in _TEXTS:
        return f"{keyword or name}=#{value.whole.hex()}"
    return f"{keyword}={_escaped(value.content.decode(errors='replace'))}"


def _number(content: bytes) -> str:
    """An object identifier with dots."""
    arcs, arc = [], 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _escaped(value: str) -> str:
    """The text of a value; spaces count as special at its begin and end."""
    text = "".join(f"\\{char}" if char in _SPECIAL else "\\00" if char == "\0" else char for char in value.strip(" "))
    if not value.strip(" "):
        return "\\ " * len(value)
    before, after = len(value) - len(value.lstrip(" ")), len(value) - len(value.rstrip(" "))
    return "\\ " * before + text + "\\ " * after
