"""What a seed decides before anything happens: the flush policy, the workload, and which faults come when."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Literal

from kappaflow.broker.config import FlushPolicy

FaultKind = Literal[
    "kill", "kill-while-starting", "power-loss", "sync-fails", "disk-full", "partition", "storm", "kill-worker",
    "move-worker", "stop-worker", "worker-power-loss", "clock-jump",
    "stop-worker-in-commit"
]  # fmt: skip
BROKER_FAULTS: tuple[FaultKind, ...] = (
    "kill",
    "kill",
    "kill-while-starting",
    "sync-fails",
    "disk-full",
    "partition",
    "storm",
)
WORKER_FAULTS: tuple[FaultKind, ...] = ("kill-worker", "kill-worker", "move-worker", "stop-worker", "worker-power-loss")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        at_s: when.
        kind: what.
        number: how many changes to the disk later, or how many tenths of a second long; of a clock jump, how many
            seconds forward.
    """

    at_s: float
    kind: FaultKind
    number: int


@dataclass(slots=True)
class Plan:
    """One world.

    Attributes:
        flush: of the broker.
        seconds: how long the workload runs.
        strict: whether acknowledged means kept; not so where power is lost with ``flush`` none.
        second_version: of the protocol for transactions.
        segment_bytes: of all topics; small ones roll often.
        workers: of the counting task.
        named_workers: whether a worker keeps its transactional id over restarts; else an old one must time out.
        columnar: whether its tasks run on columns.
        commit_s: how often it commits.
        worker_timeout_ms: of its transactions; a long one outlives the place in the group.
        compacted: whether the changelog is compacted while everything runs.
        last_words: after how many changes to the disk the broker dies under a transaction whose producer is gone too.
        faults: in order.
    """

    flush: FlushPolicy
    seconds: float
    strict: bool
    second_version: bool
    segment_bytes: int
    workers: int
    named_workers: bool
    columnar: bool
    commit_s: float
    worker_timeout_ms: int
    compacted: bool
    last_words: int
    faults: list[Fault] = field(default_factory=list[Fault])

    def __str__(self) -> str:
        version = 2 if self.second_version else 1
        promise = "acknowledged is kept" if self.strict else "what the power loss leaves is consistent"
        return (
            f"flush {self.flush}, transactions version {version}, segments of {self.segment_bytes} bytes, "
            f"{self.workers} {'named' if self.named_workers else 'nameless'} workers on "
            f"{'columns' if self.columnar else 'rows'}, "
            f"{'a compacted changelog' if self.compacted else 'a whole changelog'}, "
            f"{self.seconds:.1f} s, {len(self.faults)} faults; {promise}"
        )


def plan_of(random: Random, more: Random) -> Plan:
    """Draw a world.

    Args:
        more: for what does not change the rest.
    """
    flush: FlushPolicy = random.choice(["group", "group", "none"])
    loses_power = flush == "group" or random.random() < 0.25
    plan = Plan(
        flush=flush,
        seconds=random.uniform(2.2, 4.4),
        strict=flush == "group" or not loses_power,
        second_version=random.random() < 0.6,
        segment_bytes=random.choice([600, 2_000, 1 << 20]),
        workers=random.choice([1, 2, 2]),
        named_workers=random.random() < 0.5,
        columnar=random.random() < 0.5,
        commit_s=random.choice([0.2, 0.6, 1.5]),
        compacted=more.random() < 0.5,
        last_words=more.randint(1, 9),
        worker_timeout_ms=more.choice([2_500, 2_500, 12_000]),
    )
    kinds: list[FaultKind] = [*BROKER_FAULTS, *WORKER_FAULTS]
    if loses_power:
        kinds += ("power-loss", "power-loss", "power-loss")
    for _ in range(random.randint(1, 6)):
        kind = random.choice(kinds)
        if kind == "sync-fails" and flush == "none":
            kind = "kill"
        plan.faults.append(Fault(random.uniform(0.3, plan.seconds + 1.0), kind, random.randint(1, 30)))
    if more.random() < 0.3:
        plan.faults.append(Fault(more.uniform(0.3, plan.seconds), "clock-jump", more.choice([-90, -9, 9, 90])))
    if plan.workers > 1 and more.random() < 0.4:
        plan.faults.append(Fault(more.uniform(0.3, plan.seconds - 0.5), "stop-worker-in-commit", more.randint(18, 30)))
    plan.faults.sort(key=lambda fault: fault.at_s)
    return plan
