"""``kappa sql test``: run query tests in-process, without a broker."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kappaflow.testing.query_tests.runner import FORMS, run_paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="query test files or directories")
    parser.add_argument(
        "--form",
        choices=sorted(FORMS),
        default="both",
        help="which form of the engine runs a case; with both, a case passes when both do (default)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to FILE")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="how many cases run at once (2)")


def run(arguments: argparse.Namespace) -> int:
    """Run the cases; 0 when all pass, else 1."""
    report = run_paths(arguments.paths, arguments.form, arguments.processes)
    for result in report.failed:
        first_line = result.problem.replace("\n", " | ")
        sys.stdout.write(f"FAILED {result.id}: {first_line}\n")
    if arguments.json is not None:
        report.write(arguments.json)
    sys.stdout.write(f"{report.summary}\n")
    return 1 if report.failed else 0
