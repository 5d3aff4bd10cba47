"""Sizes as people write them."""

from __future__ import annotations

import re

from kappaflow.cli.messages import message
from kappaflow.cli.operations import texts as _texts
from kappaflow.errors import UsageError

assert _texts
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])i?)?B?(?:/s)?", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def size_bytes(text: str) -> int:
    """A size, in powers of 1024.

    Raises:
        UsageError: it is none.

    >>> size_bytes("50MB/s"), size_bytes("1.5 GiB"), size_bytes("1000")
    (52428800, 1610612736, 1000)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or float(found[1]) <= 0:
        raise UsageError(message("ops.bad_size", text=text))
    return int(float(found[1]) * 1024 ** _POWERS[(found[2] or "").upper()])
