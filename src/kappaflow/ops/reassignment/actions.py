"""The steps of plans that move partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import BrokerError, BrokerUnreachable, PlanError
from kappaflow.ops.plans.action import Arguments, Progress, ReversibleAction, register_actions
from kappaflow.ops.plans.waiting import wait_until
from kappaflow.ops.reassignment import texts as _texts
from kappaflow.ops.reassignment import throttle_actions as _throttle_actions
from kappaflow.ops.reassignment.hours import wait_for_hours, window_of
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.crash_points import crash_point
from kappaflow.runtime.messages import Text, message, text
from kappaflow.wire.error_codes import ErrorCode

assert _texts
assert _throttle_actions  # registers itself
POLL_S = 0.5
STALL_S = 900
"""How long nothing may be copied before a move counts as stalled."""


def _names(rows: Sequence[Mapping[str, Any]]) -> list[TopicPartition]:
    return [TopicPartition(row["topic"], row["partition"]) for row in rows]


class MovePartitions:
    """Move ``partitions``, with ``topic``, ``partition``, ``from``, ``to``, ``leader`` and ``bytes``; in ``hours``."""

    name = "reassign.move"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        rows = arguments["partitions"]
        copied = sum(row["bytes"] for row in rows)
        mib = f"{copied / (1 << 20):,.1f}"
        window = window_of(arguments)
        if window is not None:
            return text("reassign.move.step_at", count=len(rows), mib=mib, hours=window.text())
        return text("reassign.move.step", count=len(rows), mib=mib)

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the replicas before are kept."""
        return True

    def check(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Against it are targets that are away, others' moves, and partitions that changed since the plan."""
        rows = arguments["partitions"]
        alive = {broker.node_id for broker in session.admin.describe().brokers}
        now = _replicas(session, _names(rows))
        under_way = {row.partition for row in session.admin.placement.reassignments()}
        against: list[Text] = []
        for row, name in zip(rows, _names(rows), strict=True):
            away = sorted(set(row["to"]) - set(row["from"]) - alive)
            if away:
                against.append(text("reassign.target_away", partition=str(name), broker=away[0]))
            elif name not in now:
                against.append(text("reassign.gone", partition=str(name)))
            elif name not in under_way and list(now[name]) not in (row["from"], row["to"]):
                against.append(text("reassign.changed", partition=str(name), now=list(now[name]), was=row["from"]))
            elif name in under_way and set(now[name]) - {*row["from"], *row["to"]}:
                against.append(text("reassign.under_way", partition=str(name)))
        return against

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """Replicas and leaders; of a move under way the plan's own."""
        return {"partitions": [dict(row) for row in arguments["partitions"]]}

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether all are there and nothing is under way any more."""
        return _is_placed(session, {n: r["to"] for n, r in _keyed(arguments["partitions"]).items()})

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Move them and wait until they are there; where hours are named, begin in these.

        Raises:
            BrokerError: a move was refused.
            PlanError: nothing was copied for a long time, or something is against the step after the wait.
        """
        names = set(_names(arguments["partitions"]))
        begun = any(row.partition in names for row in session.admin.placement.reassignments())
        if not begun and wait_for_hours(session, arguments, progress):
            against = self.check(session, arguments)
            if against:
                raise PlanError("; ".join(str(reason) for reason in against))
        _move(session, {n: r["to"] for n, r in _keyed(arguments["partitions"]).items()}, progress)

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Each has its replicas, all in sync, and, where that was wanted, its leader."""
        rows = _keyed(arguments["partitions"])
        topics = session.admin.topics.describe({name.topic for name in rows})
        states = {TopicPartition(p.topic, p.partition): p for topic in topics.values() for p in topic.partitions}
        problems: list[Text] = []
        for name, row in rows.items():
            state = states.get(name)
            if state is None or list(state.replicas) != row["to"]:
                found = None if state is None else list(state.replicas)
                problems.append(text("reassign.elsewhere", partition=str(name), found=found, wanted=row["to"]))
            elif set(state.in_sync) != set(state.replicas):
                problems.append(text("reassign.not_in_sync", partition=str(name), in_sync=list(state.in_sync)))
            elif arguments["keep_leaders"] and state.leader != row["leader"]:
                problems.append(
                    text("reassign.leader_changed", partition=str(name), before=row["leader"], after=state.leader)
                )
        return problems

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Move them back, also from the middle, and give the leaders of before their place again.

        Raises:
            PlanError: a broker that they were on is away.
        """
        rows = _keyed(captured["partitions"])
        known = session.admin.topics.describe({name.topic for name in rows})
        there = {n: r for n, r in rows.items() if n.topic in known}
        now = {TopicPartition(p.topic, p.partition): p.replicas for t in known.values() for p in t.partitions}
        alive = {broker.node_id for broker in session.admin.describe().brokers}
        adding = {row.partition: set(row.adding) for row in session.admin.placement.reassignments()}
        # What has not ended is given up at once. What has ended ends its way back when all of its replicas are in sync.
        moved = {n: r for n, r in there.items() if set(now[n]) - adding.get(n, set()) != set(r["from"])}
        away = sorted({b for r in moved.values() for b in r["from"] if b not in alive})
        if away:
            raise PlanError(str(text("reassign.undo_away", broker=away[0])))
        _move(session, {n: r["from"] for n, r in there.items()}, progress)
        session.admin.placement.elect("preferred", [n for n, r in there.items() if r["leader"] == r["from"][0]])


def _keyed(rows: Sequence[Mapping[str, Any]]) -> dict[TopicPartition, Mapping[str, Any]]:
    return dict(zip(_names(rows), rows, strict=True))


def _replicas(session: OpsSession, names: Sequence[TopicPartition]) -> dict[TopicPartition, tuple[int, ...]]:
    topics = session.admin.topics.describe({name.topic for name in names})
    return {TopicPartition(p.topic, p.partition): p.replicas for topic in topics.values() for p in topic.partitions}


def _is_placed(session: OpsSession, wanted: Mapping[TopicPartition, Sequence[int]]) -> bool:
    if any(row.partition in wanted for row in session.admin.placement.reassignments()):
        return False
    now = _replicas(session, list(wanted))
    return all(list(now.get(name, ())) == list(replicas) for name, replicas in wanted.items())


def _move(session: OpsSession, wanted: Mapping[TopicPartition, Sequence[int]], progress: Progress) -> None:
    _give_up_others(session, wanted)
    under_way = {row.partition for row in session.admin.placement.reassignments()}
    now = _replicas(session, list(wanted))
    todo = {n: list(r) for n, r in wanted.items() if n in under_way or list(now.get(n, ())) != list(r)}
    refused = session.admin.placement.reassign(todo)
    for error in refused.values():
        raise error
    crash_point("reassign.accepted")
    _wait(session, wanted, progress)


def _give_up_others(session: OpsSession, wanted: Mapping[TopicPartition, Sequence[int]]) -> None:
    """Cancel moves of these partitions that go elsewhere, which Kafka does at once.

    Another target instead would not do: KRaft keeps what is being added and waits for it, though it is to be removed.
    """

    def elsewhere() -> list[TopicPartition]:
        return [
            row.partition
            for row in session.admin.placement.reassignments()
            if row.partition in wanted
            and (
                set(row.adding) - set(wanted[row.partition])
                or set(row.replicas) - set(row.removing) != set(wanted[row.partition])
            )
        ]

    others = elsewhere()
    if not others:
        return
    for error in session.admin.placement.reassign(dict.fromkeys(others)).values():
        if error.code != ErrorCode.NO_REASSIGNMENT_IN_PROGRESS:  # it has just ended
            raise error
    wait_until(session, lambda: not elsewhere())


def _away(session: OpsSession, wanted: Mapping[TopicPartition, Sequence[int]]) -> list[int]:
    """Brokers that are away and that moves under way wait for: these end when all of their replicas are in sync."""
    under_way = {row.partition for row in session.admin.placement.reassignments()}
    alive = {broker.node_id for broker in session.admin.describe().brokers}
    return sorted({broker for name in under_way & set(wanted) for broker in wanted[name]} - alive)


def _wait(session: OpsSession, wanted: Mapping[TopicPartition, Sequence[int]], progress: Progress) -> None:
    """Wait for moves; says how much is copied, at what rate, and when that will be all."""
    started, last_change, last_copied, first_copied = session.clock.time_ms(), session.clock.time_ms(), -1, None
    while not _is_placed(session, wanted):
        adding = {r.partition: r.adding for r in session.admin.placement.reassignments() if r.partition in wanted}
        copied, total = _copied(session, adding)
        away = _away(session, wanted)
        now = session.clock.time_ms()
        if first_copied is None:
            first_copied = copied
        if copied != last_copied:
            last_change, last_copied = now, copied
        elif now - last_change > STALL_S * 1000:
            if away:
                raise PlanError(message("reassign.stalled_away", minutes=STALL_S // 60, brokers=_joined(away)))
            raise PlanError(message("reassign.stalled", minutes=STALL_S // 60, partitions=len(adding)))
        rate = (copied - first_copied) / max(0.001, (now - started) / 1000)
        eta = f"{(total - copied) / rate:,.0f} s" if rate > 0 else "?"
        progress(
            text(
                "reassign.progress",
                left=len(adding),
                copied=f"{copied / (1 << 20):,.1f}",
                total=f"{total / (1 << 20):,.1f}",
                rate=f"{rate / (1 << 20):,.1f}",
                eta=eta,
            )
            if not away
            else text("reassign.waits_for", left=len(adding), brokers=_joined(away))
        )
        session.pause(POLL_S)


def _joined(brokers: Sequence[int]) -> str:
    return ", ".join(map(str, brokers))


def _copied(session: OpsSession, adding: Mapping[TopicPartition, Sequence[int]]) -> tuple[int, int]:
    """What the new replicas have, and what they will have."""
    if not adding:
        return 0, 0
    sizes: dict[TopicPartition, int] = {}
    have: dict[tuple[TopicPartition, int], int] = {}
    for broker in [row.node_id for row in session.admin.describe().brokers]:
        try:
            directories = session.admin.log_dirs.describe(brokers=[broker], topics={n.topic for n in adding})
        except (BrokerError, BrokerUnreachable):  # it has just died; what it has is not known now
            continue
        for row in (row for directory in directories for row in directory.replicas):
            if row.partition in adding and not row.is_future:
                sizes[row.partition] = max(sizes.get(row.partition, 0), row.size_bytes)
                have[row.partition, broker] = row.size_bytes
    copied = sum(have.get((name, broker), 0) for name, brokers in adding.items() for broker in brokers)
    total = sum(sizes.get(name, 0) * len(brokers) for name, brokers in adding.items())
    return copied, total


class LeadPreferred(ReversibleAction):
    """Elect the preferred leaders of partitions: ``partitions`` with ``topic``, ``partition``, ``leader``."""

    name = "reassign.lead"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("reassign.lead.step", count=len(arguments["partitions"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the moves before it bring the leaders back when they are taken back."""
        return True

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The moves know who led."""
        return {}

    def _led_by_others(self, session: OpsSession, arguments: Arguments) -> list[TopicPartition]:
        rows = _keyed(arguments["partitions"])
        topics = session.admin.topics.describe({name.topic for name in rows})
        return [
            name
            for topic in topics.values()
            for p in topic.partitions
            if (name := TopicPartition(p.topic, p.partition)) in rows
            and p.leader != p.replicas[0]
            and p.replicas[0] in p.in_sync
        ]

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether each is led by its preferred replica, where that one is in sync."""
        return not self._led_by_others(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Elect them and wait until they lead."""
        session.admin.placement.elect("preferred", self._led_by_others(session, arguments))
        wait_until(session, lambda: self.is_applied(session, arguments))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """Each is led by its preferred replica."""
        return [text("reassign.not_led", partition=str(name)) for name in self._led_by_others(session, arguments)]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Done by the moves."""


class CancelMoves(ReversibleAction):
    """Cancel moves under way: ``partitions`` with ``topic``, ``partition``, ``to``."""

    name = "reassign.cancel"

    def describe(self, arguments: Arguments) -> Text:
        """What it does."""
        return text("reassign.cancel.step", count=len(arguments["partitions"]))

    def is_reversible(self, arguments: Arguments) -> bool:
        """It is: the moves are begun again."""
        return True

    def capture(self, session: OpsSession, arguments: Arguments) -> dict[str, Any]:
        """The plan holds where they went."""
        return {}

    def _under_way(self, session: OpsSession, arguments: Arguments) -> list[TopicPartition]:
        wanted = set(_names(arguments["partitions"]))
        return [row.partition for row in session.admin.placement.reassignments() if row.partition in wanted]

    def is_applied(self, session: OpsSession, arguments: Arguments) -> bool:
        """Whether none is under way."""
        return not self._under_way(session, arguments)

    def apply(self, session: OpsSession, arguments: Arguments, progress: Progress) -> None:
        """Cancel those that are under way and wait for their end."""
        for error in session.admin.placement.reassign(dict.fromkeys(self._under_way(session, arguments))).values():
            raise error
        wait_until(session, lambda: self.is_applied(session, arguments))

    def verify(self, session: OpsSession, arguments: Arguments) -> list[Text]:
        """None is under way."""
        return [text("reassign.still_moving", partition=str(name)) for name in self._under_way(session, arguments)]

    def undo(self, session: OpsSession, arguments: Arguments, captured: Mapping[str, Any], progress: Progress) -> None:
        """Begin them again; they go on by themselves."""
        rows = _keyed(arguments["partitions"])
        for error in session.admin.placement.reassign({n: list(r["to"]) for n, r in rows.items()}).values():
            raise error


register_actions(MovePartitions(), LeadPreferred(), CancelMoves())
