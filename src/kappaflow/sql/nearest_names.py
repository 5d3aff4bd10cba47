"""The known name that is most like one that is not known: what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name` in any case of its letters, or None.

    >>> nearest("Ucas", ["LCASE", "UCASE"]), nearest("x", ["LCASE"])
    ('UCASE', None)
    """
    spelt = {other.upper(): other for other in known}
    found = get_close_matches(name.upper(), spelt, n=1)
    return spelt[found[0]] if found else None


def did_you_mean(known: Iterable[str], *names: str) -> str:
    """Return the end of a message about unknown names, after a space; empty where no known one is like them.

    >>> did_you_mean(["KAFKA_TOPIC", "FORMAT"], "KAFKA_TOPC", "FROMAT", "X")
    ' Did you mean KAFKA_TOPIC, FORMAT?'
    """
    options = list(known)
    found = [close for name in names if (close := nearest(name, options)) is not None]
    return f" Did you mean {', '.join(found)}?" if found else ""
