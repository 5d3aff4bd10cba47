"""What the clients of a world know for certain, against which the broker is checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

Key = tuple[str, int]


class Outcome(Enum):
    """What a client knows of its transaction."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Transfer:
    """A bank transfer: two halves in one transaction.

    Attributes:
        offsets: where acknowledged halves are, by partition.
    """

    name: str
    amount: int
    outcome: Outcome = Outcome.OPEN
    offsets: dict[Key, int] = field(default_factory=dict[Key, int])


@dataclass(slots=True)
class History:
    """Everything that was promised.

    Attributes:
        acknowledged: by partition, the offset of each acknowledged record's text.
        sent: by partition, the texts that were ever sent, in the order of each producer.
        transfers: by name.
        offsets: by group and partition, the highest offset whose commit was acknowledged.
        words: by name of the transaction, its words and its outcome, for what the counting task reads.
    """

    acknowledged: dict[Key, dict[str, int]] = field(default_factory=dict[Key, dict[str, int]])
    sent: dict[Key, dict[str, None]] = field(default_factory=dict[Key, dict[str, None]])
    transfers: dict[str, Transfer] = field(default_factory=dict[str, Transfer])
    offsets: dict[tuple[str, Key], int] = field(default_factory=dict[tuple[str, Key], int])
    problems: list[str] = field(default_factory=list[str])

    def send(self, key: Key, text: str) -> None:
        """A record is about to be sent."""
        self.sent.setdefault(key, {})[text] = None

    def acknowledge(self, key: Key, text: str, offset: int) -> None:
        """The broker said where a record is."""
        before = self.acknowledged.setdefault(key, {}).setdefault(text, offset)
        if before != offset:
            self.problems.append(f"{text} of {key} was acknowledged at offset {before} and again at {offset}")

    def commit_offset(self, group: str, key: Key, offset: int) -> None:
        """The broker said that it has a group's offset."""
        self.offsets[group, key] = max(offset, self.offsets.get((group, key), -1))
