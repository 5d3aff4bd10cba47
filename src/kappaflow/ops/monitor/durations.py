"""Durations as rules have them."""

from __future__ import annotations

import re

from kappaflow.errors import ConfigError
from kappaflow.ops.monitor import texts as _texts
from kappaflow.runtime.messages import message

assert _texts

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SECONDS = (86_400, 3_600, 60, 1)


def duration_ms(text: object, where: str) -> int:
    """A duration such as ``90s``, ``5m`` or ``1h30m``, in ms.

    Args:
        text: the duration.
        where: what it stands in, for the error message.

    Raises:
        ConfigError: it is none.

    >>> duration_ms("1h30m", "rule"), duration_ms("0s", "rule")
    (5400000, 0)
    """
    found = _DURATION.fullmatch(str(text))
    if found is None or not any(found.groups()):
        raise ConfigError(message("alert_rules.no_duration", where=where, given=text))
    return 1000 * sum(int(n or 0) * seconds for n, seconds in zip(found.groups(), _SECONDS, strict=True))
