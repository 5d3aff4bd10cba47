"""At least once: what was counted twice after a crash was also written twice; nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence

from kappaflow.client.offsets import GroupGeneration
from kappaflow.runtime.clock import SYSTEM_CLOCK, Clock
from kappaflow.runtime.crash_points import crash_point
from kappaflow.streams.execution.commit import (
    LocalState,
    Offsets,
    OpenTask,
    Step,
    Writer,
    local_of,
    offsets_of,
    stores_of,
)


class AtLeastOnce:
    """Flush, write the local batch, commit the group's offsets: in this order.

    Local state that is at or beyond the group's offsets is the newest there is: it goes on from its own positions,
    unless somebody has set the group's offsets meanwhile.
    """

    def __init__(
        self, producer: Writer, database: LocalState, offsets: Offsets, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._producer = producer
        self._database = database
        self._offsets = offsets
        self._clock = clock

    def commit(self, tasks: Sequence[OpenTask], generation: GroupGeneration, step: Step) -> None:
        """Commit what the tasks have processed.  Readers of the state go on while the brokers are waited for.

        Raises:
            BrokerError: something was not written or committed; what is missing will be processed again.
        """
        with step():
            for opened in tasks:
                opened.task.before_commit()
        crash_point("before-flush")
        self._producer.flush()
        crash_point("after-flush")
        with step():
            positions = local_of(tasks, self._producer.next_offset, self._clock.time_ms())
            self._database.commit(stores_of(tasks), positions)
        crash_point("before-offset-commit")
        self._offsets.commit(offsets_of(tasks), generation)
        for opened in tasks:
            opened.group = dict(opened.task.positions)
        crash_point("after-offset-commit")
