"""Committed offsets of all groups; each commit is journalled before it is acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

HAS_MEMBERS = -1
OffsetKey = tuple[str, int]
"""(topic, partition)."""


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """Where a group goes on in one partition.

    Attributes:
        offset: the next offset to read.
        leader_epoch: the epoch of the last record read, -1 where unknown.
        metadata: the client's own text.
        commit_time_ms: when it was committed.
        order: which of several for one partition came last; the store counts.
    """

    offset: int
    leader_epoch: int
    metadata: str
    commit_time_ms: int
    order: int = field(default=0, compare=False)


class OffsetStore:
    """Offsets by group and partition.

    Args:
        write: makes one journal entry survive the end of the process.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None]) -> None:
        self._write = write
        self._groups: dict[str, dict[OffsetKey, CommittedOffset]] = {}
        self._pending: dict[str, dict[int, dict[OffsetKey, CommittedOffset]]] = {}
        self._empty_since: dict[str, int] = {}
        self._last_order = 0

    def commit(self, group_id: str, offsets: Iterable[tuple[OffsetKey, CommittedOffset]]) -> None:
        """Store offsets of one group, all of them or, on an error, none.

        Raises:
            StorageError: they could not be written.
        """
        new = self._in_order(offsets)
        if not new:
            return
        self._write({"type": "offsets_committed", "group": group_id, "offsets": _rows(new)})
        self._groups.setdefault(group_id, {}).update(new)

    def add_pending(
        self, group_id: str, producer_id: int, offsets: Iterable[tuple[OffsetKey, CommittedOffset]]
    ) -> None:
        """Hold back offsets until the producer's transaction ends.

        Raises:
            StorageError: they could not be written.
        """
        new = self._in_order(offsets)
        if not new:
            return
        self._write({"type": "offsets_pending", "group": group_id, "producer_id": producer_id, "offsets": _rows(new)})
        self._pending.setdefault(group_id, {}).setdefault(producer_id, {}).update(new)

    def _in_order(
        self, offsets: Iterable[tuple[OffsetKey, CommittedOffset]], newest: int = 0
    ) -> dict[OffsetKey, CommittedOffset]:
        """The offsets with their place among all; the next one where none is given."""
        self._last_order = max(self._last_order + 1, newest)
        return {key: value if value.order else replace(value, order=self._last_order) for key, value in offsets}

    def pending(self, group_id: str) -> set[OffsetKey]:
        """The partitions whose offsets an open transaction may change."""
        return {key for held in self._pending.get(group_id, {}).values() for key in held}

    def pending_producers(self) -> list[tuple[str, int]]:
        """Groups and the producers whose transactions may change their offsets."""
        return [(group_id, producer_id) for group_id, held in self._pending.items() for producer_id in held]

    def end_transaction(self, group_id: str, producer_id: int, *, committed: bool) -> None:
        """Let the offsets that were held back count, or forget them; nothing happens where there are none.

        Raises:
            StorageError: it could not be written.
        """
        if producer_id in self._pending.get(group_id, {}):
            entry = {"type": "pending_ended", "group": group_id, "producer_id": producer_id, "committed": committed}
            self._write(entry)
            self._end_pending(group_id, producer_id, committed=committed)

    def _end_pending(self, group_id: str, producer_id: int, *, committed: bool) -> None:
        producers = self._pending.get(group_id, {})
        held = producers.pop(producer_id, {})
        if not producers:
            self._pending.pop(group_id, None)
        if committed and held:
            there = self._groups.setdefault(group_id, {})
            # What was committed after it, by whomever, is the newer one.
            there.update(
                {key: value for key, value in held.items() if key not in there or there[key].order < value.order}
            )

    def of_group(self, group_id: str) -> dict[OffsetKey, CommittedOffset]:
        """All offsets of a group; empty where it has none."""
        return self._groups.get(group_id, {})

    def groups(self) -> Iterator[str]:
        """Ids of groups that have offsets."""
        return iter(tuple(self._groups))

    def topics(self) -> set[str]:
        """The names of topics in which there are offsets, those of open transactions among them."""
        places = [*self._groups.values(), *(held for each in self._pending.values() for held in each.values())]
        return {topic for held in places for topic, _ in held}

    def note_members(self, group_id: str, *, has_members: bool, now_ms: int) -> int:
        """Tell since when a group with offsets has had no members; 0 for one that never had any, or has them now.

        Offsets count their retention from then (KIP-211). It is noticed as often as this is called, and survives a
        restart: a group that had members when the broker ended is empty from the restart on, until they come back.

        Raises:
            StorageError: it could not be written.
        """
        before = self._empty_since.get(group_id, 0)
        after = HAS_MEMBERS if has_members else now_ms if before == HAS_MEMBERS else before
        if after != before:
            self._write({"type": "group_members", "group": group_id, "empty_since": after})
            self._empty_since[group_id] = after
        return max(after, 0)

    def delete(self, group_id: str, keys: Iterable[OffsetKey]) -> None:
        """Forget some offsets of a group, those of open transactions among them."""
        held = self._groups.get(group_id, {}).keys() | self.pending(group_id)
        gone = [key for key in keys if key in held]
        if gone:
            self._write({"type": "offsets_deleted", "group": group_id, "keys": [list(key) for key in gone]})
            self._forget(group_id, gone)

    def delete_group(self, group_id: str) -> None:
        """Forget everything about a group, what open transactions hold back among it."""
        if group_id in self._groups or group_id in self._pending:
            self._write({"type": "group_deleted", "group": group_id})
            self._forget_group(group_id)

    def delete_topic(self, topic: str) -> None:
        """Forget the offsets in a topic that no longer exists."""
        for group_id in self._groups.keys() | self._pending.keys():
            keys = self.of_group(group_id).keys() | self.pending(group_id)
            self.delete(group_id, sorted(key for key in keys if key[0] == topic))

    def replay(self, entry: dict[str, Any]) -> None:
        """Apply one journal entry of an earlier run."""
        group_id: str = entry.get("group", "")
        match entry["type"]:
            case "offsets_committed":
                held = self._groups.setdefault(group_id, {})
                held.update(self._from_rows(entry["offsets"]))
            case "offsets_pending":
                producers = self._pending.setdefault(group_id, {})
                producers.setdefault(entry["producer_id"], {}).update(self._from_rows(entry["offsets"]))
            case "pending_ended":
                self._end_pending(group_id, entry["producer_id"], committed=entry["committed"])
            case "offsets_deleted":
                self._forget(group_id, [(topic, partition) for topic, partition in entry["keys"]])
            case "group_members":
                self._empty_since[group_id] = entry["empty_since"]
            case "group_deleted":
                self._forget_group(group_id)
            case _:
                pass

    def snapshot(self) -> list[dict[str, Any]]:
        """The entries that rebuild the store as it is."""
        return (
            [
                {"type": "offsets_committed", "group": group_id, "offsets": _rows(held)}
                for group_id, held in self._groups.items()
            ]
            + [
                {"type": "offsets_pending", "group": group_id, "producer_id": producer_id, "offsets": _rows(held)}
                for group_id, producers in self._pending.items()
                for producer_id, held in producers.items()
            ]
            + [
                {"type": "group_members", "group": group_id, "empty_since": empty_since}
                for group_id, empty_since in self._empty_since.items()
                if group_id in self._groups
            ]
        )

    def _from_rows(self, rows: list[list[Any]]) -> dict[OffsetKey, CommittedOffset]:
        """Rows of the journal; those of earlier versions end before the order and come in it."""
        newest = max((row[6] for row in rows if len(row) > 6), default=0)
        return self._in_order((((row[0], row[1]), CommittedOffset(*row[2:])) for row in rows), newest)

    def _forget_group(self, group_id: str) -> None:
        for held in (self._groups, self._pending, self._empty_since):
            held.pop(group_id, None)

    def _forget(self, group_id: str, keys: Iterable[OffsetKey]) -> None:
        places = [self._groups.get(group_id, {}), *self._pending.get(group_id, {}).values()]
        for key in keys:
            for held in places:
                held.pop(key, None)
        if not self._groups.get(group_id):
            self._groups.pop(group_id, None)
            self._empty_since.pop(group_id, None)


def _rows(offsets: dict[OffsetKey, CommittedOffset]) -> list[list[Any]]:
    return [
        [topic, partition, held.offset, held.leader_epoch, held.metadata, held.commit_time_ms, held.order]
        for (topic, partition), held in offsets.items()
    ]
