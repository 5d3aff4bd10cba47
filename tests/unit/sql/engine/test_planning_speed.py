"""A typical statement is parsed and planned in about 10 ms; held with a wide margin, as tests share their machine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

MARGIN = 6
PARSE_AND_PLAN_MS = 10.0
_FILE = Path(__file__).resolve().parents[4] / "benchmarks" / "planning.py"


def test_typical_statements_are_planned_quickly() -> None:
    spec = importlib.util.spec_from_file_location("planning", _FILE)
    assert spec is not None
    assert spec.loader is not None
    planning = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(planning)
    for name, found in planning.measure(rounds=7).items():
        assert found["parse_ms"] + found["plan_ms"] < MARGIN * PARSE_AND_PLAN_MS, name
