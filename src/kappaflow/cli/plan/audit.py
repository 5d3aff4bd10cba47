"""`kappa plan audit`: the audit log, and whether its chain is whole."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument
from kappaflow.ops.plans import AuditLog


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the events; 1 where the chain is broken."""
    log = AuditLog()
    broken = log.verify()
    if broken is not None:
        sys.stderr.write(message("plan_audit.broken", line=broken.line, reason=broken.reason) + "\n")
        return 1
    events = log.events()
    if arguments.json:
        print_json(events)
        return 0
    rows = [(e["at"], e["user"], e["event"], e["details"].get("cluster"), e["details"].get("title")) for e in events]
    print_table(("AT", "USER", "EVENT", "CLUSTER", "PLAN"), rows)
    sys.stdout.write(message("plan_audit.whole", events=len(events)) + "\n")
    return 0
