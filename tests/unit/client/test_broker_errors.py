"""Failures of the connections library and error codes, as errors of ours."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kappaflow.client.admin import Admin
from kappaflow.client.broker_errors import broker_error, error_name, raise_for_code, translate
from kappaflow.client.connection import ClientConfig, Connection
from kappaflow.client.fetched_chunk import next_offset_after
from kappaflow.client.kafka_python import kafka_errors, metadata_messages
from kappaflow.errors import BrokerError, RequestNotSentError, RetriableBrokerError, UsageError
from kappaflow.wire.record_batch import build_batch


@pytest.mark.parametrize(
    ("raised", "kind", "name"),
    [
        (kafka_errors.KafkaConnectionError("x"), RetriableBrokerError, "NETWORK_EXCEPTION"),
        (kafka_errors.NodeNotReadyError(1), RequestNotSentError, "NETWORK_EXCEPTION"),
        (kafka_errors.KafkaTimeoutError("x"), RetriableBrokerError, "REQUEST_TIMED_OUT"),
        (kafka_errors.FencedInstanceIdError("x"), BrokerError, "FENCED_INSTANCE_ID"),
        (kafka_errors.IncompatibleBrokerVersion("x"), BrokerError, "UNSUPPORTED_VERSION"),
        (ZeroDivisionError("x"), BrokerError, "UNKNOWN_SERVER_ERROR"),
    ],
)
def test_failures_are_translated(raised: Exception, kind: type, name: str) -> None:
    error = translate(raised, "read the moon")
    assert type(error) is kind
    assert isinstance(error, BrokerError)
    assert error.name == name
    assert str(error).startswith("read the moon: ")


def test_our_own_errors_stay() -> None:
    ours = UsageError("x")
    assert translate(ours, "anything") is ours


def test_a_request_that_nobody_listened_to_was_not_sent() -> None:
    refused = kafka_errors.KafkaConnectionError("127.0.0.1:1: KafkaConnectionError: 111 ECONNREFUSED")
    waiting, unknown = kafka_errors.NodeNotReadyError(2), kafka_errors.UnknownBrokerIdError(2)
    broken = kafka_errors.KafkaConnectionError("the connection was lost")
    found = [translate(each, "alter") for each in (refused, waiting, unknown, broken)]
    assert [isinstance(each, RequestNotSentError) for each in found] == [True, True, True, False]


class Controllers:
    """Connections to a controller that has died and is named for a while, or that goes while it is asked."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked = 0

    def request(self, message: Any, _what: str, _node: int | None = None) -> Any:
        if isinstance(message, metadata_messages.MetadataRequest):
            return SimpleNamespace(controller_id=2)
        self.asked += 1
        if self.failures:
            raise translate(self.failures.pop(0), "alter")
        return "done"

    def retry(self, attempt: Callable[[], Any]) -> Any:
        while True:
            with suppress(RetriableBrokerError):
                return attempt()


def test_a_controller_that_has_died_is_looked_up_again_but_nothing_is_sent_twice() -> None:
    refused, waiting = kafka_errors.KafkaConnectionError("ECONNREFUSED"), kafka_errors.NodeNotReadyError(2)
    died = Controllers(refused, waiting)
    broken = Controllers(kafka_errors.KafkaConnectionError("the connection was lost"))
    config = ClientConfig("nowhere:1")
    assert Admin(config, cast(Connection, died)).on_controller("request", "alter") == "done"
    assert died.asked == 3
    with pytest.raises(RetriableBrokerError, match="was lost"):
        Admin(config, cast(Connection, broken)).on_controller("request", "alter")
    assert broken.asked == 1


def test_codes() -> None:
    assert str(broker_error(36, "create topic a", "it is")) == "create topic a: TOPIC_ALREADY_EXISTS (it is)"
    assert isinstance(broker_error(6, "produce"), RetriableBrokerError)
    assert error_name(9999) == "ERROR_9999"
    raise_for_code(0, "nothing")
    with pytest.raises(RetriableBrokerError):
        raise_for_code(15, "commit")


def test_the_next_offset_is_that_after_the_last_whole_batch() -> None:
    first = build_batch([(None, b"a")] * 3, timestamp_ms=1, base_offset=10)
    second = build_batch([(None, b"b")] * 2, timestamp_ms=1, base_offset=20)
    assert next_offset_after(first) == 13
    assert next_offset_after(first + second) == 22
    assert next_offset_after(first + second[:-1]) == 13
    assert next_offset_after(first + second[:30]) == 13
    assert next_offset_after(first[:-1]) is None
    assert next_offset_after(b"") is None
