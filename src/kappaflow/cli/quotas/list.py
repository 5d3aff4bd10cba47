"""`kappa quotas list`: what users, client ids and addresses may use."""

from __future__ import annotations

import argparse

from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.quotas.entity import add_entity_arguments, entity_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_entity_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the quotas."""
    only = entity_of(arguments).parts()
    with open_session(arguments) as session:
        found = {e: q for e, q in session.admin.quotas.list().items() if only.items() <= e.parts().items()}
    if arguments.json:
        print_json([entity._asdict() | {"quotas": quotas} for entity, quotas in found.items()])
    else:
        rows = [(*(part or None for part in e), key, f"{v:,.15g}") for e, q in found.items() for key, v in q.items()]
        print_table(("USER", "CLIENT ID", "IP", "QUOTA", "VALUE"), rows, right=(4,))
    return 0
