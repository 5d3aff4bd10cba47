"""Many persistent queries on one server: how long they take to be created and to start again, and what they hold.

    make bench GROUP=queries BENCH_ARGS='--queries 500'

Half of the queries filter and project, half count and add up by key, all from one stream. Figures are of the whole
process tree: supervisor, broker, control process, workers.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from benchmarks import report
from kappaflow.testing.embedded_server import EmbeddedServer

QUERIES = 500
GUARANTEES = ("at_least_once", "exactly_once_v2")
SETTLED_SECONDS = 10.0
WAIT_SECONDS = 300.0
SOURCE = (
    "CREATE STREAM src (k STRING KEY, i INT, s STRING) WITH (KAFKA_TOPIC='src', VALUE_FORMAT='JSON', PARTITIONS=1);"
)


@dataclass(frozen=True)
class Holding:
    """What a process tree holds.

    Attributes:
        rss_mb: resident memory of all processes.
        threads, handles: of all processes; the most handles of one.
        cpu_seconds: used so far.
    """

    rss_mb: float
    threads: int
    handles: int
    handles_of_one: int
    cpu_seconds: float


def process_tree(root: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(path.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def holding(root: int) -> Holding:
    """Read the figures of a process tree."""
    rss, threads, cpu, handles = 0, 0, 0, []
    for pid in process_tree(root):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        rss += int(status["VmRSS"].split()[0])
        threads += int(status["Threads"])
        handles.append(sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        cpu += int(fields[11]) + int(fields[12])
    ticks = os.sysconf("SC_CLK_TCK")
    return Holding(round(rss / 1024, 1), threads, sum(handles), max(handles), round(cpu / ticks, 1))


def statement(number: int) -> str:
    """The statement of a query."""
    if number % 2:
        sums = "SELECT k, COUNT(*) AS n, SUM(i) AS total FROM src"
        return f"CREATE TABLE t{number} AS {sums} WHERE i > {number} GROUP BY k;"
    return f"CREATE STREAM f{number} AS SELECT k, i + {number} AS i, UCASE(s) AS s FROM src WHERE i > {number};"


def wait_running(server: EmbeddedServer, count: int) -> int:
    """Wait until all queries run; return the most handles that the process tree held meanwhile.

    Raises:
        TimeoutError: they do not.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    most = 0
    while time.monotonic() < deadline:
        try:
            figures = server.figures()
        except httpx.TransportError:
            figures = {}
        with suppress(OSError, KeyError):  # a process of the tree has just ended
            most = max(most, holding(server.pid).handles)
        if sum(query["state"] == "RUNNING" for query in figures.values()) >= count:
            return most
        time.sleep(0.2)
    raise TimeoutError(f"{count} queries do not run within {WAIT_SECONDS:.0f} s.")


def measure(count: int, directory: Path, guarantee: str = GUARANTEES[0]) -> dict[str, object]:
    """Create the queries, stop the server, start it again; return the figures."""
    properties = {} if guarantee == GUARANTEES[0] else {"processing.guarantee": guarantee}
    with EmbeddedServer(data_dir=directory) as server:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            client.post("/ksql", json={"ksql": SOURCE}).raise_for_status()
            started = time.monotonic()
            for number in range(count):
                request = {"ksql": statement(number), "streamsProperties": properties}
                client.post("/ksql", json=request).raise_for_status()
            created = time.monotonic() - started
        wait_running(server, count)
    load = os.getloadavg()[0]
    started = time.monotonic()
    with EmbeddedServer(data_dir=directory) as server:
        most_handles = wait_running(server, count)
        start_seconds = time.monotonic() - started
        first = holding(server.pid)
        time.sleep(SETTLED_SECONDS)
        settled = holding(server.pid)
    idle = (settled.cpu_seconds - first.cpu_seconds) / SETTLED_SECONDS
    return {
        "queries": count,
        "guarantee": guarantee,
        "create_seconds": round(created, 1),
        "start_seconds": round(start_seconds, 1),
        "load": round(load, 1),
        "idle_processors": round(idle, 2),
        "most_handles": most_handles,
        "holding": asdict(settled),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--group", default="queries")
    parser.add_argument("--queries", type=int, default=QUERIES)
    parser.add_argument("--guarantee", choices=GUARANTEES, default=GUARANTEES[0])
    parser.add_argument("--results", type=Path, help="the directory that keeps the results; none are kept without")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kappa-queries-") as directory:
        found = measure(options.queries, Path(directory), options.guarantee)
    print(json.dumps(found, indent=1))
    if options.results is not None:
        kind = "" if options.guarantee == GUARANTEES[0] else "-exactly-once"
        kept = {"workload": f"queries-{options.queries}{kind}", "title": f"{options.queries} queries{kind}", **found}
        print("written:", report.write(options.results, f"queries{kind}", [kept]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
