"""Faults are done to the process that runs, not to the one that ran before it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from kappaflow.testing.embedded_server import EmbeddedServer


class Told(EmbeddedServer):
    """A server that is not there and says of its children what a test has it say."""

    def __init__(self, looks: Sequence[dict[str, Any]]) -> None:
        self._looks = list(looks)

    def processes(self) -> list[dict[str, Any]]:
        return [self._looks.pop(0)]


def test_a_child_that_starts_again_is_killed_once_it_runs() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    following = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    states = [(ended.pid, "died"), (ended.pid, "backing off"), (following.pid, "starting")]
    server = Told([{"name": "worker-0", "pid": pid, "state": state} for pid, state in states])
    assert server.kill_child("worker-0") == following.pid
    assert following.wait(10) == -signal.SIGKILL
    assert following.stdin is not None
    following.stdin.close()


def test_a_child_that_ends_by_itself_meanwhile_counts_as_killed() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    server = Told([{"name": "worker-0", "pid": ended.pid, "state": "ready"}])
    assert server.kill_child("worker-0") == ended.pid
