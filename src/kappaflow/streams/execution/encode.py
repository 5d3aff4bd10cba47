"""Records of sinks to bytes."""

from __future__ import annotations

from collections.abc import Callable, Collection

from kappaflow.errors import KappaError, SerializationError, StreamsError, TimestampError
from kappaflow.serde.objects import ObjectSerde
from kappaflow.streams.execution.row_task import RawRecord, write_change, write_key
from kappaflow.streams.record import Record
from kappaflow.streams.topology import nodes as n


def encode_record(node: n.Sink | n.Repartition, record: Record) -> RawRecord:
    """Encode a record for the topic of a sink or repartition node.

    Raises:
        SerializationError: a value does not fit the format.
        StreamsError: the record's own time cannot be used, or no topic was chosen for it.
        TimestampError: its time cannot be read, and the query is to end with it.
    """
    topic = topic_of(node, record)
    if topic is None:
        raise no_topic(node)
    try:
        return _encoded(node, record, topic)
    except SerializationError as error:
        if not isinstance(node.value_serde, ObjectSerde):
            raise
        raise SerializationError(
            f"A record for {topic} does not fit the serdes of {node.name}: {error} Name key_serde or value_serde where "
            "the topic is written."
        ) from error


def _encoded(node: n.Sink | n.Repartition, record: Record, topic: str) -> RawRecord:
    assert node.key_serde is not None and node.value_serde is not None
    key = write_key(node.key_serde, record.key)
    if isinstance(node, n.Repartition) and node.carries_changes:
        value: bytes | None = write_change(node, record.value)
    else:
        value = None if record.value is None else node.value_serde.serialize(record.value)
    timestamp = record.timestamp
    if isinstance(node, n.Sink) and node.timestamp is not None:
        try:
            timestamp = node.timestamp.extract(record, timestamp)
        except TimestampError:
            raise
        except KappaError as error:
            raise StreamsError(str(error)) from error
        if timestamp < 0:
            raise StreamsError(f"The record's own time {timestamp} is negative.")
    headers = record.headers if not isinstance(node, n.Sink) or node.carries_headers else ()
    return RawRecord(topic, key, value, timestamp, headers)


def partitions_of(node: n.Sink | n.Repartition, record: Record, count: Callable[[], int]) -> Collection[int | None]:
    """Return the partitions that a record goes to; None is that of its key, nothing drops it.

    Args:
        count: gives the number of partitions of the topic.

    Raises:
        StreamsError: there is no such partition.
    """
    if node.partition_of is None:
        return (None,)
    of = count()
    chosen = node.partition_of(record, of)
    if chosen is None:
        return (None,)
    found = (chosen,) if isinstance(chosen, int) else chosen
    if any(each >= of for each in found):
        raise StreamsError(f"The partitioner of {node.name} chose {sorted(found)}; there are {of} partitions.")
    return [each for each in found if each >= 0]


def topic_of(node: n.Sink | n.Repartition, record: Record) -> str | None:
    """Return the topic that a record goes to; None where a sink hands records over instead."""
    if isinstance(node, n.Sink) and node.topic_of is not None:
        return node.topic_of(record)
    return node.topic


def no_topic(node: n.Sink | n.Repartition) -> StreamsError:
    """Return the error of a record that goes nowhere."""
    return StreamsError(
        f"{node.name} chose no topic for a record, so it is written nowhere: the topic's name was null."
    )


def has_topic(node: n.Sink | n.Repartition) -> bool:
    """Tell whether a sink writes topics."""
    return isinstance(node, n.Repartition) or node.topic is not None or node.topic_of is not None
