"""Programs of the streams DSL described as JSON documents: the same program in Python and in Java.

    random_program(seed) -> Program --build()--> Topology (ours)
                              ├──build_expressed()─▶ the same with expressions where that is possible
                              └──to_json()--> the Java program (tests/conformance/kafka_streams)

A program that differs is made small (`minimised`) and kept as a file with what Kafka Streams said to it
(`write_golden`). Keys and values are texts.
"""

from kappaflow.testing.described_streams.build import build
from kappaflow.testing.described_streams.comparison import (
    Forms,
    compare_cached_forms,
    compare_forms,
    contents,
    difference,
    evicts_under_scans,
    is_buffer,
    play,
)
from kappaflow.testing.described_streams.coverage import KINDS, PAIRS, covered, table_of
from kappaflow.testing.described_streams.expressed import build_expressed
from kappaflow.testing.described_streams.generate import bounded_program, caching_program, random_program
from kappaflow.testing.described_streams.golden import GoldenProgram, read_golden, write_golden
from kappaflow.testing.described_streams.minimise import minimised
from kappaflow.testing.described_streams.program import Program, Trace, read_trace

__all__ = [
    "KINDS",
    "PAIRS",
    "Forms",
    "GoldenProgram",
    "Program",
    "Trace",
    "bounded_program",
    "build",
    "build_expressed",
    "caching_program",
    "compare_cached_forms",
    "compare_forms",
    "contents",
    "covered",
    "difference",
    "evicts_under_scans",
    "is_buffer",
    "minimised",
    "play",
    "random_program",
    "read_golden",
    "read_trace",
    "table_of",
    "write_golden",
]
