"""Programs of the streams DSL described as JSON documents: the same program in Python and in Java.

    random_program(seed) -> Program --build()--> Topology (ours)
                              │
                              └──to_json()--> the Java program (tests/conformance/kafka_streams)

Keys and values are texts.
"""

from kappaflow.testing.described_streams.build import build
from kappaflow.testing.described_streams.generate import OPERATORS, random_program
from kappaflow.testing.described_streams.program import Program, Trace, read_trace

__all__ = ["OPERATORS", "Program", "Trace", "build", "random_program", "read_trace"]
