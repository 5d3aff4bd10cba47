"""`kappa acls list`: who may do what."""

from __future__ import annotations

import argparse

from kappaflow.cli.acls.entries import add_resource_arguments, operation_of, principal_of, resource_of
from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.ops.acls import AclFilter, list_acls
from kappaflow.ops.admin.acl_faces import PATTERNS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_resource_arguments(parser)
    parser.add_argument("--principal", default="", metavar="USER", help=message("acls.principal"))
    parser.add_argument("--operation", default="", metavar="NAME", help=message("acls.operation"))
    parser.add_argument("--host", default="", help=message("acls.of_host"))
    parser.add_argument("--pattern", choices=PATTERNS, default="", help=message("acls.pattern"))
    parser.add_argument("--matching", action="store_true", help=message("acls_list.matching"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    kind, name = resource_of(arguments)
    only = AclFilter(
        kind,
        name,
        principal_of(arguments.principal) if arguments.principal else "",
        operation_of(arguments.operation) if arguments.operation else "",
        host=arguments.host,
        pattern=arguments.pattern,
        matching=arguments.matching,
    )
    with open_session(arguments) as session:
        entries = list_acls(session, only)
    if arguments.json:
        print_json([entry._asdict() for entry in entries])
    else:
        columns = ("KIND", "NAME", "PATTERN", "PRINCIPAL", "HOST", "OPERATION", "PERMISSION")
        print_table(columns, entries)
    return 0
