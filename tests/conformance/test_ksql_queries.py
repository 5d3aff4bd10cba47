"""The outside query tests in $KAPPA_KSQL_CASES, in every form: none crashes or hangs; those listed fail, no other."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from kappaflow.testing.query_tests.runner import run_paths

FLOOR = Path(__file__).with_name("ksql_queries_floor.json")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "ksql-compatibility.md"


def _cases() -> Path:
    folder = os.environ.get("KAPPA_KSQL_CASES")
    if not folder:
        if os.environ.get("CI"):
            pytest.fail("KAPPA_KSQL_CASES is not set: it must name the folder of the outside query tests")
        pytest.skip("KAPPA_KSQL_CASES is not set: it names the folder of the outside query tests")
    path = Path(folder)
    return path / "queries" if (path / "queries").is_dir() else path


def _listed() -> set[str]:
    """Return the cases that the page of differences lists."""
    section = PAGE.read_text(encoding="utf-8").split("## Query tests that differ")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["row", "column"])
def test_outside_query_cases(form: str) -> None:
    floor = json.loads(FLOOR.read_text(encoding="utf-8"))
    report = run_paths([_cases()], form)
    defects = [f"{result.id}: {result.problem}" for result in report.failed if result.problem.startswith("defect")]
    hanging = [result.id for result in report.failed if result.problem.startswith("took longer")]
    assert report.crashed == []
    assert hanging == []
    assert defects == []
    assert {result.id for result in report.failed} == _listed()
    assert len(report.passed) >= floor[form], f"{report.summary}; the recorded floor is {floor[form]}"
