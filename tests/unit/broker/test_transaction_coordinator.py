"""The transaction coordinator with a journal in a list, a clock by hand and markers that are only noted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kappaflow.broker.coordinators.transaction_coordinator import TransactionCoordinator
from kappaflow.broker.coordinators.transaction_metadata import MAX_EPOCH, TransactionMetadata
from kappaflow.broker.coordinators.transaction_states import TransactionState
from kappaflow.errors import StorageError
from kappaflow.runtime.clock import ManualClock
from kappaflow.wire.error_codes import ErrorCode

NOW_MS = 1_700_000_000_000
PARTITION = ("t", 0)


class Timer:
    def __init__(self, at_ms: int, callback: Callable[[], None]) -> None:
        self.at_ms = at_ms
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class World:
    """A coordinator and all that is around it."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW_MS)
        self.journal: list[str] = []
        self.timers: list[Timer] = []
        self.markers: list[tuple[int, int, bool, frozenset[tuple[str, int]]]] = []
        self.held: list[Callable[[], None]] = []
        self.holds_markers = False
        self.fails_after: int | None = None
        self.ids = 0
        self.coordinator = self.start()

    def start(self) -> TransactionCoordinator:
        self.timers.clear()
        self.held.clear()
        coordinator = TransactionCoordinator(self._append, self._next_id, self, self, self.clock, expiration_ms=10_000)
        for line in self.journal:
            coordinator.replay(json.loads(line))
        coordinator.resume()
        return coordinator

    def restart(self) -> None:
        self.coordinator.close()
        self.coordinator = self.start()

    def _append(self, entry: dict[str, Any]) -> None:
        if self.fails_after is not None:
            if self.fails_after == 0:
                raise StorageError("no space left")
            self.fails_after -= 1
        self.journal.append(json.dumps(entry))

    def _next_id(self) -> int:
        self.ids += 1
        return self.ids

    def call_later(self, delay_ms: int, callback: Callable[[], None]) -> Timer:
        timer = Timer(self.clock.time_ms() + delay_ms, callback)
        self.timers.append(timer)
        return timer

    def write(
        self, transaction: TransactionMetadata, *, committed: bool, again: bool, on_done: Callable[[], None]
    ) -> None:
        self.markers.append(
            (transaction.producer_id, transaction.producer_epoch, committed, frozenset(transaction.partitions))
        )
        if self.holds_markers:
            self.held.append(on_done)
        else:
            on_done()

    def advance(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)
        due = [timer for timer in self.timers if timer.at_ms <= self.clock.time_ms() and not timer.cancelled]
        self.timers = [timer for timer in self.timers if timer not in due]
        for timer in due:
            timer.callback()

    def state(self) -> TransactionState:
        known = self.coordinator.find("x")
        assert known is not None
        return known.state


@pytest.fixture
def world() -> World:
    return World()


def end(world: World, producer_id: int, epoch: int, *, committed: bool = True, v2: bool = False):
    return world.coordinator.end("x", producer_id, epoch, committed=committed, bumps_epoch=v2)


def begin(world: World, timeout_ms: int = 1000) -> tuple[int, int]:
    found = world.coordinator.init_producer_id("x", timeout_ms)
    assert found.error_code == ErrorCode.NONE
    producer = (found.producer_id, found.producer_epoch)
    assert world.coordinator.add("x", *producer, partitions=[PARTITION]) == ErrorCode.NONE
    return producer


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("v2", [False, True])
def test_an_end_writes_markers_and_version_2_takes_a_new_epoch(world: World, committed: bool, v2: bool) -> None:
    producer_id, epoch = begin(world)
    found = end(world, producer_id, epoch, committed=committed, v2=v2)
    assert found == (ErrorCode.NONE, producer_id, epoch + v2)
    assert world.markers == [(producer_id, epoch + v2, committed, frozenset([PARTITION]))]
    assert world.state() == (TransactionState.COMPLETE_COMMIT if committed else TransactionState.COMPLETE_ABORT)
    # The same request again is answered the same; the other decision is refused.
    assert end(world, producer_id, epoch, committed=committed, v2=v2) == found
    assert end(world, producer_id, epoch, committed=not committed, v2=v2).error_code == ErrorCode.INVALID_TXN_STATE
    assert len(world.markers) == 1


def test_nothing_open_cannot_be_committed_but_version_2_may_abort_it(world: World) -> None:
    found = world.coordinator.init_producer_id("x", 1000)
    producer = (found.producer_id, found.producer_epoch)
    assert end(world, *producer).error_code == ErrorCode.INVALID_TXN_STATE
    assert end(world, *producer, v2=True).error_code == ErrorCode.INVALID_TXN_STATE
    assert end(world, *producer, committed=False).error_code == ErrorCode.INVALID_TXN_STATE
    assert end(world, *producer, committed=False, v2=True) == (ErrorCode.NONE, producer[0], producer[1] + 1)


def test_a_new_producer_aborts_what_the_old_one_left_open(world: World) -> None:
    producer_id, epoch = begin(world)
    found = world.coordinator.init_producer_id("x", 1000)
    assert found == (ErrorCode.NONE, producer_id, epoch + 2)
    assert world.markers == [(producer_id, epoch + 1, False, frozenset([PARTITION]))]
    assert end(world, producer_id, epoch).error_code == ErrorCode.PRODUCER_FENCED
    assert world.coordinator.add("x", producer_id, epoch, partitions=[PARTITION]) == ErrorCode.PRODUCER_FENCED
    late = world.coordinator.init_producer_id("x", 1000, producer_id, epoch)
    assert late.error_code == ErrorCode.PRODUCER_FENCED


def test_a_transaction_that_is_open_too_long_is_aborted_with_a_higher_epoch(world: World) -> None:
    producer_id, epoch = begin(world, 1000)
    world.advance(999)
    assert world.state() is TransactionState.ONGOING
    world.advance(1)
    assert world.state() is TransactionState.COMPLETE_ABORT
    assert world.markers == [(producer_id, epoch + 1, False, frozenset([PARTITION]))]
    assert end(world, producer_id, epoch).error_code == ErrorCode.PRODUCER_FENCED


def test_timeouts_go_on_over_a_restart(world: World) -> None:
    begin(world, 1000)
    world.clock.advance(700)
    world.restart()
    world.advance(299)
    assert world.state() is TransactionState.ONGOING
    world.advance(1)
    assert world.state() is TransactionState.COMPLETE_ABORT


def test_a_clock_set_back_over_a_restart_keeps_no_transaction_open_longer(world: World) -> None:
    begin(world)
    world.clock.advance(-3_600_000)
    world.restart()
    assert [timer.at_ms - world.clock.time_ms() for timer in world.timers] == [1000]


def test_the_old_timer_does_not_end_the_next_transaction(world: World) -> None:
    producer = begin(world, 1000)
    world.clock.advance(900)
    end(world, *producer)
    world.coordinator.add("x", *producer, partitions=[PARTITION])
    world.advance(200)
    assert world.state() is TransactionState.ONGOING


@pytest.mark.parametrize("committed", [True, False])
def test_while_markers_are_written_others_wait(world: World, committed: bool) -> None:
    producer_id, epoch = begin(world)
    world.holds_markers = True
    assert end(world, producer_id, epoch, committed=committed).error_code == ErrorCode.NONE
    wait = ErrorCode.CONCURRENT_TRANSACTIONS
    assert world.coordinator.add("x", producer_id, epoch, partitions=[PARTITION]) == wait
    assert world.coordinator.init_producer_id("x", 1000).error_code == wait
    assert end(world, producer_id, epoch, committed=committed).error_code == wait
    assert end(world, producer_id, epoch, committed=not committed).error_code == ErrorCode.INVALID_TXN_STATE
    world.holds_markers = False
    world.restart()
    assert world.markers == [world.markers[0]] * 2
    assert world.coordinator.add("x", producer_id, epoch, partitions=[PARTITION]) == ErrorCode.NONE


@pytest.mark.parametrize("v2", [False, True])
def test_used_up_epochs_give_a_new_producer_id(world: World, v2: bool) -> None:
    producer_id, _ = begin(world)
    known = world.coordinator.find("x")
    assert known is not None
    known.producer_epoch = MAX_EPOCH - 1
    found = end(world, producer_id, MAX_EPOCH - 1, v2=v2)
    if v2:
        assert world.markers == [(producer_id, MAX_EPOCH, True, frozenset([PARTITION]))]
        assert found == (ErrorCode.NONE, producer_id + 1, 0)
        assert end(world, producer_id, MAX_EPOCH - 1, v2=True) == found
    else:
        assert found == (ErrorCode.NONE, producer_id, MAX_EPOCH - 1)
        assert world.coordinator.init_producer_id("x", 1000) == (ErrorCode.NONE, producer_id + 1, 0)


def test_a_producer_whose_id_followed_waits_for_the_markers_of_the_one_before(world: World) -> None:
    producer_id, _ = begin(world)
    known = world.coordinator.find("x")
    assert known is not None
    known.producer_epoch = MAX_EPOCH - 1
    world.holds_markers = True
    found = end(world, producer_id, MAX_EPOCH - 1, v2=True)
    assert found == (ErrorCode.NONE, producer_id + 1, 0)
    # It goes on at once with what it was told, although the markers of the id before are not durable yet.
    wait = ErrorCode.CONCURRENT_TRANSACTIONS
    following = (producer_id + 1, 0)
    assert world.coordinator.add("x", *following, partitions=[PARTITION]) == wait
    assert world.coordinator.verify("x", *following, partition=PARTITION) == wait
    assert end(world, *following, committed=False, v2=True).error_code == wait
    assert world.coordinator.init_producer_id("x", 1000, *following).error_code == wait
    assert world.coordinator.add("x", producer_id + 2, 0) == ErrorCode.INVALID_PRODUCER_ID_MAPPING
    world.held.pop()()
    assert world.coordinator.add("x", *following, partitions=[PARTITION]) == ErrorCode.NONE


def test_a_producer_goes_on_with_the_next_epoch_and_a_repeated_request_gets_the_same(world: World) -> None:
    found = world.coordinator.init_producer_id("x", 1000)
    again = world.coordinator.init_producer_id("x", 1000, found.producer_id, found.producer_epoch)
    assert again == (ErrorCode.NONE, found.producer_id, found.producer_epoch + 1)
    assert world.coordinator.init_producer_id("x", 1000, found.producer_id, found.producer_epoch) == again
    other = world.coordinator.init_producer_id("x", 1000, found.producer_id + 7, 0)
    assert other.error_code == ErrorCode.PRODUCER_FENCED


def test_what_cannot_be_journalled_has_not_happened(world: World) -> None:
    producer_id, epoch = begin(world)
    world.fails_after = 0
    with pytest.raises(StorageError):
        end(world, producer_id, epoch)
    assert world.state() is TransactionState.ONGOING
    assert world.markers == []
    # The decision fits, its completion does not: it is tried again.
    world.fails_after = 1
    assert end(world, producer_id, epoch).error_code == ErrorCode.NONE
    assert world.state() is TransactionState.PREPARE_COMMIT
    world.fails_after = None
    world.advance(1000)
    assert world.state() is TransactionState.COMPLETE_COMMIT


@pytest.mark.parametrize(("timeout_ms", "name"), [(0, "x"), (900_001, "x"), (1000, "")])
def test_timeouts_and_ids_out_of_bounds_are_refused(world: World, timeout_ms: int, name: str) -> None:
    error = world.coordinator.init_producer_id(name, timeout_ms).error_code
    assert error == (ErrorCode.INVALID_TRANSACTION_TIMEOUT if name else ErrorCode.INVALID_REQUEST)


def test_an_unused_id_is_forgotten_and_an_open_one_kept(world: World) -> None:
    producer = begin(world, 900_000)
    world.clock.advance(10_001)
    assert world.coordinator.expire() == 0
    end(world, *producer)
    world.clock.advance(10_001)
    assert world.coordinator.expire() == 1
    world.restart()
    assert world.coordinator.all() == []
    assert end(world, *producer).error_code == ErrorCode.INVALID_PRODUCER_ID_MAPPING
    # A producer that wants to go on with what it had begins anew.
    again = world.coordinator.init_producer_id("x", 1000, *producer)
    assert (again.error_code, again.producer_epoch) == (ErrorCode.NONE, 0)
    assert again.producer_id != producer[0]


def test_only_what_was_added_may_be_written(world: World) -> None:
    producer = begin(world)
    verify = world.coordinator.verify
    assert verify("x", *producer, partition=PARTITION) == ErrorCode.NONE
    assert verify("x", *producer, partition=("t", 1)) == ErrorCode.INVALID_TXN_STATE
    assert verify("x", *producer, group="g") == ErrorCode.INVALID_TXN_STATE
    end(world, *producer)
    assert verify("x", *producer, partition=PARTITION) == ErrorCode.INVALID_TXN_STATE
