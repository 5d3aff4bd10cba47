"""A child that says something is waited for; a silent one is not."""

from __future__ import annotations

import logging
import os
import signal
import sys

import pytest

from kappaflow.server.child import Child, ChildSpec

TALKS = """
import sys, time
for number in range(6):
    print(f"checked {number}", flush=True)
    time.sleep(0.25)
print("READY yes", flush=True)
sys.stdin.read()
"""
DIES = "import sys; print('READY yes', flush=True); sys.stdin.read()"
SILENT = "import sys; sys.stdin.read()"


@pytest.mark.parametrize(("program", "ready"), [(TALKS, True), (SILENT, False)])
def test_signs_of_life_put_the_limit_off(program: str, ready: bool, capfd: pytest.CaptureFixture[str]) -> None:
    child = Child(ChildSpec("child", lambda: [sys.executable, "-c", program]), lambda: None)
    child.start()
    try:
        assert child.wait_ready(0.9) is ready
    finally:
        child.stop()
    assert ("checked 5" in capfd.readouterr().err) is ready


def test_who_dies_and_comes_back_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    child = Child(ChildSpec("worker-7", lambda: [sys.executable, "-c", DIES]), lambda: None)
    with caplog.at_level(logging.WARNING, "kappaflow.server.child"):
        child.start()
        try:
            assert child.wait_ready(10)
            first = child.status.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            while "ready again" not in caplog.text:
                assert child._thread is not None
                child._thread.join(0.01)
        finally:
            child.stop()
    assert f"worker-7 (process {first}) has ended by signal 9; it is started again in 0.1 s" in caplog.text
    assert f"worker-7 (process {child.status.pid}) is ready again" in caplog.text
