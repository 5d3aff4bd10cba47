"""Principals: the names that clients have once they are authenticated.

Source: KIP-371 (mapping rules for certificates).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from kappaflow.broker.security.distinguished_names import subject_of
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


def certificate_principal(certificate: bytes | None, to_name: Callable[[str], str]) -> Principal:
    """Who the holder of a verified certificate, in DER, is; anonymous where there is none."""
    if not certificate:
        return ANONYMOUS
    return Principal("User", to_name(subject_of(certificate)))


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
