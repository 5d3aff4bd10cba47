"""`kappa cluster doctor`: what is wrong with a cluster, why that matters, and the next command."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.cluster import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.doctor import RULES, Finding, Severity, examine

assert _texts
ALARM, WELL = 1, 0
_MARKS = {Severity.ERROR: "!!", Severity.WARNING: "! ", Severity.NOTE: "  "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--verbose", action="store_true", help=message("cluster_doctor.verbose"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Examine the cluster and print what was found; 1 where a finding is an error."""
    with open_session(arguments) as session:
        findings = examine(session)
    if arguments.json:
        print_json([_data(finding) for finding in findings])
    else:
        _show(findings, verbose=arguments.verbose)
    return ALARM if any(f.severity == Severity.ERROR for f in findings) else WELL


def _show(findings: list[Finding], *, verbose: bool) -> None:
    for finding in findings:
        sys.stdout.write(f"{_MARKS[finding.severity]} {finding.reason}\n")
        if verbose and len(finding.subjects) > 1:
            sys.stdout.write("".join(f"     {subject}\n" for subject in finding.subjects))
        sys.stdout.write(f"  -> {finding.remedy}\n")
    if not findings:
        sys.stdout.write(message("cluster_doctor.well", rules=len(RULES)) + "\n")
        return
    counts = {str(s): sum(f.severity == s for f in findings) for s in Severity}
    sys.stdout.write(message("cluster_doctor.count", **counts) + "\n")


def _data(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "subjects": list(finding.subjects),
        "reason": str(finding.reason),
        "remedy": str(finding.remedy),
    }
