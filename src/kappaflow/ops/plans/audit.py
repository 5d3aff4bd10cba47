"""Who changed what: one JSON line an event, each with the hash of the line before it.

A line that was changed, taken out or put between breaks the chain from there on; `AuditLog.verify` says where. That the
end was cut off shows only against a copy of the last hash: send the lines elsewhere too where that matters.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from kappaflow.errors import PlanError
from kappaflow.ops.contexts.context_file import home_directory
from kappaflow.ops.plans import texts as _texts
from kappaflow.runtime.clock import Clock, SystemClock
from kappaflow.runtime.messages import message

assert _texts

FILE_NAME = "audit.jsonl"
FIRST_HASH = "0" * 64
_TAIL_BYTES = 1 << 20


class ChainBreak(NamedTuple):
    """Where a log does not fit together: the line, from 1, and what is wrong with it."""

    line: int
    reason: str


class AuditLog:
    """The log of one kappa home."""

    def __init__(self, path: Path | None = None, clock: Clock | None = None) -> None:
        """Open the log; it is made at the first event.

        Args:
            path: the file; ``audit.jsonl`` in the home directory by default.
            clock: the time of events.
        """
        self.path = path or home_directory() / FILE_NAME
        self._clock = clock or SystemClock()

    def append(self, event: str, details: Mapping[str, Any]) -> None:
        """Add an event; durable when this returns.

        Args:
            event: such as ``plan.applied``.
            details: JSON values without secrets.

        Raises:
            PlanError: the log cannot be written; nothing should be changed then.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                end = file.seek(0, os.SEEK_END)
                file.seek(max(0, end - _TAIL_BYTES))
                tail = file.read()
                if tail and not tail.endswith(b"\n"):
                    # A crash in the middle of a line: it says nothing that was promised to anybody.
                    whole = tail.rfind(b"\n") + 1
                    end -= len(tail) - whole
                    file.truncate(end)
                    tail = tail[:whole]
                file.seek(end)
                file.write(self._line(event, details, _last_hash(tail)))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise PlanError(message("plans.audit_unwritable", path=self.path, error=error)) from error

    def _line(self, event: str, details: Mapping[str, Any], previous: str) -> bytes:
        at = datetime.fromtimestamp(self._clock.time_ms() / 1000, UTC).isoformat(timespec="milliseconds")
        row: dict[str, Any] = {
            "at": at,
            "user": _user(),
            "host": socket.gethostname(),
            "event": event,
            "details": dict(details),
            "previous": previous,
        }
        return json.dumps(row | {"hash": _hash(row)}, ensure_ascii=False).encode() + b"\n"

    def events(self) -> list[dict[str, Any]]:
        """All events, oldest first."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines() if line]

    def verify(self) -> ChainBreak | None:
        """The first place where the chain is broken; None where it is whole."""
        if not self.path.exists():
            return None
        previous = FIRST_HASH
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                row = json.loads(line)
                told = row.pop("hash")
            except (ValueError, KeyError, AttributeError):
                return ChainBreak(number, "not an event")
            if row.get("previous") != previous:
                return ChainBreak(number, "a line before it is missing or was changed")
            if _hash(row) != told:
                return ChainBreak(number, "it was changed")
            previous = told
        return None


def _last_hash(tail: bytes) -> str:
    lines = tail.splitlines()
    return json.loads(lines[-1])["hash"] if lines else FIRST_HASH


def _hash(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(row, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
