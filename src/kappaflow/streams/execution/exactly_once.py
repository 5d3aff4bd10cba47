"""Exactly once (v2): results, changelogs and positions of a commit are one transaction of the worker's producer.

Source: KIP-129, KIP-447.
"""

from __future__ import annotations

from collections.abc import Sequence

from kappaflow.client.offsets import GroupGeneration
from kappaflow.runtime.clock import SYSTEM_CLOCK, Clock
from kappaflow.runtime.crash_points import crash_point
from kappaflow.streams.execution.commit import (
    LocalState,
    OpenTask,
    Step,
    TransactionalWriter,
    local_of,
    offsets_of,
    stores_of,
)


class ExactlyOnce:
    """End the transaction, then write the local batch.

    The group's offsets, which are part of the transaction, say where input goes on; local positions never do.  The
    local batch is written only when the transaction is known to be committed.  After any failure the changes since the
    last commit are dropped, and the stores get from their changelogs what a commit of unknown outcome wrote.
    """

    def __init__(
        self, producer: TransactionalWriter, database: LocalState, group_id: str, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._producer = producer
        self._database = database
        self._group_id = group_id
        self._clock = clock

    def commit(self, tasks: Sequence[OpenTask], generation: GroupGeneration, step: Step) -> None:
        """Commit what the tasks have processed.  Readers of the state go on while the brokers are waited for.

        Raises:
            BrokerError: it was not committed, or it is not known whether it was; the tasks are to be opened anew.
        """
        with step():
            for opened in tasks:
                opened.task.before_commit()
        crash_point("before-flush")
        self._producer.commit(offsets_of(tasks), self._group_id, generation)
        with step():
            positions = local_of(tasks, self._producer.next_offset, self._clock.time_ms())
            self._database.commit(stores_of(tasks), positions)
