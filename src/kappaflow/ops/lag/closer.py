"""A closer look at partitions that are behind: hot keys, open transactions, the record where reading stopped."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordReader
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError
from kappaflow.ops.lag.sampling import GroupWindow
from kappaflow.ops.session import OpsSession
from kappaflow.ops.transactions import HangingTransaction, OpenTransaction, find_open

SAMPLED_RECORDS = 2_000
SAMPLE_TIMEOUT_S = 5.0


class CloserLook(NamedTuple):
    """What was found.

    Attributes:
        hot_keys: of a partition, its most frequent key, and its part of the sampled records.
        hanging: of a partition, a transaction that keeps readers of committed records from going on.
        stable: last stable offsets.
        open: of a partition, the transaction that readers of committed records wait for, and that somebody will end.
    """

    hot_keys: Mapping[TopicPartition, tuple[str, float]]
    hanging: Mapping[TopicPartition, HangingTransaction]
    stable: Mapping[TopicPartition, int]
    open: Mapping[TopicPartition, OpenTransaction] = MappingProxyType({})


NOTHING = CloserLook({}, {}, {})


def closer_look(
    session: OpsSession,
    window: GroupWindow,
    partitions: Sequence[TopicPartition],
    *,
    keys: bool = True,
    min_idle_ms: int = 0,
) -> CloserLook:
    """Look closer at some partitions; what the brokers do not answer is left out.

    Args:
        session: the cluster.
        window: the looks before.
        partitions: where; a few.
        keys: whether records are read for their keys.
        min_idle_ms: for how long the producer of a hanging transaction must have been silent.
    """
    stable: Mapping[TopicPartition, int] = {}
    hanging: dict[TopicPartition, HangingTransaction] = {}
    waited_for: dict[TopicPartition, OpenTransaction] = {}
    try:
        stable = session.admin.transactions.stable_offsets(partitions)
        # Readers of committed records stop at the last stable offset; only then a transaction can be the cause.
        stopped = [p for p in partitions if window.last.committed.get(p) == stable.get(p)]
        stopped = [p for p in stopped if stable[p] < window.last.ends[p]]
        if stopped:
            for t in find_open(session, stopped):
                if t.transactional_id and t.producer.transaction_start == stable[t.partition]:
                    waited_for[t.partition] = t
                elif not t.transactional_id and t.idle_s * 1000 >= min_idle_ms:
                    hanging[t.partition] = HangingTransaction(t.partition, t.producer, t.idle_s)
    except BrokerError:
        pass  # brokers before 2.8, or no permission: the diagnosis does without
    hot = sample_keys(session.context.client_config(), window, partitions) if keys else {}
    return CloserLook(hot, hanging, stable, waited_for)


def sample_keys(
    config: ClientConfig, window: GroupWindow, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, tuple[str, float]]:
    """The most frequent key among the newest records of each partition, and its part of them."""
    ends = window.last.ends
    begins = {p: max(window.begins.get(p, 0), ends[p] - SAMPLED_RECORDS) for p in partitions if ends.get(p)}
    wanted = {p: begin for p, begin in begins.items() if begin < ends[p]}
    if not wanted:
        return {}
    keys: dict[TopicPartition, Counter[bytes | None]] = {p: Counter() for p in wanted}
    reached: set[TopicPartition] = set()
    deadline = time.monotonic() + SAMPLE_TIMEOUT_S
    with RecordReader(config, wanted) as reader:
        while len(reached) < len(wanted) and time.monotonic() < deadline:
            for record in reader.poll(0.2):
                keys[record.partition][record.key] += 1
                if record.offset >= ends[record.partition] - 1:
                    reached.add(record.partition)
    found: dict[TopicPartition, tuple[str, float]] = {}
    for partition, counter in keys.items():
        total = counter.total()
        if total:
            key, count = counter.most_common(1)[0]
            shown = "null" if key is None else key.decode("utf-8", "backslashreplace")
            found[partition] = (shown, count / total)
    return found
