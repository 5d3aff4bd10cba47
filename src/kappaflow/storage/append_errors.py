"""What a partition log answers to a batch or an offset that it does not take, as Kafka error codes."""

from __future__ import annotations

from collections.abc import Sequence

from kappaflow.errors import BrokerError


class AppendError(BrokerError):
    """A Kafka error with a fixed code and name.

    Attributes:
        record_errors: (index in the batch, message) of the records that are to blame, where they are known (KIP-467).
    """

    kafka_code = -1
    kafka_name = "UNKNOWN_SERVER_ERROR"

    def __init__(self, message: str, record_errors: Sequence[tuple[int, str]] = ()) -> None:
        super().__init__(self.kafka_code, self.kafka_name, message)
        self.record_errors = tuple(record_errors)


class OffsetOutOfRange(AppendError):
    """The offset lies before the start or after the end of the log."""

    kafka_code = 1
    kafka_name = "OFFSET_OUT_OF_RANGE"


class CorruptMessage(AppendError):
    """The batch's CRC, size or format is wrong."""

    kafka_code = 2
    kafka_name = "CORRUPT_MESSAGE"


class MessageTooLarge(AppendError):
    """The batch is larger than the topic's max.message.bytes."""

    kafka_code = 10
    kafka_name = "MESSAGE_TOO_LARGE"


class InvalidTimestamp(AppendError):
    """A timestamp lies too far from the broker's time."""

    kafka_code = 32
    kafka_name = "INVALID_TIMESTAMP"


class OutOfOrderSequence(AppendError):
    """An idempotent producer left out records."""

    kafka_code = 45
    kafka_name = "OUT_OF_ORDER_SEQUENCE_NUMBER"


class InvalidProducerEpoch(AppendError):
    """A producer with a newer epoch has taken over."""

    kafka_code = 47
    kafka_name = "INVALID_PRODUCER_EPOCH"


class InvalidTransactionState(AppendError):
    """The producer's transaction does not allow it."""

    kafka_code = 48
    kafka_name = "INVALID_TXN_STATE"


class UnsupportedCompressionType(AppendError):
    """The batch names a codec that does not exist."""

    kafka_code = 76
    kafka_name = "UNSUPPORTED_COMPRESSION_TYPE"


class InvalidRecord(AppendError):
    """The batch's header contradicts itself."""

    kafka_code = 87
    kafka_name = "INVALID_RECORD"
