"""What a changed topology means for the topics and the state that the old one left behind.

outline(topology) ─▶ Outline (data, can be saved) ─┐
outline(topology) ─▶ Outline ──────────────────────┴▶ compare ─▶ findings
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from kappaflow.serde.schema import WindowType
from kappaflow.streams.topology.builder import Topology
from kappaflow.streams.topology.nodes import StoreSpec

Risk = Literal["none", "care", "unsafe"]
_GENERATED = re.compile(r"^(?P<kind>.*?)-?(?P<number>\d{10})(?P<rest>.*)$")


@dataclass(frozen=True, slots=True)
class StoreOutline:
    """A store: what it is, which topic restores it, and which subtopology has it."""

    kind: str
    changelog: str | None
    retention_ms: int | None
    serdes: str
    subtopology: int


@dataclass(frozen=True, slots=True)
class RepartitionOutline:
    """An internal topic between two subtopologies; `partitions` is None where the sources decide."""

    partitions: int | None
    read_by: int


@dataclass(frozen=True, slots=True)
class Outline:
    """What of a topology outlives its process.  Internal topics stand without the application's id.

    Attributes:
        sources: external topics and the numbers of the subtopologies that read them.
        sinks: external topics that are written; those chosen by record are left out.
        stores, repartitions: by name.
    """

    sources: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    sinks: list[str] = field(default_factory=list[str])
    stores: dict[str, StoreOutline] = field(default_factory=dict[str, StoreOutline])
    repartitions: dict[str, RepartitionOutline] = field(default_factory=dict[str, RepartitionOutline])


@dataclass(frozen=True, slots=True)
class Finding:
    """One consequence.

    Attributes:
        risk: ``unsafe`` loses records or state, or does not start; ``care`` needs a thought.
        code: what it is, for programs and for the texts people see.
        name: the store or topic.
        was, now: what changed, where it is a value.
    """

    risk: Risk
    code: str
    name: str
    was: str = ""
    now: str = ""


def outline(topology: Topology) -> Outline:
    """Return what of a bound topology outlives its process."""
    found = Outline()
    prefix = f"{topology.application_id}-"
    internal = {node.topic for node in topology.repartition_nodes}
    for sub in topology.subtopologies:
        for spec in sub.stores:
            found.stores[spec.name] = _store(spec, topology, sub.number)
        for topic in sub.sources:
            if topic not in internal:
                found.sources.setdefault(topic, []).append(sub.number)
    for node in topology.repartition_nodes:
        reader = next(sub.number for sub in topology.subtopologies if node in sub.sources.get(node.topic, ()))
        found.repartitions[node.topic.removeprefix(prefix)] = RepartitionOutline(node.partitions, reader)
    topics = {getattr(node, "topic", None) for sub in topology.subtopologies for node in sub.nodes}
    found.sinks.extend(sorted(t for t in topics if t and t not in internal and t not in found.sources))
    return found


def _store(spec: StoreSpec, topology: Topology, number: int) -> StoreOutline:
    kind = "window"
    if spec.history_ms is not None:
        kind = "versioned"
    elif spec.window is None:
        kind = "key-value"
    elif spec.window.type is WindowType.SESSION:
        kind = "session"
    changelog = spec.changelog_topic if not spec.logged else f"{spec.name}-changelog"
    serdes = f"{type(spec.key_serde).__name__}, {type(spec.objects or spec.value_serde).__name__}"
    retention_ms = spec.retention_ms if spec.history_ms is None else spec.history_ms
    return StoreOutline(kind, changelog, retention_ms, serdes, number)


def compare(old: Outline, new: Outline) -> list[Finding]:
    """Return what the change from one topology to another means, the worst first."""
    findings = [*_stores(old, new), *_repartitions(old, new), *_sources(old, new)]
    order = {"unsafe": 0, "care": 1, "none": 2}
    return sorted(findings, key=lambda finding: order[finding.risk])


def _stores(old: Outline, new: Outline) -> Iterator[Finding]:
    gone = [name for name in old.stores if name not in new.stores]
    added = [name for name in new.stores if name not in old.stores]
    for name in gone:
        successor = next((other for other in added if _renumbered(name, other)), None)
        if successor is not None and old.stores[name].kind == new.stores[successor].kind:
            added.remove(successor)
            yield Finding("unsafe", "store_renumbered", name, name, successor)
        else:
            yield Finding("care", "store_gone", name)
    for name in added:
        read = any(topic in old.sources for topic in _read_by(new, new.stores[name].subtopology))
        yield Finding("care" if read else "none", "store_added", name)
    for name, was in old.stores.items():
        now = new.stores.get(name)
        if now is None:
            continue
        if was.kind != now.kind:
            yield Finding("unsafe", "store_kind", name, was.kind, now.kind)
        elif was.serdes != now.serdes:
            yield Finding("unsafe", "store_serdes", name, was.serdes, now.serdes)
        if was.changelog != now.changelog:
            yield Finding("unsafe", "store_changelog", name, str(was.changelog), str(now.changelog))
        if was.retention_ms != now.retention_ms:
            yield Finding("care", "store_retention", name, str(was.retention_ms), str(now.retention_ms))
        if was.subtopology != now.subtopology:
            yield Finding("care", "store_moved", name, str(was.subtopology), str(now.subtopology))


def _repartitions(old: Outline, new: Outline) -> Iterator[Finding]:
    gone = [name for name in old.repartitions if name not in new.repartitions]
    added = [name for name in new.repartitions if name not in old.repartitions]
    for name in gone:
        successor = next((other for other in added if _renumbered(name, other)), None)
        if successor is not None:
            added.remove(successor)
            yield Finding("unsafe", "repartition_renumbered", name, name, successor)
        else:
            yield Finding("unsafe", "repartition_gone", name)
    for name in added:
        yield Finding("none", "repartition_added", name)
    for name, was in old.repartitions.items():
        now = new.repartitions.get(name)
        if now is not None and was.partitions != now.partitions:
            yield Finding("unsafe", "repartition_partitions", name, _count(was.partitions), _count(now.partitions))


def _sources(old: Outline, new: Outline) -> Iterator[Finding]:
    for topic in old.sources:
        if topic not in new.sources:
            yield Finding("care", "source_gone", topic)
        elif old.sources[topic] != new.sources[topic]:
            was, now = (", ".join(map(str, of.sources[topic])) for of in (old, new))
            yield Finding("care", "source_moved", topic, was, now)
    for topic in new.sources:
        if topic not in old.sources:
            yield Finding("none", "source_added", topic)


def _read_by(of: Outline, subtopology: int) -> list[str]:
    """External topics that can reach a subtopology: its own, and through repartitioning any."""
    own = [topic for topic, numbers in of.sources.items() if subtopology in numbers]
    fed = any(each.read_by == subtopology for each in of.repartitions.values())
    return [*own, *(of.sources if fed else ())]


def _renumbered(one: str, other: str) -> bool:
    """Whether two generated names differ in their numbers only.

    >>> _renumbered("KSTREAM-REDUCE-STATE-STORE-0000000002", "KSTREAM-REDUCE-STATE-STORE-0000000003")
    True
    >>> _renumbered("counts", "sums")
    False
    """
    left, right = _GENERATED.match(one), _GENERATED.match(other)
    return left is not None and right is not None and left["kind"] == right["kind"] and left["rest"] == right["rest"]


def _count(partitions: int | None) -> str:
    return "as its sources" if partitions is None else str(partitions)
