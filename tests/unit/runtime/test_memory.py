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


SHOWN = """
import resource

from kappaflow.runtime.memory import keep_freed_memory

before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
keep_freed_memory()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
TRIMMED = """
from pathlib import Path

from kappaflow.runtime.memory import give_back_freed_memory, keep_freed_memory


def resident_mb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20


keep_freed_memory()
blocks = [b"x" * (9 << 20) for _ in range(6)]
last = b"end" * 1000
del blocks
kept = resident_mb()
give_back_freed_memory()
print(kept - resident_mb())
"""
ON_GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about glibc")


@ON_GLIBC
def test_pages_are_used_again() -> None:
    assert faults("kept") < faults("given back") / 2


@ON_GLIBC
def test_memory_is_given_back_when_much_of_it_is_free() -> None:
    found = subprocess.run([sys.executable, "-c", TRIMMED], check=True, capture_output=True, timeout=60).stdout
    assert int(found) >= 40


@ON_GLIBC
def test_showing_a_large_block_touches_none_of_its_pages() -> None:
    found = subprocess.run([sys.executable, "-c", SHOWN], check=True, capture_output=True, timeout=60).stdout
    assert int(found) < 200
