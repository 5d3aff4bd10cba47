"""Failures of the connections library and error codes, as errors of ours."""

from __future__ import annotations

import pytest

from kappaflow.client.broker_errors import broker_error, error_name, raise_for_code, translate
from kappaflow.client.fetched_chunk import next_offset_after
from kappaflow.client.kafka_python import kafka_errors
from kappaflow.errors import BrokerError, RetriableBrokerError, UsageError
from kappaflow.wire.record_batch import build_batch


@pytest.mark.parametrize(
    ("raised", "kind", "name"),
    [
        (kafka_errors.KafkaConnectionError("x"), RetriableBrokerError, "NETWORK_EXCEPTION"),
        (kafka_errors.NodeNotReadyError(1), RetriableBrokerError, "NETWORK_EXCEPTION"),
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
