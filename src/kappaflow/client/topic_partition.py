"""The name of one partition."""

from __future__ import annotations

from typing import NamedTuple


class TopicPartition(NamedTuple):
    """A topic and one of its partitions."""

    topic: str
    partition: int

    def __str__(self) -> str:
        """The form that Kafka's tools print: ``topic-partition``."""
        return f"{self.topic}-{self.partition}"
