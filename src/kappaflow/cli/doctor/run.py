"""`kappa doctor`: versions, kernel, tools and the data directory, with advice where something is missing."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path

from kappaflow.cli.doctor import texts as _texts
from kappaflow.cli.doctor.findings import all_findings
from kappaflow.cli.messages import message

assert _texts

MARKS = {"ok": "ok  ", "note": "note", "problem": "FAIL"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    default = Path(os.environ.get("KAPPA_DATA_DIR", ".kappa"))
    parser.add_argument("--data-dir", type=Path, default=default, metavar="D", help=message("doctor.data_dir"))
    parser.add_argument("--json", action="store_true", help=message("doctor.json"))


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; 1 when one of them keeps kappaflow from running."""
    findings = list(all_findings(arguments.data_dir))
    problems = sum(finding.level == "problem" for finding in findings)
    if arguments.json:
        sys.stdout.write(json.dumps([dataclasses.asdict(f) for f in findings], ensure_ascii=False, indent=2) + "\n")
        return 1 if problems else 0
    for finding in findings:
        sys.stdout.write(f"{MARKS[finding.level]}  {finding.text}\n")
        if finding.advice:
            sys.stdout.write(f"      -> {finding.advice}\n")
    verdict = message("doctor.bad", count=problems) if problems else message("doctor.good")
    sys.stdout.write(f"\n{verdict}\n")
    return 1 if problems else 0
