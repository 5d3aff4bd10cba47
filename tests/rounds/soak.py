"""``make soak PART=... MINUTES=n``: seeded property tests of one part, round after round with new seeds.

Each round is one pytest run with one hypothesis seed. Counts and the next seed are kept in
``tests/rounds/soaked.json``, which belongs to the project, so a later soak goes on where the last one ended, on any
machine. A failing seed is kept too and printed with the command that repeats it; it is taken out by hand once its cause
is mended and a test.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / "tests" / "rounds" / "soaked.json"
PROPERTIES = ROOT / "tests" / "property"
TRACES = ROOT / "tests" / "conformance" / "kafka_streams"
CLIENTS = ROOT / "tests" / "conformance" / "clients"
SIMULATION = ROOT / "tests" / "simulation"
CHAOS = ROOT / "tests" / "integration" / "chaos"
GOLDEN_PROGRAMS = ROOT / "tests" / "golden" / "streams"
"""Where programs that fail are kept, made small; tests hold every later version against them."""
TRACES_A_ROUND = 1000
PROGRAMS_A_ROUND = 100
FIRST_PROGRAM = 100_000
"""Rounds were of 1,000 programs before; seeds below were theirs, and those of make test."""
WORLDS_A_ROUND = 200
CONVERSATIONS_A_ROUND = 100
KILLS_A_ROUND = 20
FIRST_KILLS = 5  # rounds that make test-real runs
FIRST_WORLD = 301  # those before are run by make test
COUNTED = {
    "simulation": (WORLDS_A_ROUND, "worlds"),
    "chaos": (KILLS_A_ROUND, "kills"),
    "groups": (CONVERSATIONS_A_ROUND, "conversations"),
    "topologies": (PROGRAMS_A_ROUND, "programs"),
}
"""What is counted where a round is many of something: how many, and their name."""
NO_SEEDS = frozenset({"KAPPA_GOLDEN_PROGRAMS"})
PARTS = {
    "kernel": ("test_kernel_*.py", "test_number_text.py"),
    "formats": ("test_json_columns.py", "test_format_*.py"),
    "fuzz": ("test_fuzz_*.py",),
    "storage": ("test_storage_*.py",),
    "streams": ("test_streams_*.py", "test_topology_*.py", "test_traces.py"),
    "topologies": ("test_dsl_traces.py", "test_dsl_caching.py", "test_dsl_columns.py"),
    "sql": ("test_sql_*.py",),
    "simulation": ("test_simulated_worlds.py",),
    "chaos": ("test_random_kills.py",),
    "groups": ("test_groups_like_kafka.py",),
    "clients": ("test_franz_go.py", "test_kafka_streams_exactly_once.py"),
}
# Of one part only; a round of half a million records takes some minutes.
ENVIRONMENTS = {"clients": {"KGO_TEST_RECORDS": "500000"}, "sql": {"KAPPA_SQL_EXAMPLES": "400"}}
# What is planted is seen by the programs of `make test`, and shares are of so many; other seeds say nothing about it.
DESELECTED = {"topologies": ("-k", "not planted and not forgets and not shares")}


def files_of(part: str) -> list[str]:
    """The test files of a part, relative to the project."""
    folders = (PROPERTIES, TRACES, CLIENTS, SIMULATION, CHAOS)
    found = (path for pattern in PARTS[part] for folder in folders for path in sorted(folder.glob(pattern)))
    return [path.relative_to(ROOT).as_posix() for path in found]


def load_state() -> dict[str, dict[str, Any]]:
    """The kept counts, by part."""
    return json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {}


def save_state(state: dict[str, dict[str, Any]]) -> None:
    """Keep the counts; written whole or not at all."""
    temporary = STATE.with_suffix(".tmp")
    temporary.write_text(json.dumps(state, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(STATE)


def command_for(seed: int, part: str, files: list[str]) -> list[str]:
    """One round."""
    options = ["-q", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}", *DESELECTED.get(part, ())]
    return [sys.executable, "-m", "pytest", *options, *files]


def soak(part: str, minutes: float, files: list[str]) -> int:
    """Run rounds until the time is over; 1 when a seed failed."""
    state = load_state()
    counts = state.setdefault(part, {"next_seed": 1, "count": 0, "seconds": 0.0, "failed_seeds": []})
    deadline = time.monotonic() + minutes * 60
    failed: list[int] = []
    while True:
        seed = counts["next_seed"]
        started = time.monotonic()
        worlds = FIRST_WORLD + (seed - 1) * WORLDS_A_ROUND
        seeds = {
            "KAPPA_TRACE_SEEDS": f"{seed * TRACES_A_ROUND}:{TRACES_A_ROUND}",
            "KAPPA_DSL_SEEDS": f"{FIRST_PROGRAM + seed * PROGRAMS_A_ROUND}:{PROGRAMS_A_ROUND}",
            "KAPPA_GOLDEN_PROGRAMS": str(GOLDEN_PROGRAMS),
            "KAPPA_SIMULATION_SEEDS": f"{worlds}:{WORLDS_A_ROUND}",
            "KAPPA_GROUP_SEEDS": f"{seed * CONVERSATIONS_A_ROUND}:{CONVERSATIONS_A_ROUND}",
            "KAPPA_ROUND_SEED": str(seed),
            "KAPPA_CHAOS_SEEDS": str(FIRST_KILLS + seed),
            "KAPPA_CHAOS_KILLS": str(KILLS_A_ROUND),
        }
        environment = os.environ | seeds | ENVIRONMENTS.get(part, {})
        done = subprocess.run(
            command_for(seed, part, files), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in {0, 1}:
            sys.stdout.write(done.stdout + done.stderr)
            return 2
        counts["next_seed"] = seed + 1
        counts["count"] += COUNTED[part][0] if part in COUNTED else 1
        counts["seconds"] = round(counts["seconds"] + time.monotonic() - started, 1)
        if done.returncode:
            failed.append(seed)
            counts["failed_seeds"].append(seed)
            sys.stdout.write(done.stdout + f"\nrepeat with: {' '.join(command_for(seed, part, files)[1:])}\n")
        save_state(state)
        told = told_in(done.stdout)
        sys.stdout.write("".join(f"{text.splitlines()[-1]}\n" for text in told))
        sys.stdout.write(f"{part}: seed {seed} {'FAILED' if done.returncode else 'passed'}; {summary(part, counts)}\n")
        sys.stdout.flush()
        if time.monotonic() >= deadline:
            sys.stdout.write("".join(f"{text}\n" for text in told))
            return 1 if failed else 0


def told_in(output: str) -> list[str]:
    """What tests of a round had to tell, such as which operators their programs have."""
    _, *texts = re.split(r"^-+ told -+$", output, flags=re.MULTILINE)
    return [re.split(r"^[=-]{3,}|^\d+ passed", text, maxsplit=1, flags=re.MULTILINE)[0].strip() for text in texts]


def summary(part: str, counts: dict[str, Any]) -> str:
    """The counts of a part since the first soak."""
    what = COUNTED[part][1] if part in COUNTED else "rounds"
    return f"{counts['count']} {what} in {counts['seconds']:.0f} s, {len(counts['failed_seeds'])} failed"


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description="Seeded property tests, round after round.")
    parser.add_argument("--part", default="")
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    existing = {part: files for part in PARTS if (files := files_of(part))}
    files = existing.get(arguments.part)
    if not files:
        what = f"PART={arguments.part} has no property tests" if arguments.part in PARTS else "name a part with PART="
        sys.stderr.write(f"soak: {what}; there are: {', '.join(existing)}.\n")
        return 2
    return soak(arguments.part, arguments.minutes, files)


if __name__ == "__main__":
    sys.exit(main())
