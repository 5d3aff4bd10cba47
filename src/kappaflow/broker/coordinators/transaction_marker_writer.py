"""Writes the end of a transaction into its partitions and groups.

markers -> partition logs (durable where the flush policy asks for it) -> offsets of groups -> done
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from kappaflow.broker.coordinators.transaction_metadata import TopicPartition, TransactionMetadata
from kappaflow.errors import StorageError
from kappaflow.runtime.crash_points import crash_point
from kappaflow.storage.append_errors import InvalidProducerEpoch
from kappaflow.storage.transaction_markers import build_marker

if TYPE_CHECKING:
    from kappaflow.broker.broker import Broker
    from kappaflow.storage.log import PartitionLog


class TransactionMarkerWriter:
    """Markers of one broker.

    Args:
        broker: whose partitions and groups.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._waiting: set[asyncio.Task[None]] = set()

    def write(
        self, transaction: TransactionMetadata, *, committed: bool, again: bool, on_done: Callable[[], None]
    ) -> None:
        """Write every marker, then call `on_done`, at once or when all of them are durable.

        Raises:
            StorageError: not all could be written; those that were may be written again.
        """
        broker = self._broker
        flushes: list[Awaitable[None]] = []
        for key in sorted(transaction.partitions):
            crash_point("before-txn-marker")
            self.write_marker(
                key,
                transaction.producer_id,
                transaction.producer_epoch,
                committed=committed,
                coordinator_epoch=broker.leader_epoch,
                flushes=flushes,
                again=again,
            )
            crash_point("after-txn-marker")
        for group_id in sorted(transaction.groups):
            broker.offsets.end_transaction(group_id, transaction.producer_id, committed=committed)
            if broker.offsets.of_group(group_id):
                broker.all_groups.restore_empty(group_id)
        crash_point("after-txn-offsets")
        if not flushes:
            on_done()
            return
        task = asyncio.ensure_future(_after(flushes, on_done))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    def write_marker(
        self,
        key: TopicPartition,
        producer_id: int,
        producer_epoch: int,
        *,
        committed: bool,
        coordinator_epoch: int,
        flushes: list[Awaitable[None]],
        again: bool = False,
    ) -> None:
        """Write one marker; a partition that is gone, or was told before, needs none.

        Raises:
            StorageError: it could not be written.
        """
        broker = self._broker
        topic = broker.topics.by_name(key[0])
        if topic is None or key[1] >= len(topic.partitions):
            return
        partition = topic.partitions[key[1]]
        log = partition.log
        if again:
            known = log.producers.find(producer_id)
            if known is not None and known.epoch >= producer_epoch and known.current_txn_first_offset < 0:
                # The marker is there, but perhaps only in memory that the end of the process spared.
                self._await_durable(log, log.log_end_offset, flushes)
                return
        marker = build_marker(
            producer_id,
            producer_epoch,
            committed=committed,
            coordinator_epoch=coordinator_epoch,
            time_ms=broker.clock.time_ms(),
        )
        try:
            result = log.append(marker, leader_epoch=broker.leader_epoch)
        except InvalidProducerEpoch:
            self._await_durable(log, log.log_end_offset, flushes)
            return  # a later epoch has ended this transaction already
        self._await_durable(log, result.last_offset + 1, flushes)
        partition.wake_waiters()

    def _await_durable(self, log: PartitionLog, offset: int, flushes: list[Awaitable[None]]) -> None:
        if self._broker.config.flush == "group":
            flushes.append(log.flusher.wait_durable(log, offset))


async def _after(flushes: list[Awaitable[None]], on_done: Callable[[], None]) -> None:
    try:
        await asyncio.gather(*flushes)
    except StorageError:
        return  # a failed sync stops the broker; the next start writes the markers again
    on_done()
