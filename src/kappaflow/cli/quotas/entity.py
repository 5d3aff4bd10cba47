"""Options that name whose a quota is."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.quotas import texts as _texts
from kappaflow.ops.admin.user_faces import QuotaEntity

assert _texts


def add_entity_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--user", default="", metavar="NAME", help=message("quotas.user"))
    parser.add_argument("--client-id", default="", metavar="NAME", help=message("quotas.client_id"))
    parser.add_argument("--ip", default="", metavar="ADDRESS", help=message("quotas.ip"))


def entity_of(arguments: argparse.Namespace) -> QuotaEntity:
    """Whom the options name; nobody where they name none."""
    return QuotaEntity(arguments.user, arguments.client_id, arguments.ip)
