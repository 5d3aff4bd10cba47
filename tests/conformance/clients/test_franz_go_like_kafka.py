"""A script of franz-go on our broker and on a real Apache Kafka: the same answers step by step."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kappaflow.testing.toolchain import command_path, missing_toolchains, required_toolchains

pytestmark = [pytest.mark.java, pytest.mark.real, pytest.mark.timeout(300)]

GO_MOD = """\
module script

go 1.24

require (
\tgithub.com/twmb/franz-go v1.22.2
\tgithub.com/twmb/franz-go/pkg/kadm v1.19.0
)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if missing_toolchains(["go"]):
        if "go" in required_toolchains():
            pytest.fail("needs go, which KAPPA_REQUIRE demands and this machine lacks")
        pytest.skip("needs go, not found on this machine")
    directory = tmp_path_factory.mktemp("script")
    (directory / "go.mod").write_text(GO_MOD)
    shutil.copy(Path(__file__).with_name("franz_script.go"), directory / "main.go")
    tidied = go(directory, "mod", "tidy")
    if tidied.returncode:
        pytest.skip(f"the modules of franz-go cannot be had: {tidied.stderr[-500:]}")
    built = go(directory, "build", "-o", "script", ".")
    assert built.returncode == 0, built.stderr
    return directory / "script"


def go(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [command_path("go"), *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=200, check=False)


def test_the_same_answers(
    script: Path, pair: Any, on_both: Callable[[Any, Callable[[str], list[tuple[str, Any]]]], list[str]]
) -> None:
    def run(address: str) -> list[tuple[str, Any]]:
        done = subprocess.run([str(script), address], capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return [tuple(json.loads(line)) for line in done.stdout.splitlines()]

    assert on_both(pair, run) == []
