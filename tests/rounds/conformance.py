"""``make conformance``: outside tests and clients, and the table of what each client proves.

The tests that ``tests/conformance/clients/features.toml`` names are run, the longer ones too; their results and the
versions of the clients are kept beside it, and ``docs/reference/clients.md`` is written from them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "tests" / "conformance" / "clients"
FEATURES = CLIENTS / "features.toml"
RESULTS = CLIENTS / "results.json"
FOLDERS = {"clients": "tests/conformance/clients", "broker": "tests/integration/broker"}


class Recorder:
    """Keeps the outcome of each test function, over its parameters: passed, partly, skipped or failed."""

    def __init__(self) -> None:
        self.results: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest for each phase of each test."""
        function = report.nodeid.split("[", 1)[0]
        known = self.results.get(function, report.outcome)
        if report.outcome == "failed" or known == "failed":
            self.results[function] = "failed"
        elif report.outcome == "skipped" or report.when == "call":
            self.results[function] = known if known == report.outcome else "partly"


def named_tests(table: dict[str, Any]) -> list[str]:
    """The tests that the table names, by pytest's ids."""
    named = {test for rows in table["clients"].values() for tests in rows.values() for test in tests}
    return sorted(f"{FOLDERS[test.split('/', 1)[0]]}/{test.split('/', 1)[1]}" for test in named)


def versions() -> dict[str, str]:
    """The versions of the clients."""
    from kappaflow.testing.java_program import KAFKA_VERSION

    go = (CLIENTS / "test_franz_go_like_kafka.py").read_text(encoding="utf-8")
    return {
        "Java tools": KAFKA_VERSION,
        "Kafka Streams": KAFKA_VERSION,
        **{name: version(name) for name in ("confluent-kafka", "kafka-python", "aiokafka")},
        "franz-go": go.split("github.com/twmb/franz-go v", 1)[1].split("\n", 1)[0],
    }


def main() -> int:
    """Run, record, write the page and print it; of words as arguments, run only the tests that have one in their id."""
    tests = named_tests(tomllib.loads(FEATURES.read_text(encoding="utf-8")))
    recorder = Recorder()
    if words := sys.argv[1:]:
        recorder.results = json.loads(RESULTS.read_text(encoding="utf-8"))["results"]
    chosen = [test for test in tests if not words or any(word in test for word in words)]
    for test in chosen:
        recorder.results.pop(test, None)
    options = ["-q", "-rs", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    code = pytest.main([*options, *(str(ROOT / test) for test in chosen)], plugins=[recorder])
    found = {"versions": versions(), "results": {test: recorder.results.get(test, "missing") for test in tests}}
    RESULTS.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    subprocess.run([sys.executable, str(ROOT / "docs" / "write_reference.py")], check=True)
    sys.stdout.write((ROOT / "docs" / "reference" / "clients.md").read_text(encoding="utf-8"))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
