"""`kappa reassign status`: reassignments under way, by whomever they were begun, and throttles that are set."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.reassign import texts as _texts
from kappaflow.ops.reassignment import find_throttles

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    with open_session(arguments) as session:
        moves = session.admin.placement.reassignments()
        throttles = find_throttles(session)
    if arguments.json:
        print_json(
            {
                "reassignments": [
                    {
                        "topic": m.partition.topic,
                        "partition": m.partition.partition,
                        "replicas": list(m.replicas),
                        "adding": list(m.adding),
                        "removing": list(m.removing),
                    }
                    for m in moves
                ],
                "throttles": [
                    {"resource": t.resource._asdict(), "key": t.key, "value": t.value, "static": t.is_static}
                    for t in throttles
                ],
            }
        )
        return 0
    if moves:
        rows = [(*m.partition, m.replicas, m.adding, m.removing) for m in moves]
        print_table(("TOPIC", "PARTITION", "REPLICAS", "ADDING", "REMOVING"), rows, right=(1,))
    else:
        sys.stdout.write(message("reassign_status.idle") + "\n")
    if throttles:
        rows = [(f"{t.resource.kind} {t.resource.name or '*'}", t.key, t.value, t.is_static) for t in throttles]
        print_table(("THROTTLED", "KEY", "VALUE", "IN PROPERTIES FILE"), rows)
    return 0
