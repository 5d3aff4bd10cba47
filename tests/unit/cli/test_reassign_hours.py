"""``--at``: the hours of the day in which moves begin."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kappaflow.cli.reassign.options import hours_of
from kappaflow.errors import UsageError
from kappaflow.ops.monitor import TimeStore, store_directory
from kappaflow.ops.monitor.quiet_hours import TRAFFIC
from kappaflow.testing.simulated_cluster import SimulatedCluster


@pytest.mark.parametrize(
    ("zone", "text", "begin", "end"),
    [
        ("UTC0", "02:00-05:00", 120, 300),
        ("UTC0", "23:00-01:30", 1380, 90),
        ("KST-9", "02:00-05:00", 1020, 1200),
        ("EST+5", "22:00-00:00", 180, 300),
    ],
)
def test_hours_are_those_of_this_machines_clock(
    monkeypatch: pytest.MonkeyPatch, zone: str, text: str, begin: int, end: int
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = hours_of(SimulatedCluster().session(), text)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (found.begin, found.end) == (begin, end)


@pytest.mark.parametrize("text", ["2-5", "25:00-03:00", "02:00-02:00", "night", "quiet:long"])
def test_what_are_no_hours_is_said(text: str) -> None:
    with pytest.raises(UsageError):
        hours_of(SimulatedCluster().session(), text)


def test_quiet_hours_come_from_what_the_monitor_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAPPA_HOME", str(tmp_path))
    monkeypatch.setenv("KAPPA_LANG", "en")
    session = SimulatedCluster().session()
    with pytest.raises(UsageError, match="kappa cluster monitor"):
        hours_of(session, "quiet")
    now = session.clock.time_ms() // 600_000 * 600_000
    with TimeStore(store_directory("simulated")) as store:
        for step in range(3 * 144):
            at = now - (3 * 144 - step) * 600_000
            store.add(at, {TRAFFIC: 5.0 if 180 <= at // 60_000 % 1440 < 540 else 500.0})
    four = hours_of(session, "quiet")
    assert (four.begin, four.end, four.rate) == (180, 420, 5.0)
    six = hours_of(session, "quiet:6h")
    assert (six.begin, six.end) == (180, 540)
