"""The user logic of described programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.streams.dsl.processor_api import STREAM_TIME, WALL_CLOCK_TIME, Processor, ProcessorContext
from kappaflow.streams.record import Record, Windowed

Op = Mapping[str, Any]
LONGEST = 24


def cap(text: str) -> str:
    """Return the end of a text, so that values do not grow without bound."""
    return text[-LONGEST:]


def shown(text: Any) -> str:
    """Return a text for a value that may be missing."""
    return "-" if text is None else str(text)


def key_text(key: Any) -> Any:
    """Return the text of a key; windowed ones with their bounds."""
    return f"{key.key}@{key.start}-{key.end}" if isinstance(key, Windowed) else key


def keeps(op: Op, value: str | None) -> bool:
    """Keep values whose length is no multiple."""
    return bool(op.get("nulls", False)) if value is None else len(value) % op["mod"] != 0


def add(op: Op, value: str | None) -> str | None:
    """Put something behind a value."""
    return None if value is None else cap(value + op["add"])


def group(op: Op, value: str | None) -> str | None:
    """Return a key made of a value's length."""
    if value is None:
        return None if op.get("nulls", False) else "kn"
    remainder = len(value) % op["mod"]
    return None if remainder == 0 and op.get("nulls", False) else f"k{remainder}"


def join(left: Any, right: Any) -> str:
    """Put two values side by side."""
    return cap(f"{shown(left)}+{shown(right)}")


def fold(value: Any, aggregate: str) -> str:
    """Put a value behind an aggregate."""
    return cap(aggregate + shown(value))


class Remembering(Processor):
    """Forwards each record with what came before it under its key, and all that it knows once an interval."""

    def __init__(self, op: Op) -> None:
        self._op = op

    def init(self, context: ProcessorContext) -> None:
        """Take the store and schedule."""
        super().init(context)
        self._store = context.get_state_store(self._op["store"])
        if self._op.get("interval", 0):
            kind = WALL_CLOCK_TIME if self._op.get("wall") else STREAM_TIME
            self._left = self._op.get("times", -1)
            self._scheduled = context.schedule(self._op["interval"], kind, self._tell)

    def _tell(self, now: int) -> None:
        for key, value in list(self._store.all()):
            self.context.forward(Record(key, cap("all" + value), now))
        self.context.forward(Record("near", self._near(), now))
        self._left -= 1
        if self._left == 0:
            self._scheduled.cancel()

    def _near(self) -> str:
        """The keys of parts of the store, forwards and backwards."""
        store = self._store
        found = [key for key, _ in store.range("a", "k0")]
        found += [f"<{key}" for key, _ in store.range("b", "k1", backward=True)]
        found += [f"-{key}" for key, _ in store.all(backward=True)]
        found += [f"*{key}" for key, _ in store.prefix_scan("k")]
        return "".join(found)

    def process(self, record: Record) -> None:
        """Remember and forward."""
        if record.key is None or record.value is None:
            self.context.forward(record.with_key("none"))
            return
        before = self._store.get(record.key)
        self._store.put(record.key, record.value)
        changed = record.with_key(record.key + "!")
        changed.value = cap(shown(before) + record.value)
        self.context.forward(changed)


class Windowing(Processor):
    """Keeps each record in a store of windows, one of sessions and one of few keys, and tells what is near."""

    def __init__(self, op: Op) -> None:
        self._op = op

    def init(self, context: ProcessorContext) -> None:
        """Take the stores."""
        super().init(context)
        self._windows, self._sessions, self._few = (
            context.get_state_store(self._op["store"] + suffix) for suffix in ("-w", "-s", "-l")
        )

    def process(self, record: Record) -> None:
        """Keep and forward."""
        if record.key is None:
            return
        key, value, at = record.key, record.value, record.timestamp
        self._windows.put(key, value, at // 5 * 5)
        near = [f"{start}={each}" for start, each in self._windows.fetch_range(key, at - 20, at + 5)]
        near += [f"{w.key}{w.start}={each}" for w, each in self._windows.fetch_all(at - 9, at)]
        near += [f"<{start}" for start, _ in self._windows.fetch_range(key, at - 20, at + 5, backward=True)]
        near += [f"{w.key}-{w.start}" for w, _ in self._windows.fetch_keys("a", "k0", at - 9, at)]
        near += [f"{w.key}<{w.start}" for w, _ in self._windows.fetch_keys("b", "k1", at - 9, at, backward=True)]
        near += [f"{w.key}<<{w.start}" for w, _ in self._windows.all(backward=True)]
        self._sessions.put(Windowed(key, max(0, at - 3), at), value)
        near += [f"{s.start}-{s.end}={each}" for s, each in self._sessions.find_sessions(key, at - 20, at + 5)]
        near += [f"<{s.end}" for s, _ in self._sessions.find_sessions(key, at - 20, at + 5, backward=True)]
        near += [f"{s.key}~{s.end}" for s, _ in self._sessions.find_sessions_of_keys("a", "k0", at - 20, at + 5)]
        near += [f"<<{s.end}" for s, _ in self._sessions.fetch(key, backward=True)]
        if value is not None:
            self._few.put(key, value)
        near += [shown(self._few.get("a")), *(f"{each}={kept}" for each, kept in self._few.all())]
        self.context.forward(record.with_value("|".join(near)))


class Filling(Processor):
    """Keeps what a topic has in a global store, with a mark."""

    def __init__(self, own: str) -> None:
        self._own = own

    def process(self, record: Record) -> None:
        """Keep."""
        value = None if record.value is None else cap(record.value + "!")
        self.context.get_state_store(self._own).put(record.key, value)


class Looking(Processor):
    """Looks what each record refers to up in a global store."""

    def __init__(self, op: Op, looked: str) -> None:
        self._op, self._looked = op, looked

    def process(self, record: Record) -> None:
        """Look up and forward."""
        key = group(self._op, record.value)
        found = None if key is None else self.context.get_state_store(self._looked).get(key)
        self.context.forward(record.with_value(join(record.value, found)))


class Transforming:
    """Puts the key before a value, and says something of deletions too if it is to."""

    def __init__(self, op: Op) -> None:
        self._op = op

    def transform(self, key: Any, value: str | None) -> str | None:
        """Return the new value."""
        if value is None:
            return "gone" if self._op.get("nulls", False) else None
        return cap(shown(key_text(key)) + value)


class Versioning(Processor):
    """Puts each record into a versioned store and tells what that did, and what was valid some time before."""

    def __init__(self, op: Op) -> None:
        self._op = op

    def process(self, record: Record) -> None:
        """Put and forward."""
        if record.key is None:
            return
        store = self.context.get_state_store(self._op["store"])
        if record.value is None:
            did = _told(store.delete(record.key, record.timestamp))
        else:
            valid_to = store.put(record.key, record.value, record.timestamp)
            did = "no" if valid_to is None else str(valid_to)
        before = _told(store.get(record.key, record.timestamp - self._op["back"]))
        self.context.forward(record.with_value(f"{did}|{before}|{_told(store.get(record.key))}"))


def _told(version: Any) -> str:
    return "-" if version is None else f"{version.value}:{version.timestamp}"


class Numbering(Processor):
    """Numbers the records of each key."""

    def __init__(self, op: Op) -> None:
        self._op = op

    def process(self, record: Record) -> None:
        """Count and forward."""
        if record.key is None:
            return
        store = self.context.get_state_store(self._op["store"])
        number = int(store.get(record.key) or 0) + 1
        store.put(record.key, str(number))
        self.context.forward(record.with_value(cap(shown(record.value) + str(number))))
