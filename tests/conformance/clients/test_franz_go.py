"""franz-go's own tests of groups and transactions, out of its module, against the embedded broker.

They produce, pass on through groups whose members come and go, and check that every record arrives once: in
transactions, with the range and cooperative balancers, and read as committed.

Source: github.com/twmb/franz-go, pkg/kgo (txn_test.go, group_test.go)
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kappaflow.broker.api_table import API_TABLE
from kappaflow.testing.embedded_broker import EmbeddedBroker
from kappaflow.testing.toolchain import command_path, missing_toolchains, required_toolchains

MODULE = "github.com/twmb/franz-go@v1.22.2"
RECORDS = os.environ.get("KGO_TEST_RECORDS", "5000")

CONSUMER_GROUP_HEARTBEAT = 68

# 5,000 records take a minute and a half, half a million some ten.
TIMEOUT_SECONDS = 540 if int(RECORDS) <= 10_000 else 3_000

pytestmark = [pytest.mark.real, pytest.mark.timeout(TIMEOUT_SECONDS + 60)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the module: the tests write into their directory."""
    if missing_toolchains(["go"]):
        if "go" in required_toolchains():
            pytest.fail("needs go, which KAPPA_REQUIRE demands and this machine lacks")
        pytest.skip("needs go, not found on this machine")
    directory = tmp_path_factory.mktemp("franz-go")
    done = subprocess.run(
        [command_path("go"), "mod", "download", "-json", MODULE],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"{MODULE} cannot be had: {done.stderr[-500:]}")
    copied = directory / "module"
    shutil.copytree(json.loads(done.stdout)["Dir"], copied)
    for path in [copied, *copied.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copied / "pkg" / "kgo"


@pytest.mark.parametrize("name", ["TestTxnEtl", "TestGroupETL"])
def test_every_record_arrives_once(source: Path, name: str) -> None:
    with EmbeddedBroker() as broker:
        environment = os.environ | {
            "KGO_SEEDS": broker.bootstrap_servers,
            "KGO_TEST_RF": "1",
            "KGO_TEST_RECORDS": RECORDS,
        }
        done = subprocess.run(
            [command_path("go"), "test", "-run", name, "-count=1", "-v", "-timeout", f"{TIMEOUT_SECONDS}s", "."],
            cwd=source,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = re.findall(rf"--- PASS: {name}/(\S+)", done.stdout)
    skipped = re.findall(rf"--- SKIP: {name}/(\S+)", done.stdout)
    assert {"range", "cooperative-sticky", "cooperative-sticky/static"} <= set(passed)
    # Only the rounds of the new consumer protocol may be left out, and only while the broker does not speak it.
    assert CONSUMER_GROUP_HEARTBEAT not in API_TABLE or not skipped
    assert all("/848" in each for each in skipped), skipped
