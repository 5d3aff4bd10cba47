"""Transactions of a simulated cluster."""

from __future__ import annotations

from collections.abc import Sequence

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin import ProducerState, TransactionListing, TransactionState
from kappaflow.testing.simulated_cluster.state import State


class SimulatedTransactions:
    """Transactions and the producers of partitions."""

    def __init__(self, state: State) -> None:
        self._state = state

    def list(self) -> list[TransactionListing]:
        """All transactional ids."""
        rows = sorted(self._state.transactions.items())
        return [TransactionListing(name, t.producer_id, t.state) for name, t in rows]

    def describe(self, transactional_ids: Sequence[str]) -> dict[str, TransactionState]:
        """Transactional ids with their transactions."""
        return {name: self._state.transactions[name] for name in transactional_ids if name in self._state.transactions}

    def producers(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, list[ProducerState]]:
        """Who has written to partitions."""
        return {name: list(self._state.producers.get(name, ())) for name in partitions}

    def stable_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The first open transaction's start, or the end."""
        found: dict[TopicPartition, int] = {}
        for name in partitions:
            partition = self._state.partition(name)
            assert partition is not None
            open_ = [
                p.transaction_start for p in self._state.producers.get(name, ()) if p.transaction_start is not None
            ]
            found[name] = min([partition.end, *open_])
        return found

    def terminate(self, transaction: TransactionState) -> None:
        """End an open transaction everywhere and fence its producer."""
        state = self._state.transactions[transaction.transactional_id]
        for partition in state.partitions:
            for producer in self._state.producers.get(partition, ()):
                if producer.producer_id == state.producer_id:
                    self.abort(partition, producer)
        self._state.transactions[transaction.transactional_id] = state._replace(
            state="Empty", producer_epoch=state.producer_epoch + 1, start_ms=None, partitions=()
        )

    def abort(self, partition: TopicPartition, producer: ProducerState) -> None:
        """End an open transaction."""
        rows = self._state.producers[partition]
        self._state.producers[partition] = [
            p._replace(transaction_start=None) if p.producer_id == producer.producer_id else p for p in rows
        ]
