"""What brokers refuse of a topic is a mistake in the statement: told once, where it stands."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kappaflow.client.broker_errors import broker_error
from kappaflow.errors import BrokerError, KappaError, StatementError
from kappaflow.server.control.errors import error_answer
from kappaflow.server.control.statements.distributed import create_topic
from kappaflow.sql.grammar.parser import parse
from kappaflow.sql.statement_plan import CreateTopic
from kappaflow.wire.error_codes import ErrorCode

SOURCE = "CREATE STREAM z (a INT)\n  WITH (kafka_topic='z/', partitions=8, format='JSON', replicas=5);"
AS_SELECT = "CREATE TABLE z WITH (kafka_topic='z/', partitions=8, replicas=5) AS SELECT k, COUNT(*) FROM s GROUP BY k;"


class Refusing:
    """An admin client of a cluster that refuses every topic."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        self._error = broker_error(code, "create topic z/", detail)

    def create_topic(self, topic: object, *, exist_ok: bool) -> bool:
        raise self._error


def refusal(code: ErrorCode, detail: str, text: str) -> KappaError:
    (parsed,) = parse(text)
    with pytest.raises(KappaError) as caught:
        create_topic(cast("Any", Refusing(code, detail)), CreateTopic("z/", 8, 5), 1, parsed)
    return caught.value


@pytest.mark.parametrize(
    ("code", "detail", "text", "place"),
    [
        (ErrorCode.INVALID_TOPIC_EXCEPTION, "Topic name 'z/' is illegal.", SOURCE, "Line: 2, Col: 21: "),
        (ErrorCode.INVALID_REPLICATION_FACTOR, "5 is larger than the number of brokers.", SOURCE, "Line: 2, Col: 65: "),
        (ErrorCode.POLICY_VIOLATION, "Excessively large number of partitions.", AS_SELECT, "Line: 1, Col: 51: "),
        (ErrorCode.INVALID_CONFIG, "Invalid value x for configuration cleanup.policy.", SOURCE, ""),
        (ErrorCode.INVALID_PARTITIONS, "", SOURCE.replace("'z/'", "z"), "Line: 2, Col: 35: "),
    ],
)
def test_is_told_once_and_where(code: ErrorCode, detail: str, text: str, place: str) -> None:
    error = refusal(code, detail, text)
    assert isinstance(error, StatementError)
    assert str(error) == f"{place}Could not create topic z/: {detail or code.name}"
    assert error_answer(error)[0] == 400


def test_what_the_statement_cannot_help_is_no_error_of_it() -> None:
    error = refusal(ErrorCode.CLUSTER_AUTHORIZATION_FAILED, "", SOURCE)
    assert not isinstance(error, StatementError)
    assert str(error) == "Could not create topic z/: CLUSTER_AUTHORIZATION_FAILED"


def test_a_broker_s_refusal_names_the_error_once() -> None:
    named = broker_error(ErrorCode.TOPIC_AUTHORIZATION_FAILED, "produce to z")
    assert error_answer(named)[1]["message"] == (
        "The broker refused the request: produce to z: TOPIC_AUTHORIZATION_FAILED"
    )
    own = BrokerError(29, "TOPIC_AUTHORIZATION_FAILED", "not allowed")
    assert error_answer(own)[1]["message"] == (
        "The broker refused the request: TOPIC_AUTHORIZATION_FAILED: not allowed"
    )
