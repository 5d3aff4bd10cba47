"""A pool makes no more than it may, spreads its users evenly, and closes what nobody uses."""

from __future__ import annotations

from threading import Event, Thread

import pytest

from kappaflow.client.pool import Pool


class Thing:
    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


def test_users_are_spread_evenly_also_while_things_are_being_made() -> None:
    pool: Pool[Thing] = Pool(3)
    goes_on = Event()
    taken: list[Thing] = []

    def make() -> Thing:
        assert goes_on.wait(10)
        return Thing()

    threads = [Thread(target=lambda: taken.append(pool.take(make))) for _ in range(9)]
    for thread in threads:
        thread.start()
    goes_on.set()
    for thread in threads:
        thread.join(10)
    assert sorted(taken.count(thing) for thing in set(taken)) == [3, 3, 3]
    assert (len(pool), pool.sharers) == (3, 6)
    for thing in taken:
        assert not thing.closed
        pool.give_back(thing)
    assert all(thing.closed for thing in taken)
    assert not pool and pool.sharers == 0


def test_those_who_want_one_alone_get_none_where_there_are_enough() -> None:
    pool: Pool[Thing] = Pool(2)
    first, second = pool.take_own(Thing), pool.take_own(Thing)
    assert first is not None and second is not None and pool.take_own(Thing) is None
    pool.give_back(first)
    assert first.closed and pool.take_own(Thing) is not None


def test_what_cannot_be_made_takes_no_place() -> None:
    pool: Pool[Thing] = Pool(1)

    def fail() -> Thing:
        raise OSError("no broker")

    for take in (pool.take, pool.take_own):
        with pytest.raises(OSError, match="no broker"):
            take(fail)
    assert not pool and pool.take(Thing) is pool.take(fail)
