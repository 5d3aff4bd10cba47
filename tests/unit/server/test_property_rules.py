"""Properties of requests: what queries know is taken, what nobody knows is refused."""

from __future__ import annotations

import pytest

from kappaflow.errors import UsageError
from kappaflow.server.control.property_rules import check_name
from kappaflow.server.worker import error_policy
from kappaflow.streams.execution import error_handling
from kappaflow.streams.properties import ARGUMENTS, HANDLERS

KNOWN = {
    *(ARGUMENTS.keys() - {"application.id"}),  # a query is named by the server
    *HANDLERS,
    error_policy.FAIL_ON_DESERIALIZATION_ERROR,
    error_policy.FAIL_ON_PRODUCTION_ERROR,
    error_handling.DESERIALIZATION_HANDLER,
    error_handling.PROCESSING_HANDLER,
    error_handling.PRODUCTION_HANDLER,
    error_handling.DEAD_LETTER_TOPIC,
}


@pytest.mark.parametrize("prefix", ["", "ksql.streams."])
@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_queries_know_is_taken(name: str, prefix: str) -> None:
    check_name(name if name.startswith("ksql.") else prefix + name)


@pytest.mark.parametrize("name", ["auto.offset.rest", "errors.dead.letter", "ksql.streams.proces.guarantee", ""])
def test_what_nobody_knows_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"^Not recognizable as ksql, streams, consumer, or producer property"):
        check_name(name)
