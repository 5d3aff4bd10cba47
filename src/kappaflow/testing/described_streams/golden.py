"""Programs that failed once, made small, with what Kafka Streams said to them, as files."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing.described_streams.program import Program, Trace, read_trace


@dataclass(frozen=True, slots=True)
class GoldenProgram:
    """A program that failed.

    Attributes:
        seed: it was made of.
        what: was wrong.
        trace: what Kafka Streams said to it.
    """

    seed: int
    what: str
    program: Program
    trace: Trace


def write_golden(folder: Path, seed: int, what: str, program: Program, trace_line: str) -> Path:
    """Write a file, named by the seed, and return its path."""
    document = {"seed": seed, "what": what, "program": json.loads(program.to_json()), "trace": json.loads(trace_line)}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"seed-{seed}.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_golden(path: Path) -> GoldenProgram:
    """Read a file."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    given = document["program"]
    records = tuple(
        RawRecord(topic, _bytes(key), _bytes(value), timestamp, tuple((name, _bytes(data)) for name, data in headers))
        for topic, key, value, timestamp, headers in given["records"]
    )
    ticks = tuple((position, by_ms) for position, by_ms in given.get("ticks", ()))
    program = Program(
        tuple(given["ops"]),
        records,
        tuple(given["outputs"]),
        given.get("optimize", ""),
        given.get("commit_every", 0),
        ticks,
        given.get("cache_bytes", 0),
    )
    return GoldenProgram(document["seed"], document["what"], program, read_trace(json.dumps(document["trace"])))


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
