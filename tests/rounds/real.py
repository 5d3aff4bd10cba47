"""``make test-real PART=...``: the longer rounds on real clusters, the tests with the mark ``real`` of one part.

``--date`` runs the slice of a day instead: continuous integration goes through all slices, one a day.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "engine": (
        "tests/integration/server",
        "tests/integration/client",
        "tests/integration/demo",
        "tests/integration/benchmarks",
    ),
    "chaos": ("tests/integration/chaos",),
    "clients": ("tests/integration/broker", "tests/conformance/clients"),
    "streams": ("tests/integration/streams", "tests/conformance/streams", "tests/conformance/kafka_streams"),
    "operations": ("tests/integration/ops",),
}
OPS = "tests/integration/ops"
BROKER = "tests/integration/broker"
CLIENTS = "tests/conformance/clients"
CHAOS = "tests/integration/chaos"
# Each takes a quarter of an hour at most on two cores.
SLICES = (
    ("tests/integration/streams", "tests/conformance/kafka_streams/test_record_choice.py"),
    (f"{OPS}/test_quorum_on_kafka.py", f"{OPS}/test_local_clusters.py"),
    (f"{OPS}/test_zookeeper_on_kafka.py",),
    (f"{OPS}/test_rolling_on_kafka.py",),
    (f"{CLIENTS}/test_franz_go.py", f"{CLIENTS}/test_franz_go_like_kafka.py"),
    (f"{CHAOS}/test_random_kills.py::test_whatever_is_killed_results_stay_exact[seed-1]",),
    (f"{BROKER}/test_access_like_kafka.py", f"{BROKER}/test_tls.py", f"{CLIENTS}/test_java_tools_like_kafka.py"),
    ("tests/integration/server", "tests/integration/demo"),
    (f"{CLIENTS}/test_groups_like_kafka.py", f"{CLIENTS}/test_kafka_streams_exactly_once.py"),
    (f"{OPS}/test_disks_on_kafka.py", f"{OPS}/test_lag_on_kafka.py"),
    (f"{OPS}/test_answers_like_java.py", f"{OPS}/test_care_on_kafka.py"),
    (f"{OPS}/test_migration_on_kafka.py",),
    (f"{OPS}/test_scale_out_on_kafka.py",),
    (f"{OPS}/test_rolling_by_ssh.py",),
)
NOTHING_COLLECTED = 5


def main() -> int:
    """Run one part or slice; 2 when the part does not exist or has no such test yet."""
    parser = argparse.ArgumentParser(description="Longer rounds on real clusters.")
    parser.add_argument("--part", default="")
    parser.add_argument("--date", type=date.fromisoformat, help="run the slice of this day, such as 2026-12-01")
    arguments = parser.parse_args()
    if arguments.date:
        return run(SLICES[arguments.date.toordinal() % len(SLICES)])
    if arguments.part not in PARTS:
        sys.stderr.write(f"test-real: name a part with PART=: {', '.join(PARTS)}.\n")
        return 2
    folders = [folder for folder in PARTS[arguments.part] if (ROOT / folder).is_dir()]
    if folders and (code := run(folders)) != NOTHING_COLLECTED:
        return code
    sys.stderr.write(f"test-real: PART={arguments.part} has no round on real clusters yet.\n")
    return 2


def run(tests: Sequence[str]) -> int:
    """Run those of the tests that have the mark; pytest's exit code."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "real", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
