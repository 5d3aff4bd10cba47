"""When the record at an offset was written: its timestamp, read from the partition itself."""

from __future__ import annotations

import time
from collections.abc import Mapping

from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordReader
from kappaflow.client.topic_partition import TopicPartition

TIMEOUT_S = 5.0


def first_timestamps(
    config: ClientConfig, offsets: Mapping[TopicPartition, int], timeout_s: float = TIMEOUT_S
) -> dict[TopicPartition, int]:
    """The timestamp of the first record at or after an offset, in ms since the epoch.

    Args:
        config: how to reach the cluster.
        offsets: from where to read each partition; there has to be a record.
        timeout_s: how long to wait; partitions without an answer by then are left out.

    Raises:
        BrokerError: a partition may not be read.
    """
    found: dict[TopicPartition, int] = {}
    if not offsets:
        return found
    deadline = time.monotonic() + timeout_s
    with RecordReader(config, offsets) as reader:
        while len(found) < len(offsets) and (left := deadline - time.monotonic()) > 0:
            for record in reader.poll(left):
                found.setdefault(record.partition, record.timestamp)
    return found
