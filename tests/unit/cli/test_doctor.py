"""`kappa doctor`: what it finds, what it advises, its exit codes."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from kappaflow.cli.doctor import findings, texts
from kappaflow.cli.main import main
from kappaflow.kernel import backend


def test_both_languages_have_every_text() -> None:
    assert set(texts.ENGLISH) == set(texts.KOREAN)


def test_a_working_installation_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--data-dir", str(tmp_path / "not" / "yet"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {entry["subject"] for entry in found} >= {
        "package",
        "python",
        "kernel",
        "library",
        "tool",
        "data_dir",
        "port",
    }
    assert not [entry for entry in found if entry["level"] == "problem"]
    assert not list(tmp_path.iterdir())


def test_the_kernel_shown_is_the_one_that_runs() -> None:
    finding = findings.kernel()
    assert finding.level == ("ok" if backend() == "native" else "note")
    assert bool(finding.advice) == (backend() == "python")


def test_a_data_directory_that_is_a_file_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file"
    path.write_text("")
    assert main(["doctor", "--data-dir", str(path)]) == 1
    printed = capsys.readouterr().out
    assert "FAIL" in printed
    assert "->" in printed


def test_missing_tools_are_only_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert [finding.level for finding in findings.tools()] == ["note"] * len(findings.TOOLS)


def test_a_missing_library_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "LIBRARIES", ("no-such-library",))
    monkeypatch.setattr(findings, "EXTRAS", ("no-such-extra",))
    assert [(finding.subject, finding.level) for finding in findings.libraries()] == [
        ("library", "problem"),
        ("extra", "note"),
    ]
    assert all(finding.advice for finding in findings.libraries())


def test_a_port_that_is_taken_is_named_with_its_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken, socket.socket() as free:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free.bind(("127.0.0.1", 0))
        ports = {"--kafka-port": taken.getsockname()[1], "--http-port": free.getsockname()[1]}
        free.close()
        monkeypatch.setattr(findings, "PORTS", ports)
        kafka, http = findings.ports()
    assert kafka.level == "note" and str(ports["--kafka-port"]) in kafka.text and "--kafka-port" in kafka.advice
    assert (http.level, http.advice) == ("ok", "")
