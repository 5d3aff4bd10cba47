"""``kappa sql test``: run query tests in-process, without a broker; or REST tests against a live server."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kappaflow.cli.messages import message
from kappaflow.cli.sql import texts as _texts
from kappaflow.errors import UsageError
from kappaflow.testing.query_tests.runner import CASE_LIMIT_SECONDS, FORMS, Report, run_paths

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help=message("sql_test.paths"))
    parser.add_argument("--form", choices=sorted(FORMS), default="both", help=message("sql_test.form"))
    parser.add_argument("--rest", action="store_true", help=message("sql_test.rest"))
    parser.add_argument("--server", metavar="URL", help=message("sql_test.server"))
    parser.add_argument("--json", type=Path, metavar="FILE", help=message("sql_test.json"))
    parser.add_argument("--functions", type=Path, metavar="DIR", help=message("sql_test.functions"))
    parser.add_argument("--processes", type=int, default=2, metavar="N", help=message("sql_test.processes"))
    parser.add_argument(
        "--timeout", type=_seconds, default=CASE_LIMIT_SECONDS, metavar="SECONDS", help=message("sql_test.timeout")
    )


def _seconds(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(message("sql_test.seconds", text=text))
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Run the cases; 0 when all pass, else 1.

    Raises:
        UsageError: there is no test, which must not look like success; or there is no directory of functions.
    """
    if arguments.functions is not None and not arguments.functions.is_dir():
        raise UsageError(message("sql_test.no_functions", path=arguments.functions))
    report = _report(arguments)
    if not (report.passed or report.failed or report.skipped):
        raise UsageError(message("sql_test.none", paths=", ".join(str(path) for path in arguments.paths)))
    for problem in report.problems:
        sys.stderr.write(f"{problem}\n")
    for result in report.failed:
        first_line = result.problem.replace("\n", " | ")
        sys.stdout.write(f"FAILED {result.id}: {first_line}\n")
    if arguments.json is not None:
        report.write(arguments.json)
    sys.stdout.write(f"{report.summary}\n")
    return 1 if report.failed else 0


def _report(arguments: argparse.Namespace) -> Report:
    if arguments.rest:
        from kappaflow.testing.rest_tests.runner import run_rest_paths

        return run_rest_paths(arguments.paths, arguments.server)
    if arguments.server is not None:
        raise UsageError(message("sql_test.server_without_rest"))
    return run_paths(arguments.paths, arguments.form, arguments.processes, arguments.functions, arguments.timeout)
