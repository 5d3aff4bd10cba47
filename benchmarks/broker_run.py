"""Command line: ``python -m benchmarks.broker_run``, which is ``make bench GROUP=broker``."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.broker_perf import RECORDS_BY_SIZE, compare
from benchmarks.broker_start import LIMITS_SECONDS, measure
from benchmarks.report import RESULTS, machine

_SETTINGS = {
    "durability": "acks=all, one replica, no fsync before the answer on either side",
    "kappaflow": "--flush none",
    "apache_kafka": "log.flush.* as they come, heap 1 GB",
}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--group", default="broker", choices=["broker"])
    parser.add_argument("--part", default="all", choices=["perf", "start", "all"])
    parser.add_argument("--runs", type=int, default=3, help="rounds of each broker and size (default 3)")
    parser.add_argument("--starts", type=int, default=10, help="starts after each kind of end (default 10)")
    parser.add_argument("--share", type=float, default=1.0, help="of the records; 0.05 is a first picture")
    parser.add_argument("--sizes", default=",".join(map(str, RECORDS_BY_SIZE)), help="bytes of a record")
    parser.add_argument("--partitions", default=",".join(map(str, LIMITS_SECONDS)), help="partitions to start with")
    parser.add_argument("--results", type=Path, default=RESULTS / "broker", help="where the results are written")
    parser.add_argument("--lock", type=Path, default=None, help="a lock file to hold while each pair is measured")
    return parser.parse_args()


def write(directory: Path, results: list[dict[str, Any]]) -> Path:
    """Write the results over those of the same day and kind, and the page."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{datetime.now(UTC):%Y-%m-%d}-broker.json"
    kept = json.loads(file.read_text())["results"] if file.exists() else []
    names = {result["workload"] for result in results}
    merged = [result for result in kept if result["workload"] not in names] + results
    document = {"group": "broker", "machine": machine(), "settings": _SETTINGS, "results": merged}
    file.write_text(json.dumps(document, indent=1) + "\n")
    (directory / "README.md").write_text(page(document, file.name[:10]))
    return file


def page(document: dict[str, Any], date: str) -> str:
    """The results as Markdown."""
    host = document["machine"]
    intro = (
        f"Written by `make bench GROUP=broker` on {date}: {host['cores']} cores, {host['cpu']}, {host['memory_gib']} "
        f"GiB, Apache Kafka {host['kafka']}. Medians of alternating runs. Durability of both: "
        f"{document['settings']['durability']}."
    )
    lines = [
        "# Broker benchmark results",
        "",
        intro,
        "",
    ]
    perf = [result for result in document["results"] if result["workload"].startswith("perf-")]
    if perf:
        lines += [
            "| value | broker | write, MB/s | p99, ms | p50 / p99 at 2 MB/s, ms | read, MB/s | RSS (peak), MB | runs |",
            "|---:|---|---:|---:|---:|---:|---:|---:|",
        ]
    for result in sorted(perf, key=lambda each: each["record_bytes"]):
        for side, row in result["medians"].items():
            rounds = sum(run["side"] == side for run in result["runs"])
            lines.append(
                f"| {result['record_bytes']} B | {side} | {row['produce_mb_per_second']:.1f} | "
                f"{row['produce_p99_ms']:.0f} | {row['paced_p50_ms']:.0f} / {row['paced_p99_ms']:.0f} | "
                f"{row['consume_mb_per_second']:.1f} | {row['memory_mb']:.0f} ({row['memory_peak_mb']:.0f}) "
                f"| {rounds} |"
            )
    starts = [result for result in document["results"] if result["workload"].startswith("start-")]
    if starts:
        lines += [
            *([""] if perf else []),
            "| partitions | exec to answer after a clean end, s | after SIGKILL, s | wanted (clean), s | starts |",
            "|---:|---:|---:|---:|---:|",
        ]
    lines += [
        f"| {result['partitions']:,} | {result['medians']['clean']:.2f} | {result['medians']['killed']:.2f} | "
        f"{result['limit_seconds'] or ''} | {len(result['seconds']['clean'])} |"
        for result in sorted(starts, key=lambda each: each["partitions"])
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure and write the results, each part as soon as it is there."""
    options = arguments()
    if options.part in ("start", "all"):
        counts = tuple(int(each) for each in options.partitions.split(","))
        print("written:", write(options.results, measure(options.starts, counts, options.lock)), flush=True)
    if options.part in ("perf", "all"):
        for size in (int(each) for each in options.sizes.split(",")):
            results = compare(options.runs, options.share, [size], options.lock)
            print("written:", write(options.results, results), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
