"""Blocks of some megabytes come from memory that was freed before, once the C library was shown a large one."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import sys

from kappaflow.runtime.memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()


def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


block = b"x" * (6 << 20)
del block
before = faults()
for _ in range(20):
    block = b"x" * (9 << 20)
    other = b"y" * (5 << 20)
    del block, other
print(faults() - before)
"""


def faults(way: str) -> int:
    return int(subprocess.run([sys.executable, "-c", PROGRAM, way], check=True, capture_output=True, timeout=60).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about glibc")
def test_pages_are_used_again() -> None:
    assert faults("kept") < faults("given back") / 2
