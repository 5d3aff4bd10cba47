"""``make test-real PART=...``: the longer rounds on real clusters, the tests with the mark ``real`` of one part."""

from __future__ import annotations

import argparse
import subprocess
import sys
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
NOTHING_COLLECTED = 5


def main() -> int:
    """Run one part; 2 when it does not exist or has no such test yet."""
    parser = argparse.ArgumentParser(description="Longer rounds on real clusters.")
    parser.add_argument("--part", default="")
    arguments = parser.parse_args()
    if arguments.part not in PARTS:
        sys.stderr.write(f"test-real: name a part with PART=: {', '.join(PARTS)}.\n")
        return 2
    folders = [folder for folder in PARTS[arguments.part] if (ROOT / folder).is_dir()]
    if folders:
        command = [sys.executable, "-m", "pytest", "-q", "-m", "real", "-p", "no:cacheprovider", *folders]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code != NOTHING_COLLECTED:
            return code
    sys.stderr.write(f"test-real: PART={arguments.part} has no round on real clusters yet.\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
