"""Transactions that are open in a partition or group although their coordinator knows nothing of them.

With a flush policy that leaves writing to the operating system, a loss of power can take the coordinator's entry and
leave the records. Nobody would ever end such a transaction, and readers of committed records would wait for it for
good, so it is aborted when the broker starts.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from kappaflow.broker.coordinators.transaction_metadata import TransactionMetadata
from kappaflow.broker.coordinators.transaction_states import PREPARED, TransactionState
from kappaflow.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kappaflow.broker.broker import Broker
    from kappaflow.storage.log import PartitionLog

logger = logging.getLogger(__name__)


def abort_orphans(broker: Broker, logs: Iterable[PartitionLog]) -> int:
    """Abort what nobody will end; return how many transactions of partitions and groups there were.

    Epochs that the coordinator gave out and forgot are not given out again either. Called before the coordinator ends
    what it knows, so that nothing which it is about to end is taken for one.
    """
    owners = {
        known.producer_id: known
        for known in broker.transactions.all()
        if known.state is TransactionState.ONGOING or known.state in PREPARED
    }
    committed = {
        (known.producer_id, known.last_producer_epoch)
        for known in broker.transactions.all()
        if known.state is TransactionState.COMPLETE_COMMIT
    }
    found = 0
    epochs: dict[int, int] = {}
    for log in logs:
        for entry in log.producers.producers():
            epochs[entry.producer_id] = max(entry.epoch, epochs.get(entry.producer_id, -1))
        if log.producers.first_unstable_offset is None:
            continue
        for producer_id in log.producers.open_transactions():
            entry = log.producers.find(producer_id)
            epoch = -1 if entry is None else entry.epoch
            owner = owners.get(producer_id)
            key = (log.topic, log.partition)
            if owner is None or key not in owner.partitions or owner.producer_epoch < epoch:
                orphan = TransactionMetadata("", producer_id, epoch, partitions={key})
                # Where each transaction has its epoch, the decision may be known although its marker is gone.
                _end(broker, orphan, f"{key[0]}-{key[1]}", committed=(producer_id, epoch) in committed)
                found += 1
    for group_id, producer_id in broker.offsets.pending_producers():
        owner = owners.get(producer_id)
        if owner is None or group_id not in owner.groups:
            _end(broker, TransactionMetadata("", producer_id, groups={group_id}), f"group {group_id}", committed=False)
            found += 1
    try:
        broker.transactions.raise_epochs(epochs)
    except StorageError as error:
        logger.warning("epochs of producers are not journalled: %s", error)
    return found


def _end(broker: Broker, orphan: TransactionMetadata, where: str, *, committed: bool) -> None:
    logger.warning("ending a transaction of producer %d in %s that nobody knows", orphan.producer_id, where)
    try:
        broker.markers.write(orphan, committed=committed, again=False, on_done=lambda: None)
    except StorageError as error:
        logger.warning("it stays open until the next start: %s", error)
