"""`kappa streams reset`: an application begins anew, as after Kafka's own reset tool."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from kappaflow.cli.messages import message
from kappaflow.cli.operations.times import duration_ms, time_ms
from kappaflow.cli.streams import texts as _texts
from kappaflow.client.connection import ClientConfig
from kappaflow.streams.execution import reset

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; they are called as those of kafka-streams-application-reset."""
    parser.add_argument("--application-id", required=True, metavar="ID", help=message("streams.application_id"))
    parser.add_argument(
        "--bootstrap-servers", default="127.0.0.1:9092", metavar="HOSTS", help=message("streams.bootstrap")
    )
    parser.add_argument("--input-topics", default="", metavar="A,B", help=message("streams_reset.inputs"))
    parser.add_argument("--intermediate-topics", default="", metavar="A,B", help=message("streams_reset.intermediate"))
    to = parser.add_mutually_exclusive_group()
    to.add_argument("--to-earliest", action="store_true", help=message("streams_reset.earliest"))
    to.add_argument("--to-latest", action="store_true", help=message("streams_reset.latest"))
    to.add_argument("--to-offset", type=int, metavar="N", help=message("streams_reset.offset"))
    to.add_argument("--to-datetime", metavar="TIME", help=message("streams_reset.datetime"))
    to.add_argument("--by-duration", metavar="PnDTnHnMnS", help=message("streams_reset.duration"))
    to.add_argument("--shift-by", type=int, metavar="N", help=message("streams_reset.shift"))
    parser.add_argument("--force", action="store_true", help=message("streams_reset.force"))
    parser.add_argument("--dry-run", action="store_true", help=message("streams_reset.dry_run"))
    parser.add_argument("--json", action="store_true", help=message("streams_reset.json"))


def run(arguments: argparse.Namespace) -> int:
    """Show what changes, and change it unless asked not to."""
    client = ClientConfig(arguments.bootstrap_servers, client_id="kappa-streams-reset")
    plan = reset.plan_reset(
        client,
        arguments.application_id,
        input_topics=_names(arguments.input_topics),
        intermediate_topics=_names(arguments.intermediate_topics),
        to=_target(arguments),
        force=arguments.force,
    )
    if arguments.json:
        sys.stdout.write(json.dumps(_data(plan), indent=2) + "\n")
    else:
        _show(plan)
    if arguments.dry_run:
        if not arguments.json:
            sys.stdout.write(message("streams_reset.not_done") + "\n")
        return 0
    reset.apply_reset(client, plan)
    if not arguments.json:
        sys.stdout.write(message("streams_reset.done", application=arguments.application_id) + "\n")
    return 0


def _show(plan: reset.ResetPlan) -> None:
    for change in plan.offsets:
        before = "-" if change.before is None else str(change.before)
        name = f"{change.partition.topic}-{change.partition.partition}"
        sys.stdout.write(message("streams_reset.change", partition=name, before=before, after=change.after) + "\n")
    for member in plan.members:
        name = member.group_instance_id or member.member_id
        sys.stdout.write(message("streams_reset.remove", member=name, host=member.client_host) + "\n")
    for topic in plan.internal_topics:
        sys.stdout.write(message("streams_reset.delete", topic=topic) + "\n")
    if not plan.offsets and not plan.internal_topics:
        sys.stdout.write(message("streams_reset.nothing", application=plan.application_id) + "\n")


def _data(plan: reset.ResetPlan) -> dict[str, Any]:
    data: dict[str, Any] = {"application_id": plan.application_id, "internal_topics": list(plan.internal_topics)}
    data["members"] = [member.group_instance_id or member.member_id for member in plan.members]
    data["offsets"] = [
        {"topic": c.partition.topic, "partition": c.partition.partition, "before": c.before, "after": c.after}
        for c in plan.offsets
    ]
    return data


def _target(arguments: argparse.Namespace) -> reset.Target:
    if arguments.to_latest:
        return reset.to_latest()
    if arguments.to_offset is not None:
        return reset.to_offset(arguments.to_offset)
    if arguments.shift_by is not None:
        return reset.shift_by(arguments.shift_by)
    if arguments.to_datetime is not None:
        return reset.to_time(time_ms(arguments.to_datetime))
    if arguments.by_duration is not None:
        return reset.to_time(int(time.time() * 1000) - duration_ms(arguments.by_duration))
    return reset.to_earliest()


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
