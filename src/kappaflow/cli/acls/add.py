"""`kappa acls add`: allow or deny something."""

from __future__ import annotations

import argparse

from kappaflow.cli.acls.entries import add_resource_arguments, operation_of, principal_of, resource_of
from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.errors import UsageError
from kappaflow.ops.acls import consumer_acls, plan_add, producer_acls
from kappaflow.ops.admin.acl_faces import AclEntry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_resource_arguments(parser)
    parser.add_argument("--principal", required=True, metavar="USER", help=message("acls.principal"))
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--operation", action="append", default=[], metavar="NAME", help=message("acls.operation"))
    what.add_argument("--producer", action="store_true", help=message("acls_add.producer"))
    what.add_argument("--consumer", default="", metavar="GROUP", help=message("acls_add.consumer"))
    parser.add_argument("--host", default="*", help=message("acls.host"))
    parser.add_argument("--prefixed", action="store_true", help=message("acls.prefixed"))
    permission = parser.add_mutually_exclusive_group()
    permission.add_argument("--allow", action="store_true", help=message("acls_add.allow"))
    permission.add_argument("--deny", action="store_true", help=message("acls_add.deny"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    with open_session(arguments) as session:
        return carry_out(session, plan_add(session, _entries(arguments)), arguments)


def _entries(arguments: argparse.Namespace) -> list[AclEntry]:
    kind, name = resource_of(arguments)
    if not kind:
        raise UsageError(message("acls.name_it"))
    pattern = "prefixed" if arguments.prefixed else "literal"
    principal = principal_of(arguments.principal)
    if arguments.producer or arguments.consumer:
        if kind != "topic" or arguments.deny:
            raise UsageError(message("acls_add.roles"))
        if arguments.producer:
            return producer_acls(principal, name, pattern=pattern)
        return consumer_acls(principal, name, arguments.consumer, pattern=pattern)
    permission = "deny" if arguments.deny else "allow"
    operations = [operation_of(given) for given in arguments.operation]
    return [AclEntry(kind, name, pattern, principal, arguments.host, op, permission) for op in operations]
