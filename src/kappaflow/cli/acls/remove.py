"""`kappa acls remove`: take entries away."""

from __future__ import annotations

import argparse

from kappaflow.cli.acls.entries import add_resource_arguments, operation_of, principal_of, resource_of
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.errors import UsageError
from kappaflow.ops.acls import AclFilter, list_acls, plan_remove
from kappaflow.ops.admin.acl_faces import PATTERNS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; all entries go that they fit."""
    add_resource_arguments(parser)
    parser.add_argument("--principal", default="", metavar="USER", help=message("acls.principal"))
    parser.add_argument("--operation", default="", metavar="NAME", help=message("acls.operation"))
    parser.add_argument("--host", default="", help=message("acls.of_host"))
    parser.add_argument("--pattern", choices=PATTERNS, default="", help=message("acls.pattern"))
    permission = parser.add_mutually_exclusive_group()
    permission.add_argument("--allow", action="store_true", help=message("acls_remove.allow"))
    permission.add_argument("--deny", action="store_true", help=message("acls_remove.deny"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    kind, name = resource_of(arguments)
    if not kind and not arguments.principal:
        raise UsageError(message("acls_remove.name_them"))
    only = AclFilter(
        kind,
        name,
        principal_of(arguments.principal) if arguments.principal else "",
        operation_of(arguments.operation) if arguments.operation else "",
        "allow" if arguments.allow else "deny" if arguments.deny else "",
        host=arguments.host,
        pattern=arguments.pattern,
    )
    with open_session(arguments) as session:
        return carry_out(session, plan_remove(session, list_acls(session, only)), arguments)
