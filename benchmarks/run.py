"""Command line: ``python -m benchmarks.run --group NAME``; the names are in benchmarks/README.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import latency, report, restore
from benchmarks.campaign import LARGE_CACHE, PEERS, Task, compare, peers_of, profile
from benchmarks.kafka import broker, remove_outputs
from benchmarks.orders import Orders
from benchmarks.turns import turn
from benchmarks.workloads import ALL, PARTS, WORKLOADS

RUNS = 3


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--group", default="all", choices=[*WORKLOADS, *PARTS, "restore", "latency", "all"])
    parser.add_argument("--records", type=int, default=None, help="input records (default 5,000,000; quix 300,000)")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each side")
    parser.add_argument("--keys", type=int, default=None, help="distinct keys instead of the workload's own")
    parser.add_argument("--caching", choices=("off", "on", "both"), default="both")
    parser.add_argument(
        "--peers",
        default=",".join(PEERS),
        help=f"comma list of java-trees, java-streaming, quix and {LARGE_CACHE} (with --caching on)",
    )
    parser.add_argument("--bootstrap-servers", default="", help="a broker that runs, instead of one started here")
    parser.add_argument("--no-profile", action="store_true", help="leave out the run for the cost split")
    parser.add_argument("--only-profile", action="store_true", help="nothing but the run for the cost split")
    parser.add_argument("--seconds", type=int, default=30, help="length of a latency run")
    parser.add_argument("--note", default="", help="what one has to know of the runs, for the page of results")
    parser.add_argument("--results", type=Path, default=report.RESULTS, help="where the results are written")
    parser.add_argument("--lock", type=Path, default=None, help="a lock file to hold while each round is measured")
    parser.add_argument("--serve", action="store_true", help="start the broker, print its address, wait for a signal")
    return parser.parse_args()


def run_group(group: str, options: argparse.Namespace, bootstrap: str) -> list[dict[str, Any]]:
    """Run one group and return its results."""
    if group == "latency":
        return latency.compare(bootstrap, options.runs, options.seconds, options.lock)
    if group == "restore":
        return restore.compare(bootstrap, options.runs, options.keys, options.lock)
    workload = WORKLOADS[group]
    orders = Orders(options.records or workload.records, options.keys or workload.keys, format=workload.format)
    for each in filter(None, (orders, workload.partner_of(orders))):
        with turn(options.lock):
            seconds = each.load(bootstrap)
        if seconds:
            print(f"loaded {each.count:,} records into {each.topic} in {seconds:.0f} s", flush=True)
    expected = workload.expected(orders)
    modes = {"off": [False], "on": [True], "both": [False, True]}[options.caching]
    results: list[dict[str, Any]] = []
    for caching in modes if workload.is_aggregation else [False]:
        task = Task(bootstrap, workload, orders, caching, expected, options.lock)
        result = (
            {} if options.only_profile else compare(task, options.runs, peers_of(workload, options.peers.split(",")))
        )
        if not options.no_profile:
            result["profile"] = profile(task)
            print(report.profile_text(workload.group, caching, result["profile"]), flush=True)
        if not options.only_profile:
            results.append(result)
            print(report.line(result), flush=True)
    return results


def main() -> int:
    """Run the groups and write their results."""
    options = arguments()
    groups = [*ALL, "restore", "latency"] if options.group == "all" else PARTS.get(options.group, [options.group])
    with (
        tempfile.TemporaryDirectory(prefix="kappa-bench-") as directory,
        broker(options.bootstrap_servers, Path(directory)) as bootstrap,
    ):
        if options.serve:
            print(bootstrap, flush=True)
            while True:
                time.sleep(3600)
        for group in groups:
            results = run_group(group, options, bootstrap)
            if results:
                print("written:", report.write(options.results, group, results, options.note), flush=True)
        remove_outputs(bootstrap)
    return 0


if __name__ == "__main__":
    sys.exit(main())
