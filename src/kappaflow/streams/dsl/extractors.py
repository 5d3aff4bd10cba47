"""Times of records: what stands in place of one that cannot be used.

Each goes where `timestamp` is asked for: ``builder.stream("orders", timestamp=wall_clock)``.  Without one, a record
with a negative time is left out and counted.  Source: ``TimestampExtractor`` of Apache Kafka
"""

from __future__ import annotations

from kappaflow.errors import StreamsError
from kappaflow.runtime.clock import SYSTEM_CLOCK
from kappaflow.streams.record import Record


def fail_on_invalid(record: Record, partition_time: int) -> int:
    """The time of the record; one without ends the application, as Kafka Streams does where nothing is said.

    Raises:
        StreamsError: the time is negative.
    """
    if record.timestamp < 0:
        raise StreamsError(
            f"The record at {record.topic}-{record.partition}@{record.offset} has no time ({record.timestamp}). Its "
            "producer is of a time before Kafka 0.10, or set it so; choose another extractor to go on."
        )
    return record.timestamp


def skip_invalid(record: Record, partition_time: int) -> int:
    """The time of the record; one without is left out and counted."""
    return record.timestamp


def use_partition_time_on_invalid(record: Record, partition_time: int) -> int:
    """The time of the record, or the greatest of its partition so far.

    Raises:
        StreamsError: the first record of a partition has no time.
    """
    if record.timestamp >= 0:
        return record.timestamp
    return partition_time if partition_time >= 0 else fail_on_invalid(record, partition_time)


def wall_clock(record: Record, partition_time: int) -> int:
    """When the record is taken, by the clock of this machine."""
    return SYSTEM_CLOCK.time_ms()
