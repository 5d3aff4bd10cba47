"""Times and durations as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from kappaflow.cli.messages import message
from kappaflow.cli.operations import texts as _texts
from kappaflow.errors import UsageError

assert _texts
_ISO_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_SHORT_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?")
_SECONDS = (86_400, 3_600, 60, 1)


def time_ms(text: str) -> int:
    """A time in ms since the epoch: that number itself, or ISO 8601, in UTC where it names no zone.

    Raises:
        UsageError: it is neither.

    >>> time_ms("2026-01-01T00:00:00.000"), time_ms("1767225600000")
    (1767225600000, 1767225600000)
    """
    if text.isdigit():
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(message("ops.bad_time", text=text)) from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


def duration_ms(text: str) -> int:
    """A duration in ms: ISO 8601 as Kafka's tools take it, or as in ``12h`` and ``1d6h``.

    Raises:
        UsageError: it is neither.

    >>> duration_ms("PT30S"), duration_ms("1d6h"), duration_ms("90m")
    (30000, 108000000, 5400000)
    """
    found = _ISO_DURATION.fullmatch(text) or _SHORT_DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise UsageError(message("ops.bad_duration", text=text))
    return 1000 * sum(int(n or 0) * seconds for n, seconds in zip(found.groups(), _SECONDS, strict=True))
