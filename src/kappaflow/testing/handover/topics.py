"""The topics of the application on some cluster: written to and read from outside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from kappaflow.testing.handover.batch import Sent

INPUTS = ("users", "events", "clicks")
OUTPUTS = ("totals-out", "windows-out", "final-out", "sessions-out", "enriched-out", "near-out")
TIMEOUT_S = 60
PARTITION_OF_KEY = -1
_NOT_YET = (KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR)
Row = tuple[bytes, bytes | None]


class Topics:
    """The topics of one application.

    Args:
        bootstrap: addresses of brokers.
        partitions: of each topic.
        replication_factor: of each topic.
        prefix: of their names.
    """

    def __init__(self, bootstrap: str, partitions: int, *, replication_factor: int = 1, prefix: str = "") -> None:
        self.bootstrap = bootstrap
        self.partitions = partitions
        self.prefix = prefix
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        names = [prefix + topic for topic in (*INPUTS, *OUTPUTS)]
        made = self._admin.create_topics([NewTopic(name, partitions, replication_factor) for name in names])
        for future in made.values():
            future.result(TIMEOUT_S)
        settings: dict[str, Any] = {"bootstrap.servers": bootstrap, "partitioner": "murmur2", "log_level": 0}
        self._producer = Producer({**settings, "enable.idempotence": True})

    def write(self, records: Sequence[Sent]) -> None:
        """Write records and wait until all are acknowledged.

        Raises:
            TimeoutError: they are not.
        """
        failed: list[Any] = []

        def told(error: Any, _message: Any) -> None:
            if error is not None:
                failed.append(error)

        for each in records:
            partition = PARTITION_OF_KEY if each.partition is None else each.partition
            self._producer.produce(
                self.prefix + each.topic, each.value, each.key, partition, on_delivery=told, timestamp=each.time
            )
        if self._producer.flush(TIMEOUT_S) or failed:
            raise TimeoutError(f"Records were not acknowledged: {failed[:3]}")

    def read(self, topic: str) -> list[Row]:
        """All that is committed of a topic now, keys and values.

        Raises:
            RuntimeError: it cannot be read.
        """
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "log_level": 0,
            }
        )
        consumer.assign([TopicPartition(self.prefix + topic, partition, 0) for partition in range(self.partitions)])
        rows: list[Row] = []
        unread = set(range(self.partitions))
        try:
            while unread:
                for message in consumer.consume(1_000, 0.1):
                    error = message.error()
                    if error is None:
                        rows.append((message.key() or b"", message.value()))
                    elif error.code() == KafkaError._PARTITION_EOF:
                        unread.discard(message.partition())
                    elif not error.retriable():
                        raise RuntimeError(f"{topic} cannot be read: {error}")
        finally:
            consumer.close()
        return rows

    def has_no_members(self, group: str) -> bool:
        """Whether a group is known to have no members; false as long as its coordinator cannot say so."""
        (future,) = self._admin.describe_consumer_groups([group]).values()
        try:
            return not future.result(TIMEOUT_S).members
        except KafkaException as error:
            if error.args[0].retriable() or error.args[0].code() in _NOT_YET:
                return False
            raise
