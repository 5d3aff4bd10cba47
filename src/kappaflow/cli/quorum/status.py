"""`kappa quorum status`: voters and observers, the leader first, with the quorum arithmetic."""

from __future__ import annotations

import argparse
import sys

from kappaflow.cli.messages import message
from kappaflow.cli.operations.tables import print_json, print_table
from kappaflow.cli.operations.target import add_json_argument, add_target_arguments, open_session
from kappaflow.cli.quorum import texts as _texts
from kappaflow.ops.quorum import QuorumStatus, quorum_status

assert _texts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_target_arguments(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it; 1 where something is not as it should be."""
    with open_session(arguments) as session:
        status = quorum_status(session)
    if arguments.json:
        print_json(_data(status))
    else:
        _show(status)
    return 1 if status.problems() else 0


def _show(status: QuorumStatus) -> None:
    rows = [
        (
            m.node_id,
            m.role,
            m.fresh,
            m.log_end_offset,
            m.lag,
            m.behind_ms if m.behind_ms >= 0 else None,
            m.address or None,
            m.directory_id or None,
        )
        for m in status.members
    ]
    columns = ("NODE", "ROLE", "FOLLOWS", "LOG END", "LAG", "BEHIND MS", "ADDRESS", "DIRECTORY")
    print_table(columns, rows, right=(0, 3, 4, 5))
    lines = [
        message(
            "quorum_status.leader",
            leader=status.leader_id if status.leader_id >= 0 else "-",
            epoch=status.leader_epoch,
            watermark=status.high_watermark,
        ),
        message(
            "quorum_status.quorum",
            serving=status.serving,
            voters=len(status.voters),
            quorum=status.quorum,
            lose=max(0, status.can_lose),
        ),
        *(f"!! {problem}" for problem in status.problems()),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _data(status: QuorumStatus) -> dict[str, object]:
    return {
        "leader_id": status.leader_id,
        "leader_epoch": status.leader_epoch,
        "high_watermark": status.high_watermark,
        "members": [m._asdict() for m in status.members],
        "voters": len(status.voters),
        "serving": status.serving,
        "quorum": status.quorum,
        "can_lose": status.can_lose,
        "problems": [str(problem) for problem in status.problems()],
    }
