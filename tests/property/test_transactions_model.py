"""The transaction coordinator against a model that knows only who holds which id and what is open."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kappaflow.broker.coordinators.transaction_coordinator import TransactionCoordinator
from kappaflow.broker.coordinators.transaction_metadata import TransactionMetadata
from kappaflow.runtime.clock import ManualClock
from kappaflow.wire.error_codes import ErrorCode

PARTITIONS = st.sampled_from([("t", 0), ("t", 1), ("u", 0)])
TIMEOUT_MS = 500


class Timer:
    def __init__(self, at_ms: int, callback: Callable[[], None]) -> None:
        self.at_ms = at_ms
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Transactions(RuleBasedStateMachine):
    """Producers come, are fenced, time out; the process ends between a decision and its markers."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(0)
        self.journal: list[str] = []
        self.timers: list[Timer] = []
        self.written: list[tuple[int, int, bool, frozenset[tuple[str, int]]]] = []
        self.ids = 0
        self.holds = False
        self.waiting: list[Callable[[], None]] = []
        self.producers: list[tuple[int, int]] = []
        self.current: tuple[int, int] | None = None
        self.open: set[tuple[str, int]] = set()
        self.opened_ms: int | None = None
        self.decided: list[tuple[bool, frozenset[tuple[str, int]]]] = []

    @initialize()
    def begin(self) -> None:
        self.start()

    def start(self) -> None:
        self.timers.clear()
        self.waiting.clear()
        self.coordinator = TransactionCoordinator(
            lambda entry: self.journal.append(json.dumps(entry)), self.next_id, self, self, self.clock
        )
        for line in self.journal:
            self.coordinator.replay(json.loads(line))
        self.coordinator.resume()

    def next_id(self) -> int:
        self.ids += 1
        return self.ids

    def call_later(self, delay_ms: int, callback: Callable[[], None]) -> Timer:
        timer = Timer(self.clock.time_ms() + delay_ms, callback)
        self.timers.append(timer)
        return timer

    def write(
        self, transaction: TransactionMetadata, *, committed: bool, again: bool, on_done: Callable[[], None]
    ) -> None:
        entry = (transaction.producer_id, transaction.producer_epoch, committed, frozenset(transaction.partitions))
        if not again:
            self.written.append(entry)
        else:
            assert entry == self.written[-1], "another decision after a restart"
        if self.holds:
            self.waiting.append(on_done)
        else:
            on_done()

    def decide(self, committed: bool) -> None:
        self.decided.append((committed, frozenset(self.open)))
        self.open.clear()
        self.opened_ms = None

    @rule()
    def a_new_producer(self) -> None:
        found = self.coordinator.init_producer_id("x", TIMEOUT_MS)
        if self.waiting and not self.opened_ms:
            assert found.error_code in (ErrorCode.NONE, ErrorCode.CONCURRENT_TRANSACTIONS)
        if self.opened_ms is not None:
            self.decide(committed=False)
            self.current = None
        if found.error_code == ErrorCode.NONE:
            self.current = (found.producer_id, found.producer_epoch)
            assert self.current not in self.producers
            self.producers.append(self.current)

    @precondition(lambda self: self.producers)
    @rule(data=st.data(), partition=PARTITIONS)
    def add(self, data: st.DataObject, partition: tuple[str, int]) -> None:
        producer = data.draw(st.sampled_from(self.producers))
        error = self.coordinator.add("x", *producer, partitions=[partition])
        if producer != self.current:
            assert error in (ErrorCode.PRODUCER_FENCED, ErrorCode.INVALID_PRODUCER_ID_MAPPING)
        elif self.waiting:
            assert error == ErrorCode.CONCURRENT_TRANSACTIONS
        else:
            assert error == ErrorCode.NONE
            self.open.add(partition)
            if self.opened_ms is None:
                self.opened_ms = self.clock.time_ms()

    @precondition(lambda self: self.producers)
    @rule(data=st.data(), committed=st.booleans(), bumps_epoch=st.booleans(), holds=st.booleans())
    def end(self, data: st.DataObject, *, committed: bool, bumps_epoch: bool, holds: bool) -> None:
        producer = data.draw(st.sampled_from(self.producers))
        is_open = self.opened_ms is not None
        self.holds = holds
        before = len(self.written)
        found = self.coordinator.end("x", *producer, committed=committed, bumps_epoch=bumps_epoch)
        self.holds = False
        if producer == self.current and is_open:
            assert found.error_code == ErrorCode.NONE
            self.decide(committed)
        elif len(self.written) > before:
            # An abort of nothing takes a new epoch (KIP-890).
            assert producer == self.current
            assert bumps_epoch
            assert not committed
            self.decide(committed=False)
        if found.error_code == ErrorCode.NONE and bumps_epoch:
            self.current = (found.producer_id, found.producer_epoch)
            if self.current not in self.producers:
                self.producers.append(self.current)

    @rule(milliseconds=st.integers(1, TIMEOUT_MS))
    def time_passes(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)
        now_ms = self.clock.time_ms()
        due = [timer for timer in self.timers if timer.at_ms <= now_ms and not timer.cancelled]
        self.timers = [timer for timer in self.timers if timer not in due]
        for timer in due:
            timer.callback()
        if self.opened_ms is not None and now_ms - self.opened_ms >= TIMEOUT_MS:
            self.decide(committed=False)
            self.current = None

    @rule()
    def markers_become_durable(self) -> None:
        for done in self.waiting:
            done()
        self.waiting.clear()

    @rule()
    def the_process_is_killed(self) -> None:
        self.coordinator.close()
        self.start()

    @invariant()
    def every_decision_is_written_once_and_whole(self) -> None:
        assert [(committed, partitions) for _, _, committed, partitions in self.written] == self.decided

    @invariant()
    def what_is_open_is_known(self) -> None:
        known: Any = getattr(self, "coordinator", None) and self.coordinator.find("x")
        if known and self.opened_ms is not None:
            assert known.partitions == self.open


Transactions.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestTransactions = Transactions.TestCase
