"""Free space by shorter retention, as a plan that waits until it is free and can put the old retention back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from kappaflow.errors import UsageError
from kappaflow.ops.disk import texts as _texts
from kappaflow.ops.disk.retention import RetentionCut, RetentionWhatIf, propose_cuts
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.runtime.messages import Text, message, text

assert _texts
MIB = 1 << 20


def plan_free(
    session: OpsSession,
    target_bytes: int,
    *,
    topics: Collection[str] | None = None,
    broker: int | None = None,
    at_least_ms: int = 3_600_000,
    allow_losers: bool = False,
    temporary: bool = False,
) -> Plan:
    """A plan that frees so much by cutting the retention of the largest topics, as mildly as possible.

    What was deleted does not come back when the plan is undone; the retention does.

    Args:
        session: the cluster.
        target_bytes: how much to free.
        topics: which may be cut; all but the brokers' own by default.
        broker: free it on this broker; on all together by default.
        at_least_ms: no retention below this is proposed.
        allow_losers: whether groups may lose records that they have not read.
        temporary: whether the old retention is put back once the space is free.

    Raises:
        UsageError: no cut frees anything.
    """
    what_if = RetentionWhatIf(session, topics, broker)
    cuts = propose_cuts(what_if, target_bytes, at_least_ms=at_least_ms, allow_losers=allow_losers)
    if not cuts:
        raise UsageError(message("disk.no_cut" if allow_losers else "disk.no_harmless_cut"))
    return plan_cuts(session, what_if, cuts, target_bytes, broker=broker, temporary=temporary)


def plan_cuts(
    session: OpsSession,
    what_if: RetentionWhatIf,
    cuts: Sequence[RetentionCut],
    target_bytes: int,
    *,
    broker: int | None = None,
    temporary: bool = False,
) -> Plan:
    """The plan of given cuts."""
    freed = sum(cut.freed_bytes for cut in cuts)
    steps = [_set(cut.topic, str(cut.after_ms)) for cut in cuts]
    sizes = {cut.topic: what_if.size_bytes(cut.topic) for cut in cuts}
    awaited = [{"topic": c.topic, "size": sizes[c.topic], "freed": c.freed_bytes} for c in cuts if c.freed_bytes]
    steps.append(Step("disk.await-freed", {"topics": awaited, "broker": broker}))
    if temporary:
        steps += [_set(cut.topic, None if cut.own_ms is None else str(cut.own_ms)) for cut in cuts]
    warnings: list[Text] = []
    if freed < target_bytes:
        warnings.append(text("disk.too_little", freed=f"{freed / MIB:,.1f}", target=f"{target_bytes / MIB:,.1f}"))
    if not all(cut.exact for cut in cuts):
        warnings.append(text("disk.estimate"))
    warnings += [
        text("disk.loser", group=group, topic=cut.topic, records=records)
        for cut in cuts
        for group, records in sorted(cut.losers.items())
    ]
    return new_plan(
        session,
        text("disk.free.title", mib=f"{freed / MIB:,.1f}", count=len(cuts)),
        steps,
        effects=[_effect(session, cut) for cut in cuts],
        warnings=warnings,
        confirmation="free" if not temporary or any(cut.losers for cut in cuts) else "",
        facts={"target_bytes": target_bytes, "predicted_bytes": freed},
    )


def _set(topic: str, value: str | None) -> Step:
    arguments = {"kind": "topic", "name": topic, "key": "retention.ms", "value": value, "sensitive": False}
    return Step("config.set", arguments)


def _effect(session: OpsSession, cut: RetentionCut) -> Text:
    kept_from = datetime.fromtimestamp((session.clock.time_ms() - cut.after_ms) / 1000, UTC)
    return text(
        "disk.cut.effect",
        topic=cut.topic,
        before=_hours(cut.before_ms),
        after=_hours(cut.after_ms),
        mib=f"{cut.freed_bytes / MIB:,.1f}",
        oldest=f"{kept_from:%Y-%m-%d %H:%M} UTC",
    )


def _hours(retention_ms: int) -> str:
    return "-" if retention_ms < 0 else f"{retention_ms / 3_600_000:g} h"
