"""A described topology and the records to run it on."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from kappaflow.streams.execution.row_task import RawRecord

Trace = dict[str, list[RawRecord]]


@dataclass(frozen=True, slots=True)
class Case:
    """One differential test.

    Attributes:
        application: the application id.
        nodes: operators in order; each has ``id``, ``op``, ``parents`` and its parameters.
        records: what to pipe in, in order.
        outputs: the topics to compare.
        settings: Kafka Streams settings of the Java side; intervals among them hold for both.
    """

    application: str
    nodes: tuple[dict[str, Any], ...]
    records: tuple[RawRecord, ...]
    outputs: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict[str, str])

    def interval(self, name: str) -> int:
        """Return a wall-clock throttle in milliseconds."""
        return int(self.settings.get(name, "1000"))

    def to_json(self) -> str:
        """Return the document for the Java program, in one line."""
        return json.dumps(
            {
                "application": self.application,
                "nodes": self.nodes,
                "records": [
                    [r.topic, _text(r.key), _text(r.value), r.timestamp, [[k, _text(v)] for k, v in r.headers]]
                    for r in self.records
                ],
                "outputs": self.outputs,
                "settings": self.settings,
            }
        )


def read_trace(line: str) -> Trace:
    """Read what the Java program printed for a case."""
    return {
        topic: [
            RawRecord(topic, _bytes(key), _bytes(value), timestamp, tuple((k, _bytes(v)) for k, v in headers))
            for key, value, timestamp, headers in rows
        ]
        for topic, rows in json.loads(line).items()
    }


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
