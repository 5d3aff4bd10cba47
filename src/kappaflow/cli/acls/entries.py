"""Options that name access control entries."""

from __future__ import annotations

import argparse

from kappaflow.cli.acls import texts as _texts
from kappaflow.cli.messages import message
from kappaflow.errors import UsageError
from kappaflow.ops.admin.acl_faces import CLUSTER_NAME, OPERATIONS

assert _texts
RESOURCES = (
    ("topic", "topic"),
    ("group", "group"),
    ("transactional_id", "transactional-id"),
    ("delegation_token", "delegation-token"),
    ("user_principal", "user"),
)


def add_resource_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the resource; one of them, or none."""
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--topic", default="", help=message("acls.topic"))
    one.add_argument("--group", default="", help=message("acls.group"))
    one.add_argument("--transactional-id", default="", metavar="ID", help=message("acls.transactional_id"))
    one.add_argument("--delegation-token", default="", metavar="ID", help=message("acls.delegation_token"))
    one.add_argument("--user-principal", default="", metavar="USER", help=message("acls.user_principal"))
    one.add_argument("--of-cluster", action="store_true", help=message("acls.of_cluster"))


def resource_of(arguments: argparse.Namespace) -> tuple[str, str]:
    """Kind and name of the resource; both are empty where none is named."""
    if arguments.of_cluster:
        return "cluster", CLUSTER_NAME
    for option, kind in RESOURCES:
        name = getattr(arguments, option)
        if name:
            return kind, principal_of(name) if kind == "user" and name != "*" else name
    return "", ""


def operation_of(given: str) -> str:
    """An operation in Kafka's spelling, whatever the case and dashes.

    Raises:
        UsageError: there is none of the name.
    """
    found = {name.lower(): name for name in OPERATIONS}.get(given.lower().replace("-", "").replace("_", ""))
    if found is None:
        raise UsageError(message("acls.bad_operation", given=given, known=", ".join(OPERATIONS)))
    return found


def principal_of(given: str) -> str:
    """A principal; a bare name is a user's.

    >>> principal_of("alice"), principal_of("User:alice"), principal_of("*")
    ('User:alice', 'User:alice', 'User:*')
    """
    return given if ":" in given else f"User:{given}"
