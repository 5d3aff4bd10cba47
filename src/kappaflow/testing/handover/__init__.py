"""One application of the streams library that stops and goes on: in Java, in another process, with other brokers.

    batch        what is written to its topics, and what it has to make of all of it
    topics       its topics on a cluster
    application  a program that runs it, and that can be told where to stand still
    process      a process that runs it, here or in Java
    checks       its results against the batch

It is not a measure of speed, and starts no brokers: tests do.
"""

from kappaflow.testing.handover.batch import Batch, Sent
from kappaflow.testing.handover.checks import check_exact, check_nothing_lost
from kappaflow.testing.handover.process import ApplicationProcess, own_command
from kappaflow.testing.handover.topics import Topics

__all__ = ["ApplicationProcess", "Batch", "Sent", "Topics", "check_exact", "check_nothing_lost", "own_command"]
