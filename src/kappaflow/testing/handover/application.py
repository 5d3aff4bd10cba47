"""A program that runs the application: settings are arguments of the form name=value, the end of input closes it.

It prints its topology, then "reached" when it takes the event with the number stop.at, and stands still there.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from typing import Any, cast

from kappaflow.streams import (
    JoinWindows,
    KafkaStreams,
    Serdes,
    SessionWindows,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
    Topology,
)

TEXT = Serdes.string()
WINDOW_MS = 10_000
DAY_MS = 86_400_000


def tell(text: str) -> None:
    """Write to standard output now."""
    sys.stdout.write(text)
    sys.stdout.flush()


class StopAt:
    """Stands still at one event, until it is let go."""

    def __init__(self, number: int) -> None:
        self._number = str(number)
        self.released = threading.Event()

    def __call__(self, _key: str, value: str) -> None:
        """Take an event."""
        if value.rpartition(",")[2] == self._number:
            tell("reached\n")
            self.released.wait()


def add(_key: str, value: str, total: str) -> str:
    """Add an event to a total."""
    count, amount = total.split(",")
    return f"{int(count) + 1},{int(amount) + int(value.split(',')[1])}"


def handover_topology(check: Any, prefix: str = "") -> Topology:
    """Return the topology.

    Args:
        check: called with each event.
        prefix: of the names of its topics.
    """
    builder = StreamsBuilder(key_serde=TEXT, value_serde=TEXT)
    users = builder.table(f"{prefix}users")
    events = builder.stream(f"{prefix}events").peek(check)
    clicks = builder.stream(f"{prefix}clicks")
    windowed = Serdes.time_windowed(TEXT, WINDOW_MS)
    totals = events.group_by(lambda _key, value: value.split(",")[0])
    totals.aggregate(lambda: "0,0", add).to_stream().to(f"{prefix}totals-out")
    by_window = events.group_by_key().windowed_by(TimeWindows.of(WINDOW_MS, grace=DAY_MS))
    by_window.count().to_stream().to(f"{prefix}windows-out", key_serde=windowed, value_serde=Serdes.long())
    closing = events.group_by_key().windowed_by(TimeWindows.of(WINDOW_MS, grace=5_000))
    final = closing.count().suppress(Suppressed.until_window_closes())
    final.to_stream().to(f"{prefix}final-out", key_serde=windowed, value_serde=Serdes.long())
    sessions = events.group_by_key().windowed_by(SessionWindows.of(3_000, grace=DAY_MS)).count()
    session_keys = Serdes.session_windowed(TEXT)
    sessions.to_stream().to(f"{prefix}sessions-out", key_serde=session_keys, value_serde=Serdes.long())
    events.join(users, lambda value, row: f"{value}@{row}").to(f"{prefix}enriched-out")
    near = events.left_join(
        clicks,
        lambda value, click: f"{value}&{'null' if click is None else click}",
        JoinWindows.of(5_000, grace=600_000),
    )
    near.to(f"{prefix}near-out")
    return builder.build()


def main(arguments: list[str]) -> None:
    """Run until standard input ends."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    settings: Mapping[str, str] = dict(cast(tuple[str, str], tuple(each.split("=", 1))) for each in arguments)
    check = StopAt(int(settings["stop.at"]))
    topology = handover_topology(check, settings.get("topic.prefix", ""))
    tell(topology.describe() + "described\n")
    streams = KafkaStreams(
        topology,
        application_id=settings["application.id"],
        bootstrap_servers=settings["bootstrap.servers"],
        state_dir=settings["state.dir"],
        processing_guarantee=cast(Any, settings["processing.guarantee"]),
        commit_interval_ms=int(settings["commit.interval.ms"]),
        session_timeout_ms=int(settings["session.timeout.ms"]),
        replication_factor=int(settings["replication.factor"]),
        caching=False,
    )
    streams.start()
    sys.stdin.read()
    closing = threading.Thread(target=streams.close, kwargs={"leave": True})
    closing.start()
    check.released.set()
    closing.join()


if __name__ == "__main__":
    main(sys.argv[1:])
