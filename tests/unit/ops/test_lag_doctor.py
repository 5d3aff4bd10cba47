"""The lag doctor: a model of consuming groups with one thing wrong, and the verdict that names it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import UsageError
from kappaflow.ops.admin import GroupState, MemberState, ProducerState
from kappaflow.ops.lag import (
    Cause,
    CloserLook,
    GroupSample,
    GroupWindow,
    Status,
    diagnose,
    examine_groups,
    status_of,
)
from kappaflow.ops.lag.closer import NOTHING
from kappaflow.ops.transactions import HangingTransaction, OpenTransaction
from kappaflow.testing.simulated_cluster import SimulatedCluster

LOOKS, INTERVAL_S, TICK_S, WARM_UP_S = 10, 3.0, 0.1, 30.0
START = 1_000_000


@dataclass
class Model:
    """A group that reads partitions, tick by tick.

    Each partition gets records at a rate; each member reads its partitions at most at a rate, and commits every some
    seconds. What is wrong is set by a test.
    """

    seed: int
    partitions: int = 6
    members: int = 3
    produced_per_s: float = 100.0
    capacity_per_s: float = 1000.0
    commit_s: float = 5.0
    rates: dict[int, float] = field(default_factory=dict[int, float])
    capacities: dict[int, float] = field(default_factory=dict[int, float])
    stuck: set[int] = field(default_factory=set[int])
    silent_members: set[int] = field(default_factory=set[int])
    never_commits: bool = False
    orphans: set[int] = field(default_factory=set[int])
    churn: bool = False
    start_lag: int = 0
    begin: int = 0
    rewind_at: int | None = None
    in_pieces: int = 0
    turns: dict[int, tuple[int, float]] = field(default_factory=dict[int, tuple[int, float]])

    def name(self, partition: int) -> TopicPartition:
        return TopicPartition("t", partition)

    def window(self) -> GroupWindow:
        draw = random.Random(self.seed)
        ends = dict.fromkeys(range(self.partitions), float(START))
        positions = dict.fromkeys(ends, float(START - self.start_lag))
        committed = dict(positions)
        next_commit = {m: draw.uniform(0, self.commit_s) for m in range(max(1, self.members))}
        owners = {p: p % self.members for p in ends if self.members and p not in self.orphans}
        samples: list[GroupSample] = []
        ticks_a_look = int(INTERVAL_S / TICK_S)
        for tick in range(-int(WARM_UP_S / TICK_S), (LOOKS - 1) * ticks_a_look + 1):
            if tick >= 0 and tick % ticks_a_look == 0:
                look = tick // ticks_a_look
                if look == self.rewind_at:
                    committed = dict.fromkeys(committed, START - 5000.0)
                    positions = dict(committed)
                samples.append(self._sample(tick, look, owners, committed, ends))
            for p in ends:
                ends[p] += self.rates.get(p, self.produced_per_s) * TICK_S * draw.uniform(0.5, 1.5)
            for member in range(self.members):
                if member not in self.silent_members:
                    self._read(member, owners, positions, ends)
                next_commit[member] -= TICK_S
                if next_commit[member] <= 0:
                    next_commit[member] = self.commit_s
                    committed |= {p: positions[p] for p, m in owners.items() if m == member}
        return GroupWindow(tuple(samples), {self.name(p): self.begin for p in ends})

    def _read(self, member: int, owners: dict[int, int], positions: dict[int, float], ends: dict[int, float]) -> None:
        own = [p for p, m in owners.items() if m == member and p not in self.stuck]
        left = self.capacities.get(member, self.capacity_per_s) * TICK_S
        if self.in_pieces:
            self._read_in_pieces(member, own, left, positions, ends)
            return
        for place, p in enumerate(own):
            step = min(ends[p] - positions[p], left / (len(own) - place))
            positions[p] += step
            left -= step

    def _read_in_pieces(
        self, member: int, own: list[int], left: float, positions: dict[int, float], ends: dict[int, float]
    ) -> None:
        """As clients do: so many records of one partition, then those of the next."""
        place, piece = self.turns.get(member, (0, float(self.in_pieces)))
        for _ in range(len(own) + 1):
            p = own[place % len(own)]
            step = min(ends[p] - positions[p], left, piece)
            positions[p] += step
            left, piece = left - step, piece - step
            if left > 0:
                place, piece = place + 1, float(self.in_pieces)
        self.turns[member] = (place, piece)

    def _sample(
        self, tick: int, look: int, owners: dict[int, int], committed: dict[int, float], ends: dict[int, float]
    ) -> GroupSample:
        suffix = f"-{look}" if self.churn else ""
        members = tuple(
            MemberState(
                f"m{m}{suffix}",
                None,
                f"app-{m}",
                f"/10.0.0.{m}",
                tuple(self.name(p) for p, owner in sorted(owners.items()) if owner == m),
            )
            for m in range(self.members)
        )
        state = "Empty" if not members else "PreparingRebalance" if self.churn and look % 2 else "Stable"
        known = {} if self.never_commits else {self.name(p): int(offset) for p, offset in committed.items()}
        at = {self.name(p): int(end) for p, end in ends.items()}
        return GroupSample(
            int(tick * TICK_S * 1000), GroupState("g", state, "consumer", "range", 1, members), known, at
        )


def healthy(seed: int) -> tuple[Model, CloserLook]:
    draw = random.Random(seed)
    return Model(
        seed, draw.randint(1, 12), draw.randint(1, 4), draw.choice([0, 1, 50, 300]), 1e6, draw.choice([0.5, 1, 5])
    ), NOTHING


def catching_up(seed: int) -> tuple[Model, CloserLook]:
    return Model(seed, start_lag=300_000, capacity_per_s=2_000, commit_s=1), NOTHING


def catching_up_in_pieces(seed: int) -> tuple[Model, CloserLook]:
    """One partition is read for longer than the doctor looks, while the others of its member stand still."""
    draw = random.Random(seed)
    model = Model(
        seed,
        members=draw.choice([2, 3]),
        start_lag=60_000,
        produced_per_s=5,
        capacity_per_s=draw.choice([120, 500]),
        commit_s=draw.choice([1, 5]),
        in_pieces=draw.choice([2_000, 10_000, 30_000]),
    )
    return model, NOTHING


def stopped(seed: int) -> tuple[Model, CloserLook]:
    return Model(seed, members=0, start_lag=random.Random(seed).randint(0, 100)), NOTHING


def storm(seed: int) -> tuple[Model, CloserLook]:
    return Model(seed, churn=True, capacity_per_s=50), NOTHING


def lost(seed: int) -> tuple[Model, CloserLook]:
    return Model(seed, start_lag=5_000, begin=START - 1_000, capacity_per_s=10), NOTHING


def nobody(seed: int) -> tuple[Model, CloserLook]:
    return Model(seed, orphans={random.Random(seed).randrange(6)}), NOTHING


def stuck_member(seed: int) -> tuple[Model, CloserLook]:
    return Model(seed, silent_members={random.Random(seed).randrange(3)}, start_lag=10), NOTHING


def stuck_offset(seed: int) -> tuple[Model, CloserLook]:
    return Model(seed, stuck={random.Random(seed).randrange(6)}, start_lag=10), NOTHING


def no_commits(seed: int) -> tuple[Model, CloserLook]:
    return Model(seed, never_commits=True), NOTHING


def hot_key(seed: int) -> tuple[Model, CloserLook]:
    hot = random.Random(seed).randrange(6)
    model = Model(seed, members=6, rates={hot: 3_000}, capacity_per_s=1_000, commit_s=1)
    return model, CloserLook({model.name(hot): ("customer-7", 0.9)}, {}, {})


def hot_partition(seed: int) -> tuple[Model, CloserLook]:
    model, _ = hot_key(seed)
    return model, CloserLook(dict.fromkeys(map(model.name, range(6)), ("k", 0.01)), {}, {})


def slow_member(seed: int) -> tuple[Model, CloserLook]:
    return Model(seed, capacities={random.Random(seed).randrange(3): 40}, commit_s=1), NOTHING


def few_consumers(seed: int) -> tuple[Model, CloserLook]:
    return Model(seed, capacity_per_s=100, commit_s=random.Random(seed).choice([1, 5])), NOTHING


def few_partitions(seed: int) -> tuple[Model, CloserLook]:
    return Model(seed, members=6, capacity_per_s=50, commit_s=1), NOTHING


def rewound(seed: int) -> tuple[Model, CloserLook]:
    return Model(seed, rewind_at=random.Random(seed).randint(2, 8), capacity_per_s=100_000), NOTHING


def hanging(seed: int) -> tuple[Model, CloserLook]:
    stuck = random.Random(seed).randrange(6)
    model = Model(seed, stuck={stuck}, start_lag=0)
    name = model.name(stuck)
    look = HangingTransaction(name, ProducerState(77, 0, 0, -1, START), 3_600)
    return model, CloserLook({}, {name: look}, {name: START})


def open_transaction(seed: int) -> tuple[Model, CloserLook]:
    model, look = hanging(seed)
    ((name, found),) = look.hanging.items()
    waited_for = OpenTransaction(name, found.producer, "loader", 40.0)
    return model, CloserLook({}, {}, look.stable, {name: waited_for})


SCENARIOS: dict[Cause, Callable[[int], tuple[Model, CloserLook]]] = {
    Cause.HEALTHY: healthy,
    Cause.CATCHING_UP: catching_up,
    Cause.STOPPED_GROUP: stopped,
    Cause.REBALANCING_STORM: storm,
    Cause.HANGING_TRANSACTION: hanging,
    Cause.OPEN_TRANSACTION: open_transaction,
    Cause.LOST_RECORDS: lost,
    Cause.NOBODY_READS: nobody,
    Cause.STUCK_MEMBER: stuck_member,
    Cause.STUCK_OFFSET: stuck_offset,
    Cause.NO_COMMITS: no_commits,
    Cause.HOT_KEY: hot_key,
    Cause.HOT_PARTITION: hot_partition,
    Cause.SLOW_MEMBER: slow_member,
    Cause.TOO_FEW_CONSUMERS: few_consumers,
    Cause.TOO_FEW_PARTITIONS: few_partitions,
    Cause.REWOUND: rewound,
}
SEEDS = 30


def test_there_is_a_scenario_of_every_cause() -> None:
    assert set(SCENARIOS) == set(Cause)


@pytest.mark.parametrize("cause", list(SCENARIOS))
def test_each_cause_is_named_whatever_the_seed(cause: Cause) -> None:
    verdicts = Counter(diagnose(*_made(cause, seed)).cause for seed in range(SEEDS))
    assert verdicts == {cause: SEEDS}


def _made(cause: Cause, seed: int) -> tuple[GroupWindow, CloserLook]:
    model, look = SCENARIOS[cause](seed)
    return model.window(), look


def test_no_healthy_group_raises_an_alarm() -> None:
    for seed in range(300):
        verdict = diagnose(*_made(Cause.HEALTHY, seed))
        assert not verdict.is_alarm, (seed, verdict)


def test_a_group_that_reads_one_partition_after_the_other_is_not_stuck() -> None:
    for seed in range(100):
        model, look = catching_up_in_pieces(seed)
        verdict = diagnose(model.window(), look)
        assert verdict.cause is Cause.CATCHING_UP, (seed, verdict)


def test_one_that_reads_so_and_falls_behind_needs_more_consumers() -> None:
    for seed in range(30):
        model = Model(seed, members=2, start_lag=60_000, capacity_per_s=120, commit_s=1, in_pieces=10_000)
        assert diagnose(model.window()).cause is Cause.TOO_FEW_CONSUMERS, seed


def test_every_verdict_can_be_read() -> None:
    for cause in SCENARIOS:
        verdict = diagnose(*_made(cause, 1))
        assert str(verdict.summary)
        assert all(str(line) for line in (*verdict.evidence, *verdict.advice))
        assert verdict.advice


def test_all_groups_are_looked_at_together_and_one_that_goes_is_left_out() -> None:
    cluster = SimulatedCluster(brokers=1)
    cluster.add_topic("t", 2, 1, size_bytes=0, records=10)
    for name in ("first", "second", "third"):
        cluster.add_group(name, {TopicPartition("t", 0): 10, TopicPartition("t", 1): 10})
    looks: list[set[str]] = []

    def watch(look: Mapping[str, GroupSample]) -> None:
        looks.append(set(look))
        cluster.state.groups.pop("second", None)

    names = ["third", "second", "first"]
    verdicts = examine_groups(cluster.session(), names, samples=3, required=False, watch=watch)
    assert [(v.group_id, v.cause) for v in verdicts] == [("third", Cause.HEALTHY), ("first", Cause.HEALTHY)]
    assert looks == [{"first", "second", "third"}, {"first", "third"}, {"first", "third"}]
    with pytest.raises(UsageError, match="second"):
        examine_groups(cluster.session(), ["second"], samples=3)


def test_as_many_consumers_are_advised_as_the_rates_ask_for() -> None:
    verdict = diagnose(Model(1, partitions=12, members=3, capacity_per_s=200, commit_s=1).window())
    assert verdict.cause is Cause.TOO_FEW_CONSUMERS
    assert 2 <= int(str(verdict.advice[0].values["add"])) <= 4, "1200/s come, 600/s are read by 3"


def test_a_stuck_offset_names_the_record_and_the_member() -> None:
    verdict = diagnose(Model(3, stuck={4}, start_lag=10).window())
    assert verdict.partitions == (TopicPartition("t", 4),)
    assert verdict.summary.values["offset"] == START - 10
    assert verdict.summary.values["client"] == "app-1"


@pytest.mark.parametrize(
    ("series", "readers", "status"),
    [
        ([(5, 10), (5, 20), (5, 30)], True, Status.STALL),
        ([(5, 10), (5, 20), (5, 30)], False, Status.STOP),
        ([(5, 10), (10, 10), (12, 30)], True, Status.OK),
        ([(5, 10), (6, 20), (7, 30), (8, 40)], True, Status.WARN),
        ([(5, 30), (15, 35), (26, 40), (39, 45)], True, Status.OK),
        ([(5, 10), (4, 10), (6, 10)], True, Status.REWIND),
    ],
)
def test_burrows_rules(series: list[tuple[int, int]], readers: bool, status: Status) -> None:
    name = TopicPartition("t", 0)
    member = MemberState("m", None, "c", "h", (name,))
    group = GroupState("g", "Stable", "consumer", "range", 1, (member,) if readers else ())
    samples = tuple(
        GroupSample(number * 1000, group, {name: committed}, {name: end})
        for number, (committed, end) in enumerate(series)
    )
    assert status_of(GroupWindow(samples, {name: 0}), name).status is status
