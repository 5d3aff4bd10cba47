"""`kappa streams plan-diff OLD NEW`: before a changed program is started over the state of the old one."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import msgspec

from kappaflow.cli.messages import message
from kappaflow.cli.streams.describe import OUTLINE_APPLICATION
from kappaflow.cli.streams.target import load_topology
from kappaflow.errors import ConfigError
from kappaflow.streams.topology.changes import Finding, Outline, compare, outline

REFUSED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("old", metavar="OLD", help=message("streams_plan_diff.old"))
    parser.add_argument("new", metavar="NEW", help=message("streams_plan_diff.new"))
    parser.add_argument("--json", action="store_true", help=message("streams_plan_diff.json"))


def run(arguments: argparse.Namespace) -> int:
    """Print what the change means; 3 where something would be lost."""
    findings = compare(_outline(arguments.old), _outline(arguments.new))
    unsafe = any(finding.risk == "unsafe" for finding in findings)
    if arguments.json:
        rows = [dataclasses.asdict(f) | {"text": _text(f)} for f in findings]
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
        return REFUSED if unsafe else 0
    for finding in findings:
        sys.stdout.write(f"{message('streams_risk.' + finding.risk)}  {_text(finding)}\n")
    verdict = "unsafe" if unsafe else "changed" if findings else "same"
    sys.stdout.write(message(f"streams_plan_diff.{verdict}") + "\n")
    return REFUSED if unsafe else 0


def _text(finding: Finding) -> str:
    return message(f"streams_change.{finding.code}", name=finding.name, was=finding.was, now=finding.now)


def _outline(side: str) -> Outline:
    if not side.endswith(".json"):
        return outline(load_topology(side).bind(OUTLINE_APPLICATION))
    try:
        return msgspec.json.decode(Path(side).read_bytes(), type=Outline)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(message("streams_plan_diff.unreadable", path=side, why=error)) from None
