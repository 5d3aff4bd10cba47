"""Topologies described as JSON documents, with random ones and random records: the input of differential tests.

    random_case(seed) -> Case --build()--> Topology          (ours)
                           │
                           └────to_json()--> the Java program (tests/conformance/kafka_streams)

Keys are texts, values are comma-separated columns of which the first is a number; user logic exists in row form, in
column form and in Java.
"""

from kappaflow.testing.described_topologies.build import build
from kappaflow.testing.described_topologies.case import Case
from kappaflow.testing.described_topologies.generate import random_case

__all__ = ["Case", "build", "random_case"]
