"""Results as JSON files and as one readable page."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.java_side import JAVA_HEAP, JAVA_PROPERTIES
from benchmarks.join_workloads import JOINS
from benchmarks.order_formats import FORMATS
from benchmarks.quix_side import QUIX_VERSION
from benchmarks.side import CACHE_BYTES
from benchmarks.workload import COMMIT_INTERVAL_MS, TRANSACTION_INTERVAL_MS
from kappaflow.testing.java_program import KAFKA_VERSION

RESULTS = Path(__file__).parent / "results"
_HEAD = """# Benchmark results

Written by `make bench`. Kafka Streams {version} with one stream thread against one engine worker of kappaflow, in
alternating runs on one Apache Kafka {version} broker; medians. "Trees" is a Java program that reads JSON as
applications commonly do, with ObjectMapper; "streaming" is one that was written for speed. Rates are input records a
second after the first million. CPU is that of all processes and threads of a side, the broker aside: for kappaflow
supervisor, control process and worker. A ratio above 1 means that kappaflow is faster or cheaper. More on how it is
measured: [README](../README.md).
"""
_SIDES = {
    "java-trees": "Kafka Streams, trees",
    "java-streaming": "Kafka Streams, streaming",
    "java-streaming-large-cache": "Kafka Streams, streaming, cache of 512 MB",
    "quix": f"Quix Streams {QUIX_VERSION}",
    "kappaflow": "kappaflow",
}
_WITHOUT_MODE = (
    "filter",
    "quix-filter",
    *(workload.group for workload in JOINS),
    *(f"formats-{name.lower()}" for name in FORMATS),
)
_PARTS = ("wait", "decode", "compute", "state", "encode", "produce", "fetch", "group", "other")


def machine() -> dict[str, Any]:
    """What it ran on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "python": platform.python_version(),
        "kafka": KAFKA_VERSION,
    }


def write(directory: Path, group: str, results: list[dict[str, Any]], note: str = "") -> Path:
    """Write the results of a group, over those of the same day and kind, and the page of all.

    Args:
        note: what one has to know of the runs, such as what else the machine did.
    """
    if note:
        results = [{**result, "note": note} for result in results]
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{datetime.now(UTC):%Y-%m-%d}-{group}.json"
    kept = json.loads(file.read_text())["results"] if file.exists() else []
    renewed = {_kind(result) for result in results}
    merged = [result for result in kept if _kind(result) not in renewed] + results
    settings = {
        "java": JAVA_PROPERTIES,
        "java_heap": JAVA_HEAP,
        "cache_bytes": CACHE_BYTES,
        "commit_interval_ms": TRANSACTION_INTERVAL_MS if group == "exactly-once" else COMMIT_INTERVAL_MS,
    }
    document = {"group": group, "machine": machine(), "settings": settings, "results": sorted(merged, key=_kind)}
    file.write_text(json.dumps(document, indent=1) + "\n")
    (directory / "README.md").write_text(page(directory))
    return file


def _kind(result: dict[str, Any]) -> tuple[str, bool]:
    return result["workload"], result.get("caching", False)


def line(result: dict[str, Any]) -> str:
    """One comparison in one line."""
    if "ratio_wall" not in result:
        return f"{result['title']}: {result.get('ratios') or result.get('medians')}"
    ratios = "; ".join(
        f"{ratio:.2f} x {peer} in wall time, {result['ratio_cpu'][peer]:.2f} x in CPU"
        for peer, ratio in result["ratio_wall"].items()
    )
    equal = result["outputs_equal_byte_for_byte"]
    return f"{result['title']}{_mode(result)}: {ratios}; outputs equal byte for byte: {equal}"


def _mode(result: dict[str, Any]) -> str:
    if result["workload"] in _WITHOUT_MODE:
        return ""
    if "caching" not in result:
        return ""
    return ", caching on" if result["caching"] else ", every update"


def profile_text(group: str, caching: bool, profile: dict[str, Any]) -> str:
    """A profile for people."""
    parts = ", ".join(f"{part} {spent:.2f}" for part, spent in profile["seconds"].items())
    cpu = ", ".join(f"{name} {spent:.2f}" for name, spent in profile["cpu"].items())
    lines = "\n".join(f"  {spent:7.3f} s  {where}" for where, spent in profile["lines"])
    return f"profile {group}{' cached' if caching else ''}: {parts}\n  CPU by thread: {cpu}\n{lines}"


def _newest(directory: Path) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    found: dict[tuple[str, bool], tuple[str, dict[str, Any]]] = {}
    last: dict[str, Any] = {}
    for file in sorted(directory.glob("*.json")):
        document = json.loads(file.read_text())
        last = document["machine"]
        for result in document["results"]:
            found[_kind(result)] = (file.name[:10], result)
    return last, list(found.values())


def page(directory: Path) -> str:
    """The page over the newest result of each kind."""
    host, results = _newest(directory)
    text = [_HEAD.format(version=KAFKA_VERSION)]
    text.append(f"Machine: {host['cores']} cores, {host['cpu']}, {host['memory_gib']} GiB, Python {host['python']}.\n")
    rates = [(date, result) for date, result in results if "ratio_wall" in result]
    if rates:
        text += ["## Throughput\n", _throughput(rates)]
    profiles = [(date, result) for date, result in rates if "profile" in result]
    if profiles:
        text += ["## Where kappaflow's time goes\n", _split(profiles)]
    restores = [(date, result) for date, result in results if "starts" in result]
    if restores:
        text += ["## Restore\n", _restores(restores)]
    latencies = [(date, result) for date, result in results if "medians" in result]
    if latencies:
        text += ["## Latency at 5,000 records a second\n", _latency(latencies)]
    plans = [(date, result) for date, result in results if "parse_ms" in result]
    if plans:
        text += ["## Planning\n", _plans(plans)]
    held = [(date, result) for date, result in results if "holding" in result]
    if held:
        text += ["## Many queries on one server\n", _held(held)]
    notes = [f"- {r['title']}{_mode(r)}, {date}: {r['note']}" for date, r in results if r.get("note")]
    if notes:
        text += ["## Notes\n", "\n".join(notes) + "\n"]
    return "\n".join(text)


def _throughput(rows: list[tuple[str, dict[str, Any]]]) -> str:
    lines = [
        "| workload | side | records/s | CPU, us a record | ratio, wall time | ratio, CPU | records | date |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for date, result in rows:
        name = f"{result['title']}{_mode(result)}"
        for side, rate in result["records_per_second"].items():
            wall, cpu = (result[kind].get(side) for kind in ("ratio_wall", "ratio_cpu"))
            ratios = f"**{wall:.2f}** | **{cpu:.2f}**" if wall and cpu else " | "
            lines.append(
                f"| {name} | {_SIDES[side]} | {rate:,.0f} | {result['cpu_us_per_record'][side]:.2f} | {ratios}"
                f" | {result['records']:,} | {date} |"
            )
    return "\n".join(lines) + "\n"


def _split(rows: list[tuple[str, dict[str, Any]]]) -> str:
    lines = [
        (
            "Seconds of the stream thread by part in one more run with a sampling profiler, and CPU seconds of the"
            " threads that read from and write to the broker.\n"
        ),
        "| workload | " + " | ".join(_PARTS) + " | fetch thread, CPU | produce thread, CPU |",
        "|---|" + "---:|" * (len(_PARTS) + 2),
    ]
    for _, result in rows:
        seconds, cpu = result["profile"]["seconds"], result["profile"]["cpu"]
        cells = [f"{seconds.get(part, 0):.2f}" for part in _PARTS]
        threads = [sum(v for k, v in cpu.items() if word in k) for word in ("fetch", "produce")]
        cells += [f"{spent:.2f}" for spent in threads]
        lines.append(f"| {result['title']}{_mode(result)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


_STARTS = ("restore_seconds", "first_seconds", "all_seconds", "cpu_seconds")


def _restores(rows: list[tuple[str, dict[str, Any]]]) -> str:
    lines = [
        (
            "The changelog has one record a key. Restore: seconds from the begin of the restore to its end, as each"
            " side tells it. First, all: seconds from the start of the process to results of records that came in"
            " while it was away, of any and of each of the 4 partitions, with the local state wiped and, for"
            " comparison, kept: there is nothing to restore then.\n"
        ),
        "| state | side | restore, s | first, s | all, s | CPU, s | ratio, restore | first | all | CPU | date |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for date, result in rows:
        by_side = result["starts"]
        ours = by_side["kappaflow"]
        for state in ("wiped", "kept"):
            for side, found in by_side.items():
                pairs = [(found[state].get(name, 0.0), ours[state].get(name, 0.0)) for name in _STARTS]
                figures = [f"{figure:.2f}" if figure else "" for figure, _ in pairs]
                ratios = [f"**{a / b:.2f}**" if side != "kappaflow" and a and b else "" for a, b in pairs]
                cells = " | ".join([*figures, *ratios])
                lines.append(f"| {result['keys']:,} keys, {state} | {_SIDES[side]} | {cells} | {date} |")
    return "\n".join(lines) + "\n"


def _latency(rows: list[tuple[str, dict[str, Any]]]) -> str:
    lines = [
        "| workload | side | p50, ms | p99, ms | max, ms | CPU, cores | date |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for date, result in rows:
        for side, figures in result["medians"].items():
            lines.append(
                f"| {result['title']} | {_SIDES[side]} | {figures['p50_ms']:.1f}"
                f" | {figures['p99_ms']:.1f} | {figures['max_ms']:.1f} | {figures['cpu_cores']:.2f} | {date} |"
            )
    return "\n".join(lines) + "\n"


def _plans(rows: list[tuple[str, dict[str, Any]]]) -> str:
    lines = [
        "Medians in milliseconds of one statement, in one process.\n",
        "| statement | parse, ms | plan, ms | both, CPU ms | date |",
        "|---|---:|---:|---:|---|",
    ]
    for date, result in rows:
        figures = " | ".join(f"{result[name]:.2f}" for name in ("parse_ms", "plan_ms", "cpu_ms"))
        lines.append(f"| {result['title']} | {figures} | {date} |")
    return "\n".join(lines) + "\n"


def _held(rows: list[tuple[str, dict[str, Any]]]) -> str:
    lines = [
        "Of the whole process tree, ten seconds after all queries run again; half of them aggregate.\n",
        "| queries | start, s | memory, MB | threads | handles | processors while idle | load of the machine | date |",
        "|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for date, result in rows:
        holding = result["holding"]
        lines.append(
            f"| {result['queries']} | {result['start_seconds']} | {holding['rss_mb']} | {holding['threads']} "
            f"| {holding['handles']} | {result['idle_processors']} | {result['load']} | {date} |"
        )
    return "\n".join(lines) + "\n"
