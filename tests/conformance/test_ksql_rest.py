"""The outside REST tests in $KAPPA_KSQL_CASES against a live server: those listed fail, no other."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from kappaflow.testing.rest_tests.runner import run_rest_paths

FLOOR = Path(__file__).with_name("ksql_rest_floor.json")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "ksql-compatibility.md"


def _cases() -> Path:
    folder = os.environ.get("KAPPA_KSQL_CASES")
    if not folder:
        if os.environ.get("CI"):
            pytest.fail("KAPPA_KSQL_CASES is not set: it must name the folder of the outside query tests")
        pytest.skip("KAPPA_KSQL_CASES is not set: it names the folder of the outside query tests")
    path = Path(folder)
    found = next((each for each in (path / "rest", path.parent / "rest") if each.is_dir()), None)
    if found is None:
        pytest.skip(f"There are no REST tests beside {path}")
    return found


def _listed() -> set[str]:
    """Return the cases that the page of differences lists."""
    section = PAGE.read_text(encoding="utf-8").split("## REST tests that differ")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


LONG_FILES = ("pull-queries-against-materialized-aggregates", "push-queries", "scalable-push-queries")
"""Left out of the tests of every change; ``make conformance`` runs them."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_outside_rest_cases_of_the_shorter_files() -> None:
    report = run_rest_paths([path for path in sorted(_cases().glob("*.json")) if path.stem not in LONG_FILES])
    assert report.passed
    assert {result.id: result.problem for result in report.failed if result.id not in _listed()} == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not os.environ.get("KAPPA_ALL_CASES"), reason="make conformance runs all cases (KAPPA_ALL_CASES)")
def test_outside_rest_cases() -> None:
    floor = json.loads(FLOOR.read_text(encoding="utf-8"))["passed"]
    report = run_rest_paths([_cases()])
    unexpected = {result.id: result.problem for result in report.failed if result.id not in _listed()}
    assert unexpected == {}
    assert {result.id for result in report.failed} == _listed()
    assert len(report.passed) >= floor, f"{report.summary}; the recorded floor is {floor}"
