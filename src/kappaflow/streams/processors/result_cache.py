"""Results held back until a commit: the record cache of Kafka Streams.

    put, put, put ─▶ the store, at once      commit ─▶ one change a key, from what the last commit left to what is now

Where its size is bounded, an entry that has to go and waits takes all that waits of its store with it.

Whoever looks a row up sees every change; only what is forwarded waits.  Where several operators put into one store,
what waits is in the order of all their puts, and goes on behind the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kappaflow.state import Stored
from kappaflow.streams.processors.base import NO_TIME, Processor, RowStore, TaskContext
from kappaflow.streams.processors.cache_entries import CacheEntries
from kappaflow.streams.record import Change, Headers, Record
from kappaflow.streams.topology.nodes import StoreSpec

Visited = TypeVar("Visited", bound=tuple[Any, ...])
KEYS_MAX = 100_000
"""So many keys are remembered as shown by a cache, as far as that is not told by their times."""


@dataclass(slots=True)
class _Held:
    record: Record
    before: Any
    put_time: int
    sends_old: bool
    source: Record | None


class ResultCache:
    """The last result of each key, in the order of the last updates.

    Args:
        owner: forwards them.
        spec: of the store.
        retention_ms: how long the store shows windows.

    Attributes:
        skipped: the keys that were not there and are not there after the last commit.
        owner: the last operator that was made of those that put into the store.
        forwards: changes are forwarded at commits; results that are emitted when their window closes are not, but the
            store below shows them at commits, too.
        newest: the greatest time of windows that the store below is to be told of.
        remembers: which keys were put, also before commits: a cache shows them, however old they are.
    """

    def __init__(self, owner: Processor, spec: StoreSpec, retention_ms: int) -> None:
        self.owner = owner
        self.spec = spec
        self.retention_ms = retention_ms
        self.skipped = set[bytes]()
        self.forwards = True
        self.newest = NO_TIME
        self.remembers = False
        self._held: dict[bytes, _Held] = {}
        self._shown: dict[bytes, None] = {}
        self._unseen: dict[bytes, None] = {}  # put since the last commit, where nothing of it is forwarded
        budget = owner.context.cache_budget
        self.entries = None if budget is None else CacheEntries(spec, budget, self._leaves)

    def __contains__(self, key: bytes) -> bool:
        return key in (self._shown if self.entries is None else self.entries)

    def note(self, key: bytes, headers: Headers = ()) -> None:
        """Keep that a key was put, by a record with headers."""
        if self.entries is not None:
            context = self.owner.context
            if not self.forwards:
                self._unseen.pop(key, None)
                self._unseen[key] = None
            self.entries.put(key, context.source, headers)
        elif self.remembers:
            self._shown.pop(key, None)
            self._shown[key] = None
            if len(self._shown) > KEYS_MAX:
                del self._shown[next(iter(self._shown))]

    def hold(self, key: bytes, record: Record, before: Any, put_time: int | None = None, *, sends_old: bool) -> None:
        """Keep a change.

        Args:
            before: what the store had before; what it had before the first change since the last commit counts.
            put_time: of a deletion; None is that of the record.
            sends_old: old values are forwarded.
        """
        known = self._held.pop(key, None)
        if known is not None:
            before = known.before
        time_ms = record.timestamp if put_time is None else put_time
        self._held[key] = _Held(record, before, time_ms, sends_old, self.owner.context.source)
        self.note(key, record.headers)

    def _leaves(self, key: bytes) -> None:
        """An entry has to go: where it waits, it is forwarded first, and then all that waits of the store."""
        first = self._held.pop(key, None)
        if first is not None:
            self._held = {key: first, **self._held}
            self._release(self.owner.forward)
        elif key in self._unseen:  # the store below takes all, and shows by the newest of them
            del self._unseen[key]
            context = self.owner.context
            for each in (key, *self._unseen):
                if context.on_flushed is not None:
                    context.on_flushed(self.spec, each, True)
            self._release(self.owner.forward)

    def release(self, forward: Callable[[Record], None]) -> None:
        """Forward and forget all changes; a key that was not there and is not there now changed nothing.

        The store below takes the changes one after the other, so what it shows of old windows depends on the ones
        before.  What is forwarded stands where the last record of its key stood.
        """
        if self.entries is None:
            self._release(forward)
            return
        size = self.entries.size_bytes
        self._release(forward)
        self.entries.settle(size)

    def _release(self, forward: Callable[[Record], None]) -> None:
        context, held, self._held, self.skipped = self.owner.context, self._held, {}, set[bytes]()
        source, name = context.source, self.spec.name
        newest = context.newest.get(name, NO_TIME)
        deleted: list[bytes] = []
        self._unseen.clear()
        for key, each in held.items():
            change, window, before = each.record.value, each.record.key, each.before
            if self.remembers:
                at = window.end if self.spec.window is not None and self.spec.window.size_ms is None else window.start
                if newest != NO_TIME and at <= newest - self.retention_ms:
                    before = None
                if change.new is not None or before is not None:
                    newest = max(newest, at)
            if change.new is None:
                if self.entries is not None:
                    deleted.append(key)
                if before is None:
                    self.skipped.add(key)
                    if context.on_flushed is not None:
                        context.on_flushed(self.spec, key, False)
                    continue
                each.record.timestamp = each.put_time
            if context.on_flushed is not None:
                context.on_flushed(self.spec, key, True)
            each.record.value = Change(change.new, before if each.sends_old else None)
            context.source = each.source
            forward(each.record)
        context.source = source
        for key in deleted:
            if key not in self._held and self.entries is not None:
                self.entries.forget(key)
        if self.remembers:
            context.newest[name] = max(newest, self.newest if not self.forwards else NO_TIME)


def holds_back(context: TaskContext, spec: StoreSpec) -> bool:
    """Tell whether what is put into a store is forwarded at commits; versions are forwarded at once."""
    return context.caching and spec.caching and spec.history_ms is None


def waiting_in(context: TaskContext, spec: StoreSpec) -> ResultCache | None:
    """Return what waits for a commit before it is in a store; None where nothing does."""
    return context.shared.get(f"cache:{spec.name}")


def table_holds_back(context: TaskContext, spec: StoreSpec | None) -> bool:
    """Tell the same of the store of a table; those of SQL, which keep rows of columns, forward every change."""
    return spec is not None and spec.objects is not None and holds_back(context, spec)


class CachingProcessor(Processor):
    """An operator that keeps its results in a store, and forwards them at once or at commits.

    Attributes:
        cache: what waits for a commit; None where nothing does.
    """

    cache: ResultCache | None = None

    def hold_back(self, spec: StoreSpec, *, forwards: bool = True, retention_ms: int | None = None) -> None:
        """Let results wait for commits; see `ResultCache`."""
        retention = spec.retention_ms or retention_ms or 0
        cache: ResultCache = self.context.shared.setdefault(f"cache:{spec.name}", ResultCache(self, spec, retention))
        cache.owner, cache.forwards, cache.remembers = self, forwards, retention > 0
        self.cache = cache

    def is_cached(self, key: bytes) -> bool:
        """Tell whether a cache shows a key, however old it is."""
        return self.cache is not None and key in self.cache

    def row_before(self, store: RowStore, key: bytes, *, reads: bool) -> Stored | None:
        """Return the row that a change replaces, None where nobody asks for it.

        Args:
            reads: whether the operator reads it; otherwise only what is below a cache does, and no entry is made of it.
        """
        entries = None if self.cache is None else self.cache.entries
        if entries is not None and not reads:
            with entries.passed():
                return store.get(key)
        return store.get(key) if reads or self.cache is not None else None

    def scanned(self, low: bytes, high: bytes) -> None:
        """A scan of the store went through all that lies in [low, high]; see `visited` for scans that may end early."""
        if self.cache is not None and (entries := self.cache.entries) is not None:
            for key in entries.between(low, high):
                entries.touch(key)

    def visited(self, rows: Sequence[Visited], low: bytes, high: bytes, *, backward: bool = False) -> Iterator[Visited]:
        """Yield rows as a scan of the store does that may end early: a bounded cache counts what it comes to as used.

        Kafka Streams looks at the next entry of the cache before it gives a row, be it of the cache or below it, and
        passes those of deleted rows.

        Args:
            rows: what the scan gives, with keys first.
            low, high: bounds of the scan, both included.

        Source: ``AbstractMergedSortedCacheStoreIterator`` and ``ThreadCache.MemoryLRUCacheBytesIterator``
        """
        entries = None if self.cache is None else self.cache.entries
        if entries is None:
            yield from reversed(rows) if backward else rows
            return
        keys = entries.between(low, high)
        there = {row[0] for row in rows}
        if backward:
            keys.reverse()
        at, ahead = 0, -1
        for row in reversed(rows) if backward else rows:
            while at < len(keys) and ahead < at:
                entries.touch(keys[at])
                if keys[at] not in there:
                    at += 1
                elif keys[at] in entries:
                    ahead = at
                else:
                    entries.left_under_scans += 1
                    at += 1
            yield row
            if at < len(keys) and keys[at] == row[0]:
                at += 1
        for key in keys[max(at, ahead + 1) :]:
            entries.touch(key)

    def newest_in(self, spec: StoreSpec) -> int:
        """Return the greatest time in a store of windows as of the last commit; without a cache, as of now."""
        return self.context.newest.get(spec.name, NO_TIME)

    def has_put(self, spec: StoreSpec, time_ms: int) -> None:
        """Tell that a window of a time was put, by which the store counts how long it shows windows."""
        if self.cache is None:
            self.context.newest[spec.name] = max(self.newest_in(spec), time_ms)
        else:
            self.cache.newest = max(self.cache.newest, time_ms)

    def send(
        self, key: bytes, record: Record, before: Any, put_time: int | None = None, *, sends_old: bool = True
    ) -> None:
        """Forward a change, now or at the next commit; see `ResultCache.hold`."""
        if self.cache is None:
            self.forward(record)
        else:
            self.cache.hold(key, record, before, put_time, sends_old=sends_old)

    def flush_cache(self) -> None:
        """Forward the last change of each key since the last commit."""
        if self.cache is not None and self.cache.owner is self:
            self.cache.release(self.forward)
