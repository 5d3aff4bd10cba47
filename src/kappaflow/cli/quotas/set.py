"""`kappa quotas set`: limit what somebody may use of each broker."""

from __future__ import annotations

import argparse

from kappaflow.cli.messages import message
from kappaflow.cli.operations.carrying_out import add_plan_arguments, carry_out
from kappaflow.cli.operations.sizes import size_bytes
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.quotas.entity import add_entity_arguments, entity_of
from kappaflow.errors import UsageError
from kappaflow.ops.users import plan_quotas

_RATES = {"producer_rate": "producer_byte_rate", "consumer_rate": "consumer_byte_rate"}
_NUMBERS = {
    "request_percentage": "request_percentage",
    "mutation_rate": "controller_mutation_rate",
    "connection_rate": "connection_creation_rate",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_entity_arguments(parser)
    for name in _RATES:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, default="", metavar="RATE", help=message(f"quotas_set.{name}"))
    for name in _NUMBERS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, metavar="N", help=message(f"quotas_set.{name}"))
    add_plan_arguments(parser)
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plan it and carry it out."""
    changes: dict[str, float | None] = {
        key: float(size_bytes(given)) for name, key in _RATES.items() if (given := getattr(arguments, name))
    }
    numbers = {key: getattr(arguments, name) for name, key in _NUMBERS.items()}
    changes |= {key: value for key, value in numbers.items() if value is not None}
    if not changes:
        raise UsageError(message("quotas_set.none"))
    with open_session(arguments) as session:
        return carry_out(session, plan_quotas(session, entity_of(arguments), changes), arguments)
