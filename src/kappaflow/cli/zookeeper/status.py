"""`kappa zookeeper status`: all servers, the leader first, with the quorum arithmetic."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, context_of
from kappaflow.cli.zookeeper import texts as _texts
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import EnsembleState, ensemble_state

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--zookeeper", default="", metavar="HOSTS", help=message("zookeeper_status.zookeeper"))
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it; 1 where something is not as it should be."""
    if arguments.zookeeper:
        rows = [(-1, address.strip()) for address in arguments.zookeeper.partition("/")[0].split(",")]
        arguments.bootstrap_servers = arguments.bootstrap_servers or "-"
        with OpsSession(context_of(arguments)) as session:
            state = ensemble_state(session, rows)
    else:
        with OpsSession(context_of(arguments)) as session:
            state = ensemble_state(session)
    problems = state.problems()
    if arguments.json:
        print_json(_data(state))
    else:
        _show(state)
    return 1 if problems else 0


def _show(state: EnsembleState) -> None:
    rows = [
        (
            s.server_id if s.server_id >= 0 else None,
            s.address,
            s.mode,
            s.ok,
            s.version or None,
            s.followers,
            s.connections if s.connections >= 0 else None,
            s.outstanding if s.outstanding >= 0 else None,
            f"{s.latency_ms:g}" if s.latency_ms >= 0 else None,
            s.znodes if s.znodes >= 0 else None,
        )
        for s in state.servers
    ]
    columns = ("SERVER", "ADDRESS", "MODE", "OK", "VERSION", "FOLLOWERS", "CLIENTS", "WAITING", "LATENCY MS", "ZNODES")
    print_table(columns, rows, right=(0, 5, 6, 7, 8, 9))
    line = message(
        "zookeeper_status.quorum",
        serving=state.serving,
        voting=state.voting,
        quorum=state.quorum,
        lose=max(0, state.can_lose),
    )
    sys.stdout.write(line + "\n")
    for problem in state.problems():
        sys.stdout.write(f"!! {problem}\n")


def _data(state: EnsembleState) -> dict[str, object]:
    return {
        "servers": [s._asdict() for s in state.servers],
        "voting": state.voting,
        "serving": state.serving,
        "quorum": state.quorum,
        "can_lose": state.can_lose,
        "problems": [str(problem) for problem in state.problems()],
    }
