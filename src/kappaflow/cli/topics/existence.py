"""Whether the topic of a command exists, for commands that are to pass over it silently if not, or if so."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json
from kappaflow.cli.topics import texts as _texts
from kappaflow.ops.session import OpsSession

assert _texts


def is_missing(session: OpsSession, arguments: argparse.Namespace) -> bool:
    """Whether there is no such topic; says so, that nothing is done."""
    if session.admin.topics.describe([arguments.name]):
        return False
    _say_nothing_done(arguments, "topics.passed_missing")
    return True


def is_there(session: OpsSession, arguments: argparse.Namespace) -> bool:
    """Whether there is such a topic already; says so, that nothing is done."""
    if not session.admin.topics.describe([arguments.name]):
        return False
    _say_nothing_done(arguments, "topics.passed_there")
    return True


def _say_nothing_done(arguments: argparse.Namespace, key: str) -> None:
    if arguments.json:
        print_json({"plan": None, "file": None, "problems": []})
    else:
        sys.stdout.write(message(key, topic=arguments.name) + "\n")
