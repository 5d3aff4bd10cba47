"""Which names operators, stores and groupings may have: they become those of topics.

Source: ``Named.validate`` of Apache Kafka 4.3
"""

from __future__ import annotations

import re

from kappaflow.errors import TopologyError

NAME_MOST = 249
_LEGAL = re.compile(r"[a-zA-Z0-9._-]+")


def checked_name(name: str, what: str = "name") -> str:
    """Return a name that topics can have.

    >>> checked_name("by-user")
    'by-user'

    Raises:
        TopologyError: it is empty, too long, ``.`` or ``..``, or has other characters than topics may have.
    """
    if name in (".", ".."):
        raise TopologyError(f'A {what} cannot be "{name}".')
    if len(name) > NAME_MOST:
        raise TopologyError(f"A {what} has {NAME_MOST} characters at most, not {len(name)}: {name[:40]}..")
    if not _LEGAL.fullmatch(name):
        raise TopologyError(
            f'A {what} has letters from a to z, digits, ".", "_" and "-" alone, as topics get it: not {name!r}.'
        )
    return name
