"""Transactions: who may write, which partitions belong to one, and that all of them hear the same end.

    InitProducerId -> Empty                          fences what was there before, aborts what it left open
    AddPartitions, Produce 12+ -> Ongoing            every step is journalled before it is answered
    EndTxn -> PrepareX (journalled) -> markers -> CompleteX (journalled)

A process that ends between PrepareX and CompleteX writes the markers again when it starts.

Source: KIP-98, KIP-360, KIP-447, KIP-588, KIP-890
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from kappaflow.broker.coordinators.transaction_metadata import (
    MAX_EPOCH,
    NO_EPOCH,
    NO_PRODUCER_ID,
    TopicPartition,
    TransactionMetadata,
)
from kappaflow.broker.coordinators.transaction_states import DECISION, PREPARED, TransactionState
from kappaflow.errors import StorageError
from kappaflow.runtime.clock import Clock
from kappaflow.runtime.crash_points import crash_point
from kappaflow.wire.error_codes import ErrorCode

logger = logging.getLogger(__name__)

MARKER_RETRY_MS = 1000


class _Timer(Protocol):
    def cancel(self) -> None: ...


class Timers(Protocol):
    """Calls back later."""

    def call_later(self, delay_ms: int, callback: Callable[[], None]) -> _Timer:
        """Call back once, after the delay."""
        ...


class MarkerWriter(Protocol):
    """Ends a transaction in its partitions and groups."""

    def write(
        self, transaction: TransactionMetadata, *, committed: bool, again: bool, on_done: Callable[[], None]
    ) -> None:
        """Write every marker, then call `on_done`, at once or later.

        Raises:
            StorageError: not all could be written; those that were may be written again.
        """
        ...


class ProducerIdentity(NamedTuple):
    """An answer that names the producer to go on with."""

    error_code: ErrorCode
    producer_id: int = NO_PRODUCER_ID
    producer_epoch: int = NO_EPOCH


class TransactionCoordinator:
    """All transactional ids of the broker.

    Args:
        write: makes one journal entry survive.
        next_producer_id: gives out new producer ids.
        markers: ends transactions in partitions and groups.
        timers: for timeouts.
        clock: the time.
        max_timeout_ms: the longest transaction timeout that producers may ask for.
        expiration_ms: how long an unused transactional id is remembered.
    """

    def __init__(
        self,
        write: Callable[[dict[str, Any]], None],
        next_producer_id: Callable[[], int],
        markers: MarkerWriter,
        timers: Timers,
        clock: Clock,
        *,
        max_timeout_ms: int = 900_000,
        expiration_ms: int = 7 * 24 * 3600 * 1000,
    ) -> None:
        self._write = write
        self._next_producer_id = next_producer_id
        self._markers = markers
        self._timers = timers
        self._clock = clock
        self._max_timeout_ms = max_timeout_ms
        self._expiration_ms = expiration_ms
        self._transactions: dict[str, TransactionMetadata] = {}
        self._timeouts: dict[str, _Timer] = {}
        self._closed = False

    # -- what is there ------------------------------------------------------------------------------------

    def find(self, transactional_id: str) -> TransactionMetadata | None:
        """What is known of a transactional id."""
        return self._transactions.get(transactional_id)

    def all(self) -> list[TransactionMetadata]:
        """Every transactional id, by name."""
        return [self._transactions[name] for name in sorted(self._transactions)]

    # -- producers ----------------------------------------------------------------------------------------

    def init_producer_id(
        self,
        transactional_id: str,
        timeout_ms: int,
        producer_id: int = NO_PRODUCER_ID,
        producer_epoch: int = NO_EPOCH,
    ) -> ProducerIdentity:
        """Begin a producer's life, or go on with it after an error that it can survive (KIP-360).

        Raises:
            StorageError: the journal cannot be written; nothing has changed.
        """
        if not transactional_id:
            return ProducerIdentity(ErrorCode.INVALID_REQUEST)
        if not 0 < timeout_ms <= self._max_timeout_ms:
            return ProducerIdentity(ErrorCode.INVALID_TRANSACTION_TIMEOUT)
        known = self._transactions.get(transactional_id)
        if known is None:
            # Where the id has been forgotten meanwhile, a producer that wants to go on begins anew.
            known = TransactionMetadata(transactional_id, self._next_producer_id())
            producer_id = NO_PRODUCER_ID
        elif producer_id != NO_PRODUCER_ID and not _may_continue(known, producer_id, producer_epoch):
            return ProducerIdentity(ErrorCode.PRODUCER_FENCED)
        if known.state is TransactionState.ONGOING:
            self._fence(known)
            known = self._transactions[transactional_id]
            if known.state in PREPARED:
                return ProducerIdentity(ErrorCode.CONCURRENT_TRANSACTIONS)
            producer_id = NO_PRODUCER_ID
        if known.state in PREPARED:
            return ProducerIdentity(ErrorCode.CONCURRENT_TRANSACTIONS)
        changed = self._new_epoch(known, producer_id, producer_epoch)
        changed.timeout_ms, changed.start_ms = timeout_ms, -1
        self._change(changed, TransactionState.EMPTY)
        return ProducerIdentity(ErrorCode.NONE, changed.producer_id, changed.producer_epoch)

    def _new_epoch(self, known: TransactionMetadata, producer_id: int, producer_epoch: int) -> TransactionMetadata:
        changed = deepcopy(known)
        expected = producer_id != NO_PRODUCER_ID
        if expected and (producer_id, producer_epoch) != (known.producer_id, known.producer_epoch):
            return changed  # the answer to the same request was lost: the same epoch again
        if known.is_epoch_exhausted:
            changed.previous_producer_id = known.producer_id if expected else NO_PRODUCER_ID
            changed.last_producer_epoch = known.producer_epoch if expected else NO_EPOCH
            changed.producer_id, changed.producer_epoch = self._next_producer_id(), 0
        else:
            changed.previous_producer_id = NO_PRODUCER_ID
            changed.last_producer_epoch = known.producer_epoch if expected else NO_EPOCH
            changed.producer_epoch += 1
        return changed

    # -- what belongs to a transaction --------------------------------------------------------------------

    def check_producer(self, transactional_id: str, producer_id: int, producer_epoch: int) -> ErrorCode:
        """Whether a producer may change its transaction now."""
        known = self._transactions.get(transactional_id) if transactional_id else None
        if known is None:
            return ErrorCode.INVALID_PRODUCER_ID_MAPPING if transactional_id else ErrorCode.INVALID_REQUEST
        if known.is_following(producer_id, producer_epoch):
            return ErrorCode.CONCURRENT_TRANSACTIONS
        if known.producer_id != producer_id:
            return ErrorCode.INVALID_PRODUCER_ID_MAPPING
        if known.producer_epoch != producer_epoch:
            return ErrorCode.PRODUCER_FENCED
        return ErrorCode.CONCURRENT_TRANSACTIONS if known.state in PREPARED else ErrorCode.NONE

    def add(
        self,
        transactional_id: str,
        producer_id: int,
        producer_epoch: int,
        *,
        partitions: Collection[TopicPartition] = (),
        groups: Collection[str] = (),
    ) -> ErrorCode:
        """Make partitions and groups part of the transaction, which is opened where none is.

        Raises:
            StorageError: the journal cannot be written; nothing has changed.
        """
        error = self.check_producer(transactional_id, producer_id, producer_epoch)
        if error:
            return error
        known = self._transactions[transactional_id]
        is_open = known.state is TransactionState.ONGOING
        if is_open and known.partitions.issuperset(partitions) and known.groups.issuperset(groups):
            return ErrorCode.NONE
        changed = deepcopy(known)
        if not is_open:
            changed.start_ms = self._clock.time_ms()
        changed.partitions.update(partitions)
        changed.groups.update(groups)
        changed.last_producer_epoch, changed.previous_producer_id = NO_EPOCH, NO_PRODUCER_ID
        self._change(changed, TransactionState.ONGOING)
        return ErrorCode.NONE

    def verify(
        self,
        transactional_id: str,
        producer_id: int,
        producer_epoch: int,
        *,
        partition: TopicPartition | None = None,
        group: str | None = None,
    ) -> ErrorCode:
        """Whether a partition or group was made part of the open transaction before (KIP-890, part 1)."""
        error = self.check_producer(transactional_id, producer_id, producer_epoch)
        if error:
            return error
        known = self._transactions[transactional_id]
        belongs = partition in known.partitions if partition is not None else group in known.groups
        return ErrorCode.NONE if known.state is TransactionState.ONGOING and belongs else ErrorCode.INVALID_TXN_STATE

    # -- ends ---------------------------------------------------------------------------------------------

    def end(
        self, transactional_id: str, producer_id: int, producer_epoch: int, *, committed: bool, bumps_epoch: bool
    ) -> ProducerIdentity:
        """Decide a transaction.

        Args:
            transactional_id: whose.
            producer_id: the id of its producer.
            producer_epoch: the epoch of its producer.
            committed: whether it counts.
            bumps_epoch: whether the producer takes a new epoch from the answer (EndTxn 5, KIP-890).

        Raises:
            StorageError: the journal cannot be written; nothing is decided.
        """
        known = self._transactions.get(transactional_id) if transactional_id else None
        if known is None:
            code = ErrorCode.INVALID_PRODUCER_ID_MAPPING if transactional_id else ErrorCode.INVALID_REQUEST
            return ProducerIdentity(code)
        if bumps_epoch and known.is_repeated_end(producer_id, producer_epoch):
            return _repeated(known, committed)
        if known.is_following(producer_id, producer_epoch):
            return ProducerIdentity(ErrorCode.CONCURRENT_TRANSACTIONS)
        if known.producer_id != producer_id:
            return ProducerIdentity(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
        if known.producer_epoch != producer_epoch:
            return ProducerIdentity(ErrorCode.PRODUCER_FENCED)
        if known.state is not TransactionState.ONGOING:
            may_bump = bumps_epoch and not committed and known.state not in PREPARED
            if not may_bump:
                return _not_open(known, committed, bumps_epoch)
        self._prepare(known, committed=committed, bumps_epoch=bumps_epoch)
        known = self._transactions[transactional_id]
        if not bumps_epoch:
            return ProducerIdentity(ErrorCode.NONE, known.producer_id, known.producer_epoch)
        if known.state in PREPARED and known.next_producer_id != NO_PRODUCER_ID:
            return ProducerIdentity(ErrorCode.NONE, known.next_producer_id, 0)
        return ProducerIdentity(ErrorCode.NONE, known.producer_id, known.producer_epoch)

    def _prepare(self, known: TransactionMetadata, *, committed: bool, bumps_epoch: bool) -> None:
        changed = deepcopy(known)
        if bumps_epoch:
            changed.last_producer_epoch = known.producer_epoch
            changed.producer_epoch += 1
            if known.is_epoch_exhausted:
                changed.next_producer_id = self._next_producer_id()
        crash_point("before-txn-prepare")
        self._change(changed, TransactionState.PREPARE_COMMIT if committed else TransactionState.PREPARE_ABORT)
        crash_point("after-txn-prepare")
        self._drive(changed.transactional_id, again=False)

    def _fence(self, known: TransactionMetadata) -> None:
        """Abort with an epoch that the producer does not have."""
        changed = deepcopy(known)
        changed.last_producer_epoch, changed.previous_producer_id = NO_EPOCH, NO_PRODUCER_ID
        changed.producer_epoch = min(changed.producer_epoch + 1, MAX_EPOCH)
        self._change(changed, TransactionState.PREPARE_ABORT)
        crash_point("after-txn-fence")
        self._drive(known.transactional_id, again=False)

    def _drive(self, transactional_id: str, *, again: bool) -> None:
        """Write the markers of a decided transaction, until they are written."""
        known = self._transactions[transactional_id]
        if self._closed or known.state not in PREPARED:
            return
        try:
            self._markers.write(
                known, committed=DECISION[known.state], again=again, on_done=lambda: self._complete(transactional_id)
            )
        except StorageError as error:
            logger.warning("the markers of transaction %s are not written yet: %s", transactional_id, error)
            self._drive_later(transactional_id)

    def _drive_later(self, transactional_id: str) -> None:
        self._timers.call_later(MARKER_RETRY_MS, lambda: self._drive(transactional_id, again=True))

    def _complete(self, transactional_id: str) -> None:
        known = self._transactions[transactional_id]
        if self._closed or known.state not in PREPARED:
            return
        changed = replace(known, partitions=set(), groups=set(), next_producer_id=NO_PRODUCER_ID)
        if known.next_producer_id != NO_PRODUCER_ID:
            changed.previous_producer_id = known.producer_id
            changed.producer_id, changed.producer_epoch = known.next_producer_id, 0
        crash_point("before-txn-complete")
        try:
            self._change(changed, PREPARED[known.state])
        except StorageError as error:
            logger.warning("the end of transaction %s is not journalled yet: %s", transactional_id, error)
            self._drive_later(transactional_id)
            return
        crash_point("after-txn-complete")

    # -- time ---------------------------------------------------------------------------------------------

    def _timed_out(self, transactional_id: str, producer_id: int, producer_epoch: int, start_ms: int) -> None:
        known = self._transactions.get(transactional_id)
        if self._closed or known is None or known.state is not TransactionState.ONGOING:
            return
        if (known.producer_id, known.producer_epoch, known.start_ms) != (producer_id, producer_epoch, start_ms):
            return
        logger.info("transaction %s was open for more than %d ms: aborting it", transactional_id, known.timeout_ms)
        try:
            self._fence(known)
        except StorageError as error:
            logger.warning("cannot abort transaction %s yet: %s", transactional_id, error)
            self._watch(known, MARKER_RETRY_MS)

    def _watch(self, known: TransactionMetadata, delay_ms: int) -> None:
        key = (known.transactional_id, known.producer_id, known.producer_epoch, known.start_ms)
        self._stop_watching(known.transactional_id)
        self._timeouts[known.transactional_id] = self._timers.call_later(delay_ms, lambda: self._timed_out(*key))

    def _stop_watching(self, transactional_id: str) -> None:
        timer = self._timeouts.pop(transactional_id, None)
        if timer is not None:
            timer.cancel()

    def expire(self) -> int:
        """Forget transactional ids that were not used for long; return how many."""
        oldest_ms = self._clock.time_ms() - self._expiration_ms
        old = [
            name
            for name, known in self._transactions.items()
            if known.update_ms < oldest_ms and known.may_move(TransactionState.DEAD)
        ]
        for name in old:
            self._write({"type": "transaction_expired", "name": name})
            del self._transactions[name]
        return len(old)

    # -- the journal --------------------------------------------------------------------------------------

    def _change(self, changed: TransactionMetadata, state: TransactionState) -> None:
        known = self._transactions.get(changed.transactional_id)
        if known is not None and not known.may_move(state):
            raise AssertionError(f"transaction {changed.transactional_id} cannot go from {known.state} to {state}")
        changed.state = state
        changed.update_ms = self._clock.time_ms()
        self._write(changed.to_entry())
        self._transactions[changed.transactional_id] = changed
        if state is not TransactionState.ONGOING:
            self._stop_watching(changed.transactional_id)
        elif changed.transactional_id not in self._timeouts:
            self._watch(changed, changed.timeout_ms)

    def replay(self, entry: dict[str, Any]) -> None:
        """Apply one journal entry of an earlier run."""
        if entry["type"] == "transaction":
            self._transactions[entry["transactional_id"]] = TransactionMetadata.from_entry(entry)
        elif entry["type"] == "transaction_expired":
            self._transactions.pop(entry["name"], None)

    def snapshot(self) -> list[dict[str, Any]]:
        """The entries that rebuild this."""
        return [known.to_entry() for known in self._transactions.values()]

    def raise_epochs(self, written: Mapping[int, int]) -> None:
        """Never give out again an epoch with which a producer has written, though the journal may have lost it.

        Args:
            written: the highest epoch found in partitions, by producer id.

        Raises:
            StorageError: the journal cannot be written.
        """
        for name, known in list(self._transactions.items()):
            if written.get(known.producer_id, NO_EPOCH) > known.producer_epoch:
                changed = replace(known, producer_epoch=written[known.producer_id], last_producer_epoch=NO_EPOCH)
                self._write(changed.to_entry())
                self._transactions[name] = changed

    def resume(self) -> None:
        """After replay: write the markers that are missing, and watch over what is open."""
        for name, known in list(self._transactions.items()):
            if known.state is TransactionState.ONGOING:
                left_ms = known.start_ms + known.timeout_ms - self._clock.time_ms()
                # Where the clock was set back, no transaction may stay open for longer than it was allowed to.
                self._watch(known, min(max(left_ms, 0), known.timeout_ms))
            else:
                self._drive(name, again=True)

    def close(self) -> None:
        """Change nothing any more."""
        self._closed = True
        _cancel(self._timeouts.values())
        self._timeouts.clear()


def _cancel(timers: Iterable[_Timer]) -> None:
    for timer in timers:
        timer.cancel()


def _may_continue(known: TransactionMetadata, producer_id: int, producer_epoch: int) -> bool:
    """Whether a request to go on comes from the producer that is, or repeats the one that was answered last."""
    if known.is_following(producer_id, producer_epoch):
        return True  # it is told to wait
    if producer_id == known.producer_id:
        repeats = known.state is not TransactionState.ONGOING and producer_epoch == known.last_producer_epoch
        return producer_epoch == known.producer_epoch or (repeats and producer_epoch != NO_EPOCH)
    return producer_id == known.previous_producer_id and producer_epoch >= MAX_EPOCH - 1


def _repeated(known: TransactionMetadata, committed: bool) -> ProducerIdentity:
    """The answer to an end that was decided before."""
    if DECISION.get(known.state) is not committed:
        return ProducerIdentity(ErrorCode.INVALID_TXN_STATE)
    if known.state in PREPARED:
        return ProducerIdentity(ErrorCode.CONCURRENT_TRANSACTIONS)
    return ProducerIdentity(ErrorCode.NONE, known.producer_id, known.producer_epoch)


def _not_open(known: TransactionMetadata, committed: bool, bumps_epoch: bool) -> ProducerIdentity:
    if known.state in PREPARED and DECISION[known.state] is committed:
        return ProducerIdentity(ErrorCode.CONCURRENT_TRANSACTIONS)
    if not bumps_epoch and DECISION.get(known.state) is committed and known.state not in PREPARED:
        return ProducerIdentity(ErrorCode.NONE, known.producer_id, known.producer_epoch)
    return ProducerIdentity(ErrorCode.INVALID_TXN_STATE)
