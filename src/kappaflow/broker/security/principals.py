"""Principals: the names that clients have once they are authenticated.

Source: KIP-371 (mapping rules for certificates), RFC 2253 (text of distinguished names).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kappaflow.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Principal:
    """A type and a name, such as ``User:alice``."""

    type: str
    name: str

    def __str__(self) -> str:
        return f"{self.type}:{self.name}"


ANONYMOUS = Principal("User", "ANONYMOUS")
"""Who a client is that was not asked."""

_SHORT_NAMES = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "STREET",
    "userId": "UID",
}
_IA5_STRING, _PRINTABLE_STRING = 0x16, 0x13
# Java writes the others by number, with the DER bytes of the value.
_NUMBERED = {
    "emailAddress": ("1.2.840.113549.1.9.1", _IA5_STRING),
    "serialNumber": ("2.5.4.5", _PRINTABLE_STRING),
}
_SPECIAL = frozenset(',+"\\<>;')

RelativeName = Sequence[tuple[str, str]]


def distinguished_name(subject: Iterable[RelativeName]) -> str:
    """The subject of a certificate as Java, and so Kafka, writes it.

    Args:
        subject: as Python's `ssl` gives it, most general part first.

    >>> distinguished_name(((("organizationName", "Acme, Inc."),), (("commonName", "alice"),)))
    'CN=alice,O=Acme\\\\, Inc.'
    """
    parts = ["+".join(_attribute(name, value) for name, value in relative) for relative in subject]
    return ",".join(reversed(parts))


def _attribute(name: str, value: str) -> str:
    short = _SHORT_NAMES.get(name)
    if short is not None:
        return f"{short}={_escaped(value)}"
    number, tag = _NUMBERED.get(name, (name, _PRINTABLE_STRING))
    raw = value.encode()
    length = bytes([len(raw)]) if len(raw) < 128 else bytes([0x81, len(raw)])
    return f"{number}=#{(bytes([tag]) + length + raw).hex()}"


def _escaped(value: str) -> str:
    text = "".join(f"\\{char}" if char in _SPECIAL else char for char in value)
    if text.startswith(("#", " ")):
        text = "\\" + text
    return text[:-1] + "\\ " if text.endswith(" ") and not text.endswith("\\ ") else text


def certificate_principal(certificate: Mapping[str, Any] | None, to_name: Callable[[str], str]) -> Principal:
    """Who the holder of a verified certificate is; anonymous where there is none."""
    if not certificate:
        return ANONYMOUS
    return Principal("User", to_name(distinguished_name(certificate["subject"])))


_RULE = re.compile(r"\s*(?:(DEFAULT)|RULE:((?:\\.|[^\\/])*)/((?:\\.|[^\\/])*)/([LU]?))\s*(?:,|$)")


def principal_mapping(rules: str) -> Callable[[str], str]:
    """Read ``ssl.principal.mapping.rules``: the first rule whose pattern is the whole name makes the principal's name.

    Raises:
        ConfigError: the rules cannot be read.

    >>> principal_mapping("RULE:^CN=(.*?),.*$/$1/U,DEFAULT")("CN=alice,O=Acme")
    'ALICE'
    """
    parsed: list[tuple[re.Pattern[str] | None, str, str]] = []
    position = 0
    while position < len(rules.rstrip()):
        found = _RULE.match(rules, position)
        if found is None:
            raise ConfigError(f"cannot read ssl.principal.mapping.rules from {rules[position:]!r} on")
        position = found.end()
        if found[1]:
            parsed.append((None, "", ""))
            continue
        try:
            pattern = re.compile(found[2])
        except re.error as error:
            raise ConfigError(f"ssl.principal.mapping.rules: {found[2]!r} is no pattern: {error}") from None
        parsed.append((pattern, re.sub(r"\$(\d)", r"\\\1", found[3]), found[4]))

    def to_name(name: str) -> str:
        for pattern, template, case in parsed:
            if pattern is None:
                return name
            matched = pattern.fullmatch(name)
            if matched:
                mapped = matched.expand(template)
                return mapped.lower() if case == "L" else mapped.upper() if case == "U" else mapped
        return name

    return to_name
