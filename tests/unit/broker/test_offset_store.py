"""Committed offsets and those that transactions hold back, and their journal."""

from __future__ import annotations

from typing import Any

import pytest

from kappaflow.broker.coordinators.offset_store import CommittedOffset, OffsetStore

KEY = ("t", 0)
FIRST, SECOND = 1, 2
"""Producers."""


class Kept:
    """A store, its journal, and the stores that a restart makes of it."""

    def __init__(self) -> None:
        self.journal: list[dict[str, Any]] = []
        self.store = OffsetStore(self.journal.append)

    def replayed(self, entries: list[dict[str, Any]]) -> OffsetStore:
        again = OffsetStore(lambda _: None)
        for entry in entries:
            again.replay(entry)
        return again

    def all(self) -> list[OffsetStore]:
        return [self.store, self.replayed(self.journal), self.replayed(self.store.snapshot())]

    def hold_back(self, producer: int, offset: int) -> None:
        self.store.add_pending("g", producer, [(KEY, at(offset))])

    def commit(self, offset: int) -> None:
        self.store.commit("g", [(KEY, at(offset))])


def at(offset: int) -> CommittedOffset:
    return CommittedOffset(offset, -1, "", 1000)


@pytest.mark.parametrize("committed", [True, False])
def test_what_was_committed_after_it_outlasts_a_transaction(committed: bool) -> None:
    kept = Kept()
    kept.hold_back(FIRST, 8)
    kept.commit(20)
    for store in kept.all():
        store.end_transaction("g", FIRST, committed=committed)
        assert store.of_group("g") == {KEY: at(20)}


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_of_two_transactions_the_one_that_committed_later_offsets_counts(order: tuple[int, int]) -> None:
    kept = Kept()
    kept.commit(1)
    kept.hold_back(FIRST, 5)
    kept.hold_back(SECOND, 7)
    for store in kept.all():
        for producer in order:
            store.end_transaction("g", producer, committed=True)
        assert store.of_group("g") == {KEY: at(7)}


def test_a_group_or_topic_that_goes_takes_what_is_held_back_along() -> None:
    for forget in (
        lambda store: store.delete_group("g"),
        lambda store: store.delete_topic("t"),
        lambda store: store.delete("g", [KEY]),
    ):
        kept = Kept()
        kept.hold_back(FIRST, 5)
        forget(kept.store)
        for store in kept.all():
            assert store.pending("g") == set()
            store.end_transaction("g", FIRST, committed=True)
            assert not store.of_group("g")


def test_rows_of_earlier_versions_come_in_the_order_of_the_journal() -> None:
    rows = {"group": "g", "offsets": [["t", 0, 5, -1, "", 1000]]}
    later = {"group": "g", "offsets": [["t", 0, 6, -1, "", 1000]]}
    kept = Kept()
    store = kept.replayed(
        [{"type": "offsets_pending", "producer_id": FIRST, **rows}, {"type": "offsets_committed", **later}]
    )
    store.end_transaction("g", FIRST, committed=True)
    assert store.of_group("g") == {KEY: at(6)}
    store.add_pending("g", FIRST, [(KEY, at(7))])
    store.end_transaction("g", FIRST, committed=True)
    assert store.of_group("g") == {KEY: at(7)}
