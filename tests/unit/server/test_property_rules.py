"""Properties of requests: what queries know is taken, what nobody knows is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kappaflow.errors import KappaError, UsageError
from kappaflow.serde.types import INTEGER
from kappaflow.server.configuration import ServerConfig
from kappaflow.server.control.property_rules import check_name, check_value
from kappaflow.server.worker import error_policy
from kappaflow.server.worker.queries import GUARANTEES
from kappaflow.sql.functions.aggregate_collect import collect_list, collect_set
from kappaflow.sql.functions.aggregation import AggregateCall
from kappaflow.sql.property_values import BOOLEANS, CHOICES, INTEGERS, NOT_NEGATIVE
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


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ksql.streams.commit.interval.ms", "abc", "Not a number of type LONG"),
        ("commit.interval.ms", "-1", "at least 0"),
        ("ksql.functions.collect_list.limit", "x", "Not a number of type LONG"),
        ("producer.linger.ms", "x", "Not a number of type LONG"),
        ("max.task.idle.ms", "1.5", "Not a number of type LONG"),
        ("ksql.streams.cache.max.bytes.buffering", "10MB", "Not a number of type LONG"),
        ("processing.guarantee", "exactly_twice", "'at_least_once' or 'exactly_once_v2'"),
        ("ksql.query.push.v2.enabled", "maybe", "'true' or 'false'"),
        ("auto.offset.reset", "", "'earliest' or 'latest'"),
    ],
)
def test_values_that_cannot_be_are_refused(name: str, value: str, told: str) -> None:
    for refuses in (check_value, lambda n, v: ServerConfig(properties={n: v}).check()):
        with pytest.raises(KappaError, match=told) as refused:
            refuses(name, value)
        assert f"Invalid value '{value}' for property '{name}'" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("commit.interval.ms", " 100 "), ("max.task.idle.ms", "-1"), ("ksql.suppress.enabled", "TRUE"), ("retries", "")],
)
def test_values_that_can_be_are_taken(name: str, value: str) -> None:
    check_value(name, value)


@pytest.mark.parametrize("collect", [collect_list, collect_set])
def test_a_bad_limit_in_a_command_is_told_to_its_query_alone(collect: Callable[[AggregateCall], object]) -> None:
    """Whatever replays commands goes on after a KappaError, and after no other."""
    name = f"ksql.functions.{collect.__name__}.limit"
    with pytest.raises(KappaError, match=f"Invalid value 'abc' for property '{name}'"):
        collect(AggregateCall((INTEGER,), (), {name: "abc"}))
    collect(AggregateCall((INTEGER,), (), {name: ""}))


def test_values_are_known_of_properties_that_requests_may_have() -> None:
    for name in (*INTEGERS, *BOOLEANS, *CHOICES):
        check_name(name)
    assert NOT_NEGATIVE <= INTEGERS
    assert set(CHOICES["processing.guarantee"]) == set(GUARANTEES)
