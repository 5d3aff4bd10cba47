"""Commands of a client load no more than they need: every one of them waits for its imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"numpy", "pyarrow", "polars", "pandas", "kafka", "kio", "rocksdict", "kappaflow.kernel"}


def loaded_by(code: str) -> set[str]:
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n'.join(['', '==', *sys.modules]))"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    return set(output.partition("\n==\n")[2].splitlines())


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("from kappaflow.cli.main import main; main(['--version'])", {"lark", "httpx", "kappaflow.sql"}),
        (
            "from kappaflow.cli.main import main\ntry: main(['sql', '--help'])\nexcept SystemExit: pass",
            {"lark", "httpx", "kappaflow.sql"},
        ),
        ("import kappaflow.cli.sql.client", {"kappaflow.sql.engine", "kappaflow.database.asynchronous"}),
    ],
    ids=["version", "help", "sql"],
)
def test_loads_nothing_heavy(code: str, more: set[str]) -> None:
    assert not (HEAVY | more) & loaded_by(code)


def test_what_is_loaded_when_asked_for_is_all_there() -> None:
    code = "import kappaflow.database as d, kappaflow.serde as s\n[getattr(m, n) for m in (d, s) for n in m.__all__]"
    assert {"pyarrow", "kappaflow.database.asynchronous"} <= loaded_by(code)
