"""The examples of the streams library: what they print, and that those of expressions run as columns."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from kappaflow.streams.columns import reason_for_rows

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "streams"
PRINTED = {
    "word_count.py": ["4 to", "2 be", "1 dream"],
    "click_sessions.py": [
        "ann 0-0: 1 clicks",
        "ann 50-50: 1 clicks",
        "bob 55-55: 1 clicks",
        "ann 0-0: is no session any more",
        "ann 50-50: is no session any more",
        "ann 0-50: 3 clicks",
    ],
    "fraud_by_pattern.py": ["card 1111: 899 after 3 trials"],
    "enrichment.py": ["pen to Seoul", "ink to Busan", "cap to unknown"],
    "late_data.py": ["kitchen 0-10 s: 30.0", "kitchen 10-20 s: 19.0", "too late: 1"],
    "model_scoring.py": ["p3: risk 0.91"],
}
AS_COLUMNS = ("word_count.py", "enrichment.py", "model_scoring.py")


def test_every_example_is_run() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == set(PRINTED)


@pytest.mark.parametrize("name", PRINTED)
def test_what_an_example_prints(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(FOLDER / name), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == PRINTED[name]


@pytest.mark.parametrize("name", AS_COLUMNS)
def test_expressions_run_as_columns(name: str) -> None:
    bound = runpy.run_path(str(FOLDER / name))["topology"].bind("example")
    assert [reason_for_rows(bound, part) for part in bound.subtopologies] == [""] * len(bound.subtopologies)
