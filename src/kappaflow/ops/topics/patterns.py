"""Names by a regular expression, as Kafka's tools take them: it has to fit the whole name."""

from __future__ import annotations

import re
from collections.abc import Callable

from kappaflow.errors import UsageError
from kappaflow.ops.topics import texts as _texts
from kappaflow.runtime.messages import message

assert _texts


def pattern_of(expression: str) -> Callable[[str], bool]:
    """Whether a name fits; every name where the expression is empty.

    Raises:
        UsageError: it is no regular expression.

    >>> fits = pattern_of("orders|clicks-.*")
    >>> fits("orders"), fits("clicks-eu"), fits("old-orders"), pattern_of("")("anything")
    (True, True, False, True)
    """
    if not expression:
        return lambda _name: True
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise UsageError(message("topic.bad_pattern", given=expression, reason=error)) from error
    return lambda name: compiled.fullmatch(name) is not None
