"""How long the threads of a worker wait for the interpreter."""

from __future__ import annotations

import sys

import pytest

from kappaflow.server.worker import interpreter


def test_more_queries_wait_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[float] = []
    monkeypatch.setattr(sys, "setswitchinterval", found.append)
    for queries in (0, 10, 100, 500, 5000):
        interpreter.share_interpreter(queries)
    assert found == [0.0005, 0.0005, 0.005, 0.025, 0.025]
