"""`kappa topics describe`: topics partition by partition."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.topics import texts as _texts
from kappaflow.ops.topics import TopicDetail, describe_topics

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; the filters are called as those of kafka-topics."""
    parser.add_argument("names", nargs="*", metavar="TOPIC", help=message("topics_describe.names"))
    parser.add_argument("--match", default="", metavar="REGEX", help=message("topics.match"))
    parser.add_argument("--with-overrides", action="store_true", help=message("topics_describe.overrides"))
    only = parser.add_mutually_exclusive_group()
    for flag, value in (
        ("--under-replicated-partitions", "under_replicated"),
        ("--under-min-isr-partitions", "under_min_isr"),
        ("--at-min-isr-partitions", "at_min_isr"),
        ("--unavailable-partitions", "unavailable"),
    ):
        only.add_argument(
            flag, dest="only", action="store_const", const=value, help=message(f"topics_describe.{value}")
        )
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    with open_session(arguments) as session:
        details = describe_topics(
            session,
            arguments.names or None,
            only=arguments.only,
            match=arguments.match,
            overrides=arguments.with_overrides,
        )
    if arguments.json:
        print_json([_data(detail) for detail in details])
        return 0
    for number, detail in enumerate(details):
        if number:
            sys.stdout.write("\n")
        _show(detail)
    return 0


def _show(detail: TopicDetail) -> None:
    configs = ", ".join(f"{name}={value}" for name, value in sorted(detail.configs.items()))
    line = message("topics_describe.topic", topic=detail.topic.name, topic_id=detail.topic.topic_id or "-")
    sys.stdout.write(line + "\n" + message("topics_describe.configs", configs=configs or "-") + "\n")
    rows = [(p.partition, p.leader if p.leader >= 0 else None, p.replicas, p.in_sync, p.offline) for p in detail.shown]
    print_table(("PARTITION", "LEADER", "REPLICAS", "IN SYNC", "OFFLINE"), rows, right=(0, 1))


def _data(detail: TopicDetail) -> dict[str, object]:
    return {
        "topic": detail.topic.name,
        "topic_id": detail.topic.topic_id or None,
        "internal": detail.topic.is_internal,
        "configs": detail.configs,
        "min_insync_replicas": detail.min_in_sync,
        "partitions": [
            {
                "partition": p.partition,
                "leader": p.leader if p.leader >= 0 else None,
                "replicas": list(p.replicas),
                "in_sync": list(p.in_sync),
                "offline": list(p.offline),
            }
            for p in detail.shown
        ],
    }
