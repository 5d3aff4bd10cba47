"""A child that says something is waited for; a silent one is not."""

from __future__ import annotations

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
