"""Alternating runs of both sides on one workload."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.checking import Output, check_output, read_output
from benchmarks.engine_side import EngineSide
from benchmarks.java_side import JavaSide
from benchmarks.kafka import committed, create_topic, partition_ends, remove_outputs, topic_names
from benchmarks.orders import PARTITIONS, Orders
from benchmarks.partners import Partner
from benchmarks.profiling import read_profile
from benchmarks.quix_side import QuixSide
from benchmarks.sampling import Sample, Sampler, at_records
from benchmarks.side import LARGE_CACHE_BYTES, Side
from benchmarks.turns import turn
from benchmarks.workload import OUTPUT, Results, Workload

WARM_UP_RECORDS = 1_000_000
WARM_UP_SHARE = 0.2
STALLED_SECONDS = 120
STILL_SECONDS = 3.0
ENGINE = "kappaflow"
PEERS = ("java-trees", "java-streaming", "quix")
LARGE_CACHE = "java-streaming-large-cache"


@dataclass(frozen=True)
class Run:
    """Figures of one run.

    Attributes:
        records_per_second: input records a second of wall time, after the warm-up.
        cpu_us_per_record: CPU time of all processes and threads of the side a record, after the warm-up.
        whole_seconds, whole_cpu_seconds: from the first sample with progress until everything is committed.
    """

    side: str
    records_per_second: float
    cpu_us_per_record: float
    whole_seconds: float
    whole_cpu_seconds: float


@dataclass(frozen=True)
class Task:
    """One workload on one input.

    Attributes:
        caching: whether results are held back until the commit.
        expected: output records with every update, and last values.
        lock: held while the sides of one round run; None where nothing else runs.
    """

    bootstrap: str
    workload: Workload
    orders: Orders
    caching: bool
    expected: tuple[int, Results]
    lock: Path | None = None

    @property
    def inputs(self) -> list[Orders | Partner]:
        """The topics that it reads."""
        partner = self.workload.partner_of(self.orders)
        return [self.orders] if partner is None else [self.orders, partner]

    @property
    def count(self) -> int:
        """Input records."""
        return sum(each.count for each in self.inputs)

    @property
    def warm_up(self) -> float:
        """Records before the measurement."""
        return min(WARM_UP_RECORDS, self.count * WARM_UP_SHARE)

    def committed(self, group: str) -> int:
        """How many of them a group has committed."""
        return sum(committed(self.bootstrap, each.topic, group) for each in self.inputs)


def peers_of(workload: Workload, peers: Sequence[str]) -> list[str]:
    """Those of the peers that the workload is written for."""
    return [peer for peer in peers if peer.removeprefix("java-").split("-")[0] in workload.styles]


def make_side(task: Task, name: str) -> Side:
    """A new run of a side."""
    if name == "quix":
        return QuixSide(task.bootstrap, task.workload)
    if name == ENGINE:
        return EngineSide(task.bootstrap, task.workload)
    style = "trees" if name == "java-trees" else "streaming"
    overrides: dict[str, object] = {"statestore.cache.max.bytes": LARGE_CACHE_BYTES} if name == LARGE_CACHE else {}
    return JavaSide(task.bootstrap, task.workload, name, style=style, overrides=overrides)


def run_side(task: Task, side: Side) -> tuple[Run, Output]:
    """Run one side from start to its last commit, measure it, and check what it wrote."""
    remove_outputs(task.bootstrap)
    create_topic(task.bootstrap, OUTPUT, PARTITIONS)
    with side:
        side.start([each.topic for each in task.inputs], task.caching)
        follow = _follow_transactions if task.workload.exactly_once else _follow
        samples, end = follow(task, side)
    output = read_output(task.bootstrap)
    check_output(output, task.workload, task.orders, task.caching, task.expected)
    begin = at_records(samples, task.warm_up)
    if end is None:
        end = next(sample for sample in samples if sample.written >= output.end)
    first = next(sample for sample in samples if sample.records > 0)
    measured = task.count - task.warm_up
    run = Run(
        side.name,
        measured / (end.at - begin.at),
        (end.cpu - begin.cpu) / measured * 1e6,
        samples[-1].at - first.at,
        samples[-1].cpu - first.cpu,
    )
    return run, output


def _follow(task: Task, side: Side) -> tuple[list[Sample], Sample]:
    """Sample a side until everything is committed; return the samples and the end of its work."""
    count, outputs = task.count, task.expected[0]

    def written() -> float:
        side_alive(side)
        return partition_ends(task.bootstrap, OUTPUT, PARTITIONS) * count / outputs

    # With every update the output itself tells how far a side is; a cache holds it back, so there the side's
    # own count of records tells when the warm-up is over, and its last commit when it is done.
    progress: Callable[[], float | None] = side.processed if task.caching else written
    with Sampler(progress, side.pid, 0.2 if task.caching else 0.05) as sampler:
        _wait(lambda: sampler.last() >= count, sampler)
        _wait(lambda: task.committed(side.group) >= count, sampler)
        committed_at = sampler.now(count)
        time.sleep(0.1)
    # What the cache holds back is written by the commit behind the last record.
    return sampler.samples, committed_at if task.caching else at_records(sampler.samples, count)


def _follow_transactions(task: Task, side: Side) -> tuple[list[Sample], None]:
    """Sample a side with a repartition topic until it has committed everything; return the samples.

    How far it is say the positions committed for both of its inputs; when the work was done says the output, once it is
    known where its last record is.
    """
    topics = [task.orders.topic]

    def progress() -> float:
        side_alive(side)
        if len(topics) == 1:
            topics.extend(name for name in topic_names(task.bootstrap) if name.endswith("-repartition"))
        return sum(committed(task.bootstrap, topic, side.group) for topic in topics) / 2

    def written() -> float:
        return partition_ends(task.bootstrap, OUTPUT, PARTITIONS)

    with Sampler(progress, side.pid, 0.05, written) as sampler:
        _wait(lambda: sampler.last() >= task.orders.count, sampler)
        _wait(lambda: sampler.still_seconds() >= STILL_SECONDS, sampler)
    return sampler.samples, None


def side_alive(side: Side) -> None:
    """Raise when a side has failed."""
    if not isinstance(side, EngineSide):
        side.processed()


def _wait(condition: Callable[[], bool], sampler: Sampler) -> None:
    moved, records = time.monotonic(), -1.0
    while not condition():
        time.sleep(0.1)
        if sampler.last() != records:
            moved, records = time.monotonic(), sampler.last()
        if time.monotonic() - moved > STALLED_SECONDS:
            raise RuntimeError(f"No progress for {STALLED_SECONDS} s at {records:.0f} records.")


def compare(task: Task, runs: int, peers: Sequence[str]) -> dict[str, Any]:
    """Run all sides in turn, check every output, and return figures, medians and ratios."""
    done: list[Run] = []
    outputs: dict[str, Output] = {}
    names = [*peers, ENGINE]
    for number in range(runs):
        with turn(task.lock):
            for name in names:
                run, output = run_side(task, make_side(task, name))
                _tell(task, number, run)
                outputs[name] = output
                done.append(run)
    return {
        "workload": task.workload.group,
        "title": task.workload.title,
        "caching": task.caching,
        "records": task.count,
        "keys": task.orders.keys,
        "runs": [asdict(run) for run in done],
        **medians_and_ratios(done, peers),
        "output_records": {name: output.count for name, output in outputs.items()},
        "outputs_equal_byte_for_byte": len({output.digests for output in outputs.values()}) == 1,
        "last_values_checked": len(task.expected[1]),
    }


def medians_and_ratios(runs: Sequence[Run], peers: Sequence[str]) -> dict[str, dict[str, float]]:
    """Medians by side, and how much better the engine is than each peer."""
    by_side = {name: [run for run in runs if run.side == name] for name in (*peers, ENGINE)}
    rates = {name: median(run.records_per_second for run in found) for name, found in by_side.items()}
    costs = {name: median(run.cpu_us_per_record for run in found) for name, found in by_side.items()}
    return {
        "records_per_second": rates,
        "cpu_us_per_record": costs,
        "ratio_wall": {peer: rates[ENGINE] / rates[peer] for peer in peers},
        "ratio_cpu": {peer: costs[peer] / costs[ENGINE] for peer in peers},
    }


def profile(task: Task) -> dict[str, Any]:
    """Run the engine once more with the sampler and return its cost split."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "profile.json"
        with turn(task.lock):
            run, _ = run_side(task, EngineSide(task.bootstrap, task.workload, profile=file))
        return {"records_per_second": run.records_per_second, **read_profile(file).document()}


def _tell(task: Task, number: int, run: Run) -> None:
    caching = "" if not task.workload.is_aggregation else " cached" if task.caching else " every update"
    sys.stdout.write(
        f"{task.workload.group}{caching} run {number + 1} {run.side}: {run.records_per_second:,.0f} records/s,"
        f" {run.cpu_us_per_record:.2f} us CPU a record\n"
    )
    sys.stdout.flush()
