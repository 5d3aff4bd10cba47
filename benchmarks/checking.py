"""Whether the output of a run is right: against numpy, and equal to the other side byte for byte."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.orders import Orders
from benchmarks.workload import OUTPUT, Results, Workload
from kappaflow.testing.java_program import java_program

SHOWN_MAX = 5


@dataclass(frozen=True)
class Output:
    """What a run wrote.

    Attributes:
        count: output records.
        digests: per partition, over keys and values in their order.
        last: the last value of each key (hexadecimal).
        end: the sum of the offsets behind the last record of each partition.
    """

    count: int
    digests: tuple[str, ...]
    last: dict[str, bytes]
    end: int


def read_output(bootstrap: str) -> Output:
    """Read the output topic with a Java consumer, which shares no code with either side."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "last"
        program = java_program(Path(__file__).parent / "java" / "TopicDigest.java")
        command = program.command([bootstrap, OUTPUT, str(file)], ("-Xmx3g",))
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        rows = [line.split() for line in lines]
        last: dict[str, bytes] = {}
        for line in file.read_bytes().splitlines():
            key, _, value = line.partition(b"\t")
            last[key.decode()] = value
    return Output(
        sum(int(row[1]) for row in rows), tuple(row[2] for row in rows), last, sum(int(row[3]) for row in rows)
    )


def check_output(
    output: Output, workload: Workload, orders: Orders, caching: bool, expected: tuple[int, Results]
) -> None:
    """Compare counts and last values with the expected ones.

    Raises:
        RuntimeError: they differ; names the first differences.
    """
    count, results = expected
    if not caching and output.count != count:
        raise RuntimeError(f"{workload.group}: {output.count} output records instead of {count}.")
    if caching and not len(results) <= output.count <= count:
        raise RuntimeError(f"{workload.group}: {output.count} output records, which no cache explains.")
    wrong: list[tuple[str, Any, Any]] = []
    for key in results.keys() | output.last.keys():
        text = output.last.get(key)
        value = None if text is None else msgspec.json.decode(text)
        if value != results.get(key):
            wrong.append((key, value, results.get(key)))
    if wrong:
        raise RuntimeError(f"{workload.group}: {len(wrong)} of {len(results)} keys differ: {wrong[:SHOWN_MAX]}")
