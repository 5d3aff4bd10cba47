"""A described program and the records to run it on."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from kappaflow.streams.execution.row_task import RawRecord


@dataclass(frozen=True, slots=True)
class Program:
    """One differential test.

    Attributes:
        ops: calls in order; each has ``id``, ``op``, ``in`` (ids) and its parameters.
        records: what to pipe in, in order.
        outputs: the topics to compare.
        optimize: the optimisations of the topology; empty is none.
        ticks: positions of records before which the clock on the wall goes on, and by how many milliseconds.
        commit_every: results wait for a commit, which comes after so many records; 0 lets nothing wait.
        cache_bytes: how much may wait; 0 lets everything wait.
    """

    ops: tuple[dict[str, Any], ...]
    records: tuple[RawRecord, ...]
    outputs: tuple[str, ...]
    optimize: str = ""
    commit_every: int = 0
    ticks: tuple[tuple[int, int], ...] = ()
    cache_bytes: int = 0

    def to_json(self) -> str:
        """Return the document for the Java program, in one line."""
        rows = [
            [r.topic, _text(r.key), _text(r.value), r.timestamp, [[k, _text(v)] for k, v in r.headers]]
            for r in self.records
        ]
        document = {"ops": self.ops, "records": rows, "outputs": self.outputs}
        given = {
            "optimize": self.optimize,
            "commit_every": self.commit_every,
            "ticks": self.ticks,
            "cache_bytes": self.cache_bytes,
        }
        return json.dumps(document | {name: value for name, value in given.items() if value})


@dataclass(frozen=True, slots=True)
class Trace:
    """What Kafka Streams said to a program.

    Attributes:
        description: of the topology.
        outputs: records by topic.
        stores: keys, values as text, and times (-1 where the store keeps none) of stores of keys and values, by name.
        versions: of versioned stores by name: key, a time, and value and beginning of what was valid then.
        error: why it did not run; empty when it did.
    """

    description: str
    outputs: dict[str, list[RawRecord]]
    stores: dict[str, list[list[Any]]]
    versions: dict[str, list[list[Any]]]
    error: str


def read_trace(line: str) -> Trace:
    """Read what the Java program printed for a program."""
    document = json.loads(line)
    outputs = {
        topic: [
            RawRecord(topic, _bytes(key), _bytes(value), timestamp, tuple((k, _bytes(v)) for k, v in headers))
            for key, value, timestamp, headers in rows
        ]
        for topic, rows in document.get("outputs", {}).items()
    }
    stores, versions = document.get("stores", {}), document.get("versions", {})
    return Trace(document.get("describe", ""), outputs, stores, versions, document.get("error", ""))


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
