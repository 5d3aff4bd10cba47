"""The user logic of described programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kappaflow.streams.dsl.processor_api import STREAM_TIME, Processor, ProcessorContext
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
            context.schedule(self._op["interval"], STREAM_TIME, self._tell)

    def _tell(self, now: int) -> None:
        for key, value in list(self._store.all()):
            self.context.forward(Record(key, cap("all" + value), now))

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
        self._sessions.put(Windowed(key, max(0, at - 3), at), value)
        near += [f"{s.start}-{s.end}={each}" for s, each in self._sessions.find_sessions(key, at - 20, at + 5)]
        if value is not None:
            self._few.put(key, value)
        near += [shown(self._few.get("a")), *(f"{each}={kept}" for each, kept in self._few.all())]
        self.context.forward(record.with_value("|".join(near)))


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
