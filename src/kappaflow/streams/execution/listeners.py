"""What a program may be told while its application runs."""

from __future__ import annotations

from typing import Protocol

from kappaflow.client.topic_partition import TopicPartition


class RestoreListener(Protocol):
    """Told how stores are restored from their changelogs; called in the thread that restores, so quickly done.

    A listener may leave out what it does not need by inheriting from this class.
    """

    def restore_started(self, changelog: TopicPartition, store: str, start: int, end: int) -> None:
        """A store will be restored from one offset to another."""

    def batch_restored(self, changelog: TopicPartition, store: str, offset: int, records: int) -> None:
        """The restore has come to an offset; so many offsets since the last call."""

    def restore_ended(self, changelog: TopicPartition, store: str, total: int) -> None:
        """The store has all that its changelog had; so many offsets in all."""
