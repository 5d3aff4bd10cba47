"""Error codes and failures of connections, as this project's errors."""

from __future__ import annotations

import re

from kappaflow.client.kafka_python import kafka_errors
from kappaflow.errors import BrokerError, KappaError, RequestNotSentError, RetriableBrokerError
from kappaflow.wire.error_codes import ErrorCode

RETRIABLE_CODES = frozenset(
    {
        ErrorCode.CORRUPT_MESSAGE,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.REPLICA_NOT_AVAILABLE,
        ErrorCode.NETWORK_EXCEPTION,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.NOT_ENOUGH_REPLICAS,
        ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        ErrorCode.NOT_CONTROLLER,
        ErrorCode.CONCURRENT_TRANSACTIONS,
        ErrorCode.KAFKA_STORAGE_ERROR,
        ErrorCode.FENCED_LEADER_EPOCH,
        ErrorCode.UNKNOWN_LEADER_EPOCH,
        ErrorCode.OFFSET_NOT_AVAILABLE,
        ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
        ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
        ErrorCode.UNSTABLE_OFFSET_COMMIT,
        ErrorCode.THROTTLING_QUOTA_EXCEEDED,
        ErrorCode.UNKNOWN_TOPIC_ID,
        ErrorCode.INCONSISTENT_TOPIC_ID,
    }
)
"""Codes after which the same request may succeed.  Source: the error table of Kafka's protocol guide."""

_CLASS_NAMES = re.compile(r"^(?:\[Error -?\d+\] )?(?:\w+Error(?:: |$))*")
COORDINATOR_MOVED_CODES = frozenset(
    {
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.NETWORK_EXCEPTION,
        ErrorCode.REQUEST_TIMED_OUT,
    }
)
"""Codes after which the coordinator has to be looked up again."""


def error_name(code: int) -> str:
    """Kafka's name of an error code, also for codes newer than this program."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"ERROR_{code}"


def broker_error(code: int, what: str, detail: str | None = None) -> BrokerError:
    """The error for a code that a broker answered.

    Args:
        code: the numeric code.
        what: what was attempted, such as ``create topic orders``.
        detail: the broker's own message, where it sent one.
    """
    kind = RetriableBrokerError if code in RETRIABLE_CODES else BrokerError
    name = error_name(code)
    return kind(code, name, f"{what}: {name}" + (f" ({detail})" if detail else ""), detail or "")


def raise_for_code(code: int, what: str, detail: str | None = None) -> None:
    """Raise the error for a code other than 0.

    Raises:
        BrokerError: the code is not 0; ``RetriableBrokerError`` where trying again may help.
    """
    if code:
        raise broker_error(code, what, detail)


def translate(error: BaseException, what: str) -> KappaError:
    """Make one of our errors of a failure that kafka-python raised.

    Args:
        error: what was raised; an error of ours is returned as it is.
        what: what was attempted.
    """
    if isinstance(error, KappaError):
        return error
    text = f"{what}: {error or type(error).__name__}"
    if isinstance(error, kafka_errors.RequestTimedOutError | kafka_errors.KafkaTimeoutError):
        return RetriableBrokerError(ErrorCode.REQUEST_TIMED_OUT, "REQUEST_TIMED_OUT", text)
    if isinstance(error, kafka_errors.NodeNotReadyError | kafka_errors.UnknownBrokerIdError) or (
        isinstance(error, kafka_errors.KafkaConnectionError) and "ECONNREFUSED" in text
    ):
        return RequestNotSentError(ErrorCode.NETWORK_EXCEPTION, "NETWORK_EXCEPTION", text)
    if isinstance(error, kafka_errors.KafkaConnectionError | kafka_errors.Cancelled):
        return RetriableBrokerError(ErrorCode.NETWORK_EXCEPTION, "NETWORK_EXCEPTION", text)
    if isinstance(error, kafka_errors.BrokerResponseError):
        # Its text begins with number and class, once or twice, which say no more than the name that is shown.
        detail = _CLASS_NAMES.sub("", str(error))
        return broker_error(int(getattr(error, "errno", -1)), what, detail)
    if isinstance(error, kafka_errors.IncompatibleBrokerVersion):
        return BrokerError(ErrorCode.UNSUPPORTED_VERSION, "UNSUPPORTED_VERSION", text)
    return BrokerError(ErrorCode.UNKNOWN_SERVER_ERROR, "UNKNOWN_SERVER_ERROR", text)
