"""Faults of results that wait for commits: each must be seen by the differential against Kafka Streams."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kappaflow.streams.processors import result_cache, session
from kappaflow.streams.record import Record
from kappaflow.testing.described_streams.planted_faults import Patch, Plant

ResultCache = result_cache.ResultCache
Hold = Callable[..., None]


def _holding(change: Callable[[Hold], Hold]) -> Plant:
    return lambda patch: patch.setattr(ResultCache, "hold", change(ResultCache.hold))


def _first_updates(right: Hold) -> Hold:
    def hold(self: Any, key: bytes, *arguments: Any, **named: Any) -> None:
        order = list(self._held)
        right(self, key, *arguments, **named)
        if key in order:
            self._held = {each: self._held[each] for each in order}

    return hold


def _last_before(right: Hold) -> Hold:
    def hold(self: Any, key: bytes, *arguments: Any, **named: Any) -> None:
        known = self._held.get(key)
        if known is not None:
            known.before = arguments[1]
        right(self, key, *arguments, **named)

    return hold


def _never_was(right: Hold) -> Hold:
    def hold(self: Any, key: bytes, record: Record, before: Any, *arguments: Any, **named: Any) -> None:
        right(self, key, record, "" if before is None else before, *arguments, **named)

    return hold


def _forgets_the_place(patch: Patch) -> None:
    right = ResultCache.release

    def release(self: Any, forward: Callable[[Record], None]) -> None:
        for each in self._held.values():
            each.source = None
        right(self, forward)

    patch.setattr(ResultCache, "release", release)


def _shows_no_cache(patch: Patch) -> None:
    patch.setattr(result_cache.CachingProcessor, "is_cached", lambda *_: False)


CACHING_FAULTS: dict[str, Plant] = {
    "results go on in the order of first updates": _holding(_first_updates),
    "old values are those before the last update": _holding(_last_before),
    "keys that never were are deleted": _holding(_never_was),
    "what waited stands where the last record stood": _forgets_the_place,
    "what is cached is shown as old as it is in the store": _shows_no_cache,
    "nothing waits": lambda patch: patch.setattr(result_cache.CachingProcessor, "hold_back", lambda *_, **__: None),
    "sessions wait without headers": lambda patch: patch.setattr(
        session.SessionAggregateProcessor,
        "_send",
        lambda self, record, window, change, before: self.send(
            self.write_key(window), Record(window, change, window.end), before
        ),
    ),
}
