"""Texts for people, in the language of ``KAPPA_LANG`` (``en`` or ``ko``), else of ``LANG``.

Texts are looked up by key; one that has no translation is shown in English. A package keeps its texts in a module
``texts`` of its own, with two dictionaries, which `register` adds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

ENGLISH: dict[str, str] = {}
KOREAN: dict[str, str] = {}
_CATALOGUES = {"en": ENGLISH, "ko": KOREAN}


def register(english: Mapping[str, str], korean: Mapping[str, str]) -> None:
    """Add texts of another package."""
    ENGLISH.update(english)
    KOREAN.update(korean)


def language() -> str:
    """The language in force."""
    wanted = os.environ.get("KAPPA_LANG") or os.environ.get("LANG", "")
    return "ko" if wanted.lower().startswith("ko") else "en"


def message(key: str, /, **values: object) -> str:
    """The text of a key, with its values filled in.

    Raises:
        KeyError: no catalogue has the key.
    """
    text = _CATALOGUES[language()].get(key) or ENGLISH[key]
    return text.format(**values) if values else text


class Text(NamedTuple):
    """A text that is kept as data and read later, by a person whose language is known only then.

    Attributes:
        key: of the catalogue.
        values: what is filled in; JSON values.
    """

    key: str
    values: dict[str, Any]

    def __str__(self) -> str:
        return message(self.key, **self.values)

    def to_data(self) -> dict[str, Any]:
        """The text as JSON: its key and values, and how it reads now."""
        return {"key": self.key, "values": self.values, "text": str(self)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Text:
        """The text that `to_data` wrote."""
        return cls(data["key"], dict(data["values"]))


def text(key: str, /, **values: Any) -> Text:
    """A text with its values.

    >>> register({"greeting": "hello {name}"}, {"greeting": "{name}님, 안녕하세요"})
    >>> str(text("greeting", name="Kim")) in ("hello Kim", "Kim님, 안녕하세요")
    True
    """
    return Text(key, values)
