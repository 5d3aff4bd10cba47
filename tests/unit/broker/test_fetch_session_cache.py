"""Which sessions make room for others."""

from __future__ import annotations

from kappaflow.broker.fetch_sessions import FetchSessionCache
from kappaflow.runtime.clock import ManualClock
from kappaflow.wire.message import Message


def topics(count: int) -> list[Message]:
    return [Message(topic="t", partitions=[Message(partition=index) for index in range(count)])]


def test_a_full_cache_gives_no_session_while_all_are_fresh() -> None:
    cache = FetchSessionCache(ManualClock(0), max_sessions=2, eviction_ms=100)
    assert cache.create(topics(1), by_id=False)
    assert cache.create(topics(1), by_id=False)
    assert cache.create(topics(9), by_id=False) is None


def test_an_idle_session_makes_room() -> None:
    clock = ManualClock(0)
    cache = FetchSessionCache(clock, max_sessions=1, eviction_ms=100)
    first = cache.create(topics(9), by_id=False)
    clock.advance(101)
    assert cache.create(topics(1), by_id=False)
    assert first is not None
    assert len(cache) == 1


def test_a_busy_old_session_makes_room_for_a_larger_one_only() -> None:
    clock = ManualClock(0)
    cache = FetchSessionCache(clock, max_sessions=1, eviction_ms=100)
    first = cache.create(topics(2), by_id=False)
    assert first is not None
    clock.advance(101)
    cache.go_on(Message(session_id=first.session_id, session_epoch=1, topics=[], forgotten_topics_data=[]), by_id=False)
    assert cache.create(topics(2), by_id=False) is None
    assert cache.create(topics(3), by_id=False)


def test_a_fetch_of_nothing_gets_no_session() -> None:
    assert FetchSessionCache(ManualClock(0)).create([], by_id=False) is None
