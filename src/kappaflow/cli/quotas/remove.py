"""`kappa quotas remove`: take quotas away."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.quotas.entity import add_entity_arguments, entity_of
from kappaflow.errors import UsageError
from kappaflow.ops.users import plan_quotas


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_entity_arguments(parser)
    parser.add_argument("keys", nargs="*", metavar="QUOTA", help=message("quotas_remove.keys"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    entity = entity_of(arguments)
    with open_session(arguments) as session:
        keys = arguments.keys or list(session.admin.quotas.list().get(entity, {}))
        if not keys:
            raise UsageError(message("quotas_remove.missing", entity=str(entity) or "-"))
        return carry_out(session, plan_quotas(session, entity, dict.fromkeys(keys)), arguments)
