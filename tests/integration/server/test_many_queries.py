"""What each persistent query adds to the process tree is small and bounded."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from benchmarks.many_queries import measure

QUERIES = 150
# A server without queries has about 310 MB, 40 threads and 90 handles.
RSS_MB_OF_ONE, RSS_MB_BASE = 1.2, 400
HANDLES_MAX = 420  # however many queries: about 370 with 500 of them
THREADS_BASE = 100

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]


def test_many_queries_hold_little() -> None:
    with tempfile.TemporaryDirectory() as directory:
        found = measure(QUERIES, Path(directory))
    holding = found["holding"]
    assert isinstance(holding, dict)
    assert holding["rss_mb"] < RSS_MB_BASE + QUERIES * RSS_MB_OF_ONE
    assert holding["handles"] < HANDLES_MAX
    assert holding["threads"] < THREADS_BASE + QUERIES
