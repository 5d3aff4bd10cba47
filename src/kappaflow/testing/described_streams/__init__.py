"""Programs of the streams DSL described as JSON documents: the same program in Python and in Java.

    random_program(seed) -> Program --build()--> Topology (ours)
                              ├──build_expressed()─▶ the same with expressions where that is possible
                              └──to_json()--> the Java program (tests/conformance/kafka_streams)

Keys and values are texts.
"""

from kappaflow.testing.described_streams.build import build
from kappaflow.testing.described_streams.coverage import KINDS, PAIRS, covered, table_of
from kappaflow.testing.described_streams.expressed import build_expressed
from kappaflow.testing.described_streams.generate import random_program
from kappaflow.testing.described_streams.program import Program, Trace, read_trace

__all__ = [
    "KINDS",
    "PAIRS",
    "Program",
    "Trace",
    "build",
    "build_expressed",
    "covered",
    "random_program",
    "read_trace",
    "table_of",
]
