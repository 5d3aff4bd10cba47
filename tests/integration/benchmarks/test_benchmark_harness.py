"""The benchmark from end to end with few records: both sides run, outputs are right, results are written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RECORDS = 50_000

pytestmark = [pytest.mark.java, pytest.mark.real, pytest.mark.timeout(600)]


def run_benchmark(results: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "benchmarks.run", "--results", str(results), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def read_results(results: Path, group: str) -> list[dict[str, object]]:
    (file,) = results.glob(f"*-{group}.json")
    return json.loads(file.read_text())["results"]


def test_throughput_of_both_sides_is_compared_and_checked(tmp_path: Path) -> None:
    run_benchmark(tmp_path, "--group", "group", "--records", str(RECORDS), "--runs", "1")
    every, cached = read_results(tmp_path, "group")
    assert (every["caching"], cached["caching"]) == (False, True)
    assert every["outputs_equal_byte_for_byte"]
    assert set(every["records_per_second"]) == {"java-trees", "java-streaming", "kappaflow"}
    assert all(rate > 0 for rate in every["records_per_second"].values())
    assert sum(every["profile"]["seconds"].values()) > 0
    page = (tmp_path / "README.md").read_text()
    assert page.count("| count + sum by key, every update |") == 4  # three sides, and one row of the cost split


def test_windowed_outputs_are_equal_byte_for_byte(tmp_path: Path) -> None:
    arguments = ["--records", str(RECORDS), "--runs", "1", "--caching", "off", "--no-profile"]
    run_benchmark(tmp_path, "--group", "window", "--peers", "java-streaming", *arguments)
    (result,) = read_results(tmp_path, "window")
    assert result["outputs_equal_byte_for_byte"]


@pytest.mark.parametrize(
    "group",
    ["stream-table", "stream-stream", "table-table", "session", "hopping", "formats-avro", "formats-protobuf"],
)
def test_joins_windows_and_formats_write_the_same_bytes(tmp_path: Path, group: str) -> None:
    arguments = ["--records", str(RECORDS), "--runs", "1", "--caching", "off", "--no-profile"]
    run_benchmark(tmp_path, "--group", group, *arguments)
    (result,) = read_results(tmp_path, group)
    assert result["outputs_equal_byte_for_byte"]
    assert set(result["ratio_wall"]) == {"java-streaming"}


def test_latency_of_both_sides_is_measured(tmp_path: Path) -> None:
    run_benchmark(tmp_path, "--group", "latency", "--seconds", "3", "--runs", "1")
    results = read_results(tmp_path, "latency")
    assert [result["workload"] for result in results] == ["latency-filter", "latency-group"]
    assert all(figures["records"] > 1000 for result in results for figures in result["medians"].values())
