"""From a window to one verdict: the cause, what shows it, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.ops.admin.faces import MemberState
from kappaflow.ops.lag import texts as _texts
from kappaflow.ops.lag.closer import NOTHING, CloserLook
from kappaflow.ops.lag.sampling import GroupWindow
from kappaflow.ops.lag.statuses import PartitionStatus, Status, status_of
from kappaflow.runtime.messages import Text, text

assert _texts
REBALANCING = frozenset({"PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling"})
HOT_RATE = 3.0
"""A partition counts as hot where it gets this many times what the others get on average."""
HOT_KEY = 0.5
"""A key counts as hot where it has this part of the records."""
STORM = 0.3
"""A group counts as rebalancing all the time where this part of the looks sees it rebalance or with other members."""


class Cause(StrEnum):
    """Why a group is behind."""

    HEALTHY = "healthy"
    CATCHING_UP = "catching_up"
    STOPPED_GROUP = "stopped_group"
    REBALANCING_STORM = "rebalancing_storm"
    HANGING_TRANSACTION = "hanging_transaction"
    OPEN_TRANSACTION = "open_transaction"
    LOST_RECORDS = "lost_records"
    NOBODY_READS = "nobody_reads"
    STUCK_MEMBER = "stuck_member"
    STUCK_OFFSET = "stuck_offset"
    NO_COMMITS = "no_commits"
    HOT_KEY = "hot_key"
    HOT_PARTITION = "hot_partition"
    SLOW_MEMBER = "slow_member"
    TOO_FEW_CONSUMERS = "too_few_consumers"
    TOO_FEW_PARTITIONS = "too_few_partitions"
    REWOUND = "rewound"


@dataclass(frozen=True)
class Verdict:
    """What the doctor says.

    Attributes:
        group_id: the group.
        cause: the one that explains most.
        summary: the cause in one line.
        evidence: what shows it.
        advice: what to do; commands where there are any.
        partitions: those that the verdict is about.
        statuses: of all partitions.
    """

    group_id: str
    cause: Cause
    summary: Text
    evidence: tuple[Text, ...]
    advice: tuple[Text, ...]
    partitions: tuple[TopicPartition, ...]
    statuses: tuple[PartitionStatus, ...]

    @property
    def is_alarm(self) -> bool:
        """Whether somebody should do something."""
        return self.cause not in (Cause.HEALTHY, Cause.CATCHING_UP)


def diagnose(window: GroupWindow, look: CloserLook = NOTHING) -> Verdict:
    """The verdict on a group; the first rule of the table that finds something decides."""
    case = _Case(window, look)
    for rule in _RULES:
        verdict = rule(case)
        if verdict is not None:
            return verdict
    return case.verdict(Cause.HEALTHY, (), evidence=[text("lag.evidence.total", lag=case.total)])


class _Case:
    """A window with what every rule needs of it."""

    def __init__(self, window: GroupWindow, look: CloserLook) -> None:
        self.window, self.look = window, look
        self.group = window.last.group
        self.readers: dict[TopicPartition, MemberState] = {
            p: member for member in self.group.members for p in member.assignment or ()
        }
        self.statuses = self._without_those_in_turn([status_of(window, p) for p in window.partitions()])
        self.bad = [s for s in self.statuses if s.status not in (Status.OK, Status.REWIND)]
        self.total = sum(s.lag for s in self.statuses)

    def _without_those_in_turn(self, statuses: list[PartitionStatus]) -> list[PartitionStatus]:
        """The statuses, where a partition that only waits for its turn is not taken for one that is stuck.

        Clients fetch a partition's records in large pieces and work on one piece after the other. A member with a
        backlog in the partitions that it goes on with has not come to the others: how it does as a whole counts.
        """
        by_member: dict[str, list[PartitionStatus]] = {}
        for s in statuses:
            if s.partition in self.readers:
                by_member.setdefault(self.readers[s.partition].member_id, []).append(s)
        judged: dict[TopicPartition, Status] = {}
        for own in by_member.values():
            moving = [s for s in own if self.window.consumed(s.partition) > 0]
            if moving and all(self._has_backlog(s) for s in moving):
                as_a_whole = Status.WARN if sum(s.growth for s in own) > 0 else Status.OK
                standing = [s for s in own if s.status in (Status.STALL, Status.UNREAD)]
                judged |= {s.partition: as_a_whole for s in standing}
        return [s._replace(status=judged.get(s.partition, s.status)) for s in statuses]

    def _has_backlog(self, s: PartitionStatus) -> bool:
        """Whether there is more to read than what came while it was looked, at every look."""
        lags = [end - committed for _, committed, end in self.window.series(s.partition)]
        return bool(lags) and min(lags) > self.window.produced(s.partition)

    def of(self, *statuses: Status) -> list[PartitionStatus]:
        """The partitions in these states."""
        return [s for s in self.statuses if s.status in statuses]

    def verdict(
        self,
        cause: Cause,
        partitions: Sequence[PartitionStatus],
        *,
        evidence: Sequence[Text] = (),
        advice: Sequence[Text] = (),
        values: Mapping[str, object] | None = None,
    ) -> Verdict:
        """A verdict with the cause's own texts."""
        group = self.group.group_id
        shown = ", ".join(str(s.partition) for s in list(partitions)[:5])
        filled: dict[str, object] = {"group": group, "partitions": shown, "count": len(partitions), **(values or {})}
        return Verdict(
            group,
            cause,
            text(f"lag.cause.{cause}", **filled),
            tuple(evidence),
            tuple(advice) or (text(f"lag.advice.{cause}", **filled),),
            tuple(s.partition for s in partitions),
            tuple(self.statuses),
        )

    def lags(self, partitions: Sequence[PartitionStatus]) -> list[Text]:
        """Evidence: the lag of partitions with its growth."""
        return [
            text(
                "lag.evidence.partition",
                partition=str(s.partition),
                lag=s.lag,
                growth=f"{s.growth:+}",
                seconds=f"{self.window.seconds:.0f}",
                produced=f"{s.produced_per_s:.1f}",
                consumed=f"{s.consumed_per_s:.1f}",
            )
            for s in list(partitions)[:5]
        ]


def _lost_records(case: _Case) -> Verdict | None:
    """Retention has deleted records that the group has not read."""
    lost = [
        s
        for s in case.statuses
        if case.window.last.committed.get(s.partition, math.inf) < case.window.begins.get(s.partition, 0)
    ]
    if not lost:
        return None
    evidence = [
        text(
            "lag.evidence.lost",
            partition=str(s.partition),
            committed=case.window.last.committed[s.partition],
            begin=case.window.begins[s.partition],
        )
        for s in lost[:5]
    ]
    return case.verdict(Cause.LOST_RECORDS, lost, evidence=evidence)


def _stopped(case: _Case) -> Verdict | None:
    """Nobody is in the group, at any look, and records wait."""
    if any(s.group.members for s in case.window.samples) or not case.total:
        return None
    waiting = [s for s in case.statuses if s.lag]
    evidence = [text("lag.evidence.state", state=case.group.state, members=0), *case.lags(waiting)]
    return case.verdict(Cause.STOPPED_GROUP, waiting, evidence=evidence)


def _storm(case: _Case) -> Verdict | None:
    """The group rebalances, or its members are others, at many looks."""
    samples = case.window.samples
    changes = sum(
        {m.member_id for m in a.group.members} != {m.member_id for m in b.group.members} for a, b in pairwise(samples)
    )
    rebalancing = sum(s.group.state in REBALANCING for s in samples)
    if max(changes, rebalancing) < max(2, STORM * len(samples)):
        return None
    evidence = [text("lag.evidence.rebalances", rebalancing=rebalancing, looks=len(samples), changes=changes)]
    return case.verdict(Cause.REBALANCING_STORM, case.bad, evidence=evidence)


def _hanging(case: _Case) -> Verdict | None:
    """A reader of committed records waits where a transaction hangs."""
    found = [s for s in case.bad if s.partition in case.look.hanging]
    if not found:
        return None
    evidence: list[Text] = []
    advice: list[Text] = []
    for s in found[:3]:
        hanging = case.look.hanging[s.partition]
        start = hanging.producer.transaction_start
        evidence.append(
            text(
                "lag.evidence.hanging",
                partition=str(s.partition),
                producer=hanging.producer.producer_id,
                offset=start,
                idle=f"{hanging.idle_s:.0f}",
                stable=case.look.stable.get(s.partition, start),
            )
        )
        advice.append(text("lag.advice.abort", topic=s.partition.topic, partition=s.partition.partition, offset=start))
    return case.verdict(Cause.HANGING_TRANSACTION, found, evidence=evidence, advice=advice)


def _open(case: _Case) -> Verdict | None:
    """A reader of committed records waits for the end of a transaction all the time."""
    found = [s for s in case.of(Status.STALL) if s.partition in case.look.open]
    if not found:
        return None
    evidence = [
        text(
            "lag.evidence.open",
            partition=str(s.partition),
            transactional_id=case.look.open[s.partition].transactional_id,
            offset=case.look.open[s.partition].producer.transaction_start,
            idle=f"{case.look.open[s.partition].idle_s:.0f}",
        )
        for s in found[:5]
    ]
    values = {"transactional_id": case.look.open[found[0].partition].transactional_id}
    return case.verdict(Cause.OPEN_TRANSACTION, found, evidence=evidence, values=values)


def _nobody(case: _Case) -> Verdict | None:
    """Partitions wait that no member was given, while others are read."""
    orphans = [s for s in case.of(Status.STOP) if s.lag]
    if not orphans or not case.readers:
        return None
    return case.verdict(Cause.NOBODY_READS, orphans, evidence=case.lags(orphans))


def _stuck(case: _Case) -> Verdict | None:
    """Offsets stand still: all of a member's, or some while the member goes on with others."""
    stalled = case.of(Status.STALL, Status.UNREAD)
    if not stalled:
        return None
    by_member: dict[str, list[PartitionStatus]] = {}
    for s in stalled:
        by_member.setdefault(case.readers[s.partition].member_id, []).append(s)
    if len(stalled) == len([s for s in case.statuses if s.lag or s.produced_per_s]) and len(by_member) == len(
        {m.member_id for m in case.readers.values()}
    ):
        evidence = [text("lag.evidence.state", state=case.group.state, members=len(case.group.members))]
        if len(case.group.members) > 1 or not any(case.window.series(s.partition) for s in stalled):
            return case.verdict(Cause.NO_COMMITS, stalled, evidence=[*evidence, *case.lags(stalled)])
    member_id, rows = max(by_member.items(), key=lambda item: (len(item[1]), item[0]))
    member = next(m for m in case.group.members if m.member_id == member_id)
    moving = [p for p, m in case.readers.items() if m.member_id == member_id and case.window.consumed(p) > 0]
    who = {"member": member.instance_id or member.member_id, "client": member.client_id, "host": member.client_host}
    if moving:
        first = rows[0].partition
        at = case.window.last.committed.get(first, case.window.begins.get(first, 0))
        evidence = [text("lag.evidence.moves_on", **who, partitions=", ".join(map(str, moving[:5]))), *case.lags(rows)]
        advice = [
            text("lag.advice.stuck_offset", **who, partition=str(first), offset=at),
            text("lag.advice.skip", group=case.group.group_id, topic=first.topic, partition=first.partition, to=at + 1),
        ]
        return case.verdict(Cause.STUCK_OFFSET, rows, evidence=evidence, advice=advice, values={"offset": at, **who})
    return case.verdict(Cause.STUCK_MEMBER, rows, evidence=case.lags(rows), values=who)


def _hot(case: _Case) -> Verdict | None:
    """One or a few partitions fall behind because they get far more than the others."""
    slow = case.of(Status.WARN)
    rest = [s for s in case.statuses if s not in slow]
    if not slow or not rest or len(slow) > len(case.statuses) / 3:
        return None
    average = sum(s.produced_per_s for s in rest) / len(rest)
    hot = [s for s in slow if s.produced_per_s > HOT_RATE * max(average, 0.001)]
    if not hot:
        return None
    evidence = [*case.lags(hot), text("lag.evidence.others", produced=f"{average:.1f}")]
    keyed = [s for s in hot if case.look.hot_keys.get(s.partition, ("", 0.0))[1] >= HOT_KEY]
    if keyed:
        key, part = case.look.hot_keys[keyed[0].partition]
        evidence.append(
            text("lag.evidence.key", partition=str(keyed[0].partition), key=key, percent=f"{100 * part:.0f}")
        )
        return case.verdict(Cause.HOT_KEY, hot, evidence=evidence, values={"key": key})
    return case.verdict(Cause.HOT_PARTITION, hot, evidence=evidence)


def _slow_member(case: _Case) -> Verdict | None:
    """Only the partitions of one member fall behind, though they get what the others get."""
    slow = case.of(Status.WARN)
    members = {case.readers[s.partition].member_id for s in slow if s.partition in case.readers}
    if len(members) != 1 or len(case.group.members) < 2:
        return None
    member = next(m for m in case.group.members if m.member_id in members)
    own = [s for s in case.statuses if s.partition in (member.assignment or ()) and s.produced_per_s]
    if len(slow) < max(1, len(own) / 2):
        return None
    who = {"member": member.instance_id or member.member_id, "client": member.client_id, "host": member.client_host}
    return case.verdict(Cause.SLOW_MEMBER, slow, evidence=case.lags(slow), values=who)


def _too_slow(case: _Case) -> Verdict | None:
    """The group as a whole reads less than what comes."""
    slow = case.of(Status.WARN)
    produced = sum(s.produced_per_s for s in case.statuses)
    consumed = sum(s.consumed_per_s for s in case.statuses)
    if not slow or produced <= consumed:
        return None
    members = len([m for m in case.group.members if m.assignment])
    partitions = len(case.statuses)
    rates = {"produced": f"{produced:.1f}", "consumed": f"{consumed:.1f}"}
    evidence = [text("lag.evidence.rates", **rates, members=members, partitions=partitions), *case.lags(slow)]
    if members < partitions:
        # As many more as the rates ask for, where all read alike; at least one, at most one for each partition.
        needed = math.ceil(members * produced / consumed) if consumed > 0 else partitions
        add = min(max(needed, members + 1), partitions) - members
        values = {"add": add, "members": members, "all_partitions": partitions}
        return case.verdict(Cause.TOO_FEW_CONSUMERS, slow, evidence=evidence, values=values)
    needed = math.ceil(partitions * produced / consumed) if consumed > 0 else 2 * partitions
    topic = max(slow, key=lambda s: s.lag).partition.topic
    now = sum(s.partition.topic == topic for s in case.statuses)
    grown = max(now + 1, math.ceil(now * needed / partitions))
    values = {"members": members, "topic": topic, "now": now, "wanted": grown}
    return case.verdict(Cause.TOO_FEW_PARTITIONS, slow, evidence=evidence, values=values)


def _rewound(case: _Case) -> Verdict | None:
    """The committed offset went back while it was looked."""
    back = case.of(Status.REWIND)
    return case.verdict(Cause.REWOUND, back, evidence=case.lags(back)) if back else None


def _catching_up(case: _Case) -> Verdict | None:
    """There is more lag than what came while it was looked, and it becomes less."""
    behind = [s for s in case.statuses if s.growth < 0 and s.lag > case.window.produced(s.partition)]
    if not behind or case.bad:
        return None
    consumed = sum(s.consumed_per_s - s.produced_per_s for s in behind)
    lag = sum(s.lag for s in behind)
    minutes = lag / consumed / 60 if consumed > 0 else 0.0
    evidence = [text("lag.evidence.total", lag=lag)]
    return case.verdict(Cause.CATCHING_UP, behind, evidence=evidence, values={"minutes": f"{minutes:.1f}"})


_RULES: tuple[Callable[[_Case], Verdict | None], ...] = (
    _lost_records,
    _stopped,
    _storm,
    _hanging,
    _open,
    _nobody,
    _stuck,
    _hot,
    _slow_member,
    _too_slow,
    _rewound,
    _catching_up,
)
"""In this order: what loses data, what stops everything, what stops some, what is slow."""
