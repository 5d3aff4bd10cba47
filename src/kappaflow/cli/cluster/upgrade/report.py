"""`kappa cluster upgrade-report OLD NEW`: what would be different in another version of Kafka."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.cluster.upgrade import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.upgrade.compatibility import UpgradeReport, report

assert _texts
SHOWN_LETTERS = 48


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("old", metavar="OLD", help=message("cluster_upgrade.old_version"))
    parser.add_argument("new", metavar="NEW", help=message("cluster_upgrade.new_version"))
    parser.add_argument("--no-cluster", action="store_true", help=message("cluster_upgrade.no_cluster"))
    parser.add_argument("--all", action="store_true", help=message("cluster_upgrade.all"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    if arguments.no_cluster:
        found = report(None, arguments.old, arguments.new)
    else:
        with open_session(arguments) as session:
            found = report(session, arguments.old, arguments.new)
    if arguments.json:
        print_json(found._asdict() | {"changes": [c._asdict() | {"concerns": c.concerns} for c in found.changes]})
        return 0
    _print(found, everything=arguments.all or arguments.no_cluster)
    return 0


def _print(found: UpgradeReport, *, everything: bool) -> None:
    _say("cluster_upgrade.head", old=found.old, new=found.new, source=found.source)
    if found.protocol:
        _say("cluster_upgrade.protocol", protocol=found.protocol)
    _say("cluster_upgrade.java", needed=found.java_needed)
    for node, java in found.java_found.items():
        key = "cluster_upgrade.java_unknown" if not java else "cluster_upgrade.java_found"
        _say(
            key,
            node=node,
            java=java,
            verdict=message("cluster_upgrade.ok" if java >= found.java_needed else "cluster_upgrade.old_java"),
        )
    _say("cluster_upgrade.clients", oldest=found.oldest_client)
    shown = [change for change in found.changes if everything or change.concerns]
    _say("cluster_upgrade.count", shown=len(shown), all=len(found.changes))
    rows = [
        (c.change, c.scope, c.name, _short(c.before), _short(c.after), ", ".join(c.set_on[:3]) or None) for c in shown
    ]
    if rows:
        print_table(("CHANGE", "OF", "NAME", "BEFORE", "AFTER", "SET ON"), rows)


def _short(value: str) -> str | None:
    return (value if len(value) <= SHOWN_LETTERS else value[: SHOWN_LETTERS - 3] + "...") or None


def _say(key: str, **values: object) -> None:
    sys.stdout.write(message(key, **values) + "\n")
