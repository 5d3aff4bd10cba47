"""Run a topology in-process, one partition a topic, without a broker.

    driver = BatchTopologyDriver(topology)
    driver.pipe(RawRecord("orders", b"k", b"..", 0))
    driver.take("OUT") -> what was written to that topic, in order

Like Kafka Streams' own driver: after each record everything that it caused runs to its end, repartition topics
included, and the wall clock stands still.  In column form several records can go at once; what is written must be
the same however they are cut.  Where parts write to each other in turn, as in joins of tables by foreign key, answers
come behind the whole batch: both forms write the same where both take the same batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from kappaflow.errors import KappaError
from kappaflow.state import PackedMemoryStore
from kappaflow.streams.columns import reason_for_rows
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.record import Record
from kappaflow.streams.topology import Subtopology, Topology
from kappaflow.testing.driven_subtopologies import ColumnDriver, Placed, RowDriver

Form = Literal["row", "column"]


class BatchTopologyDriver:
    """Drives all subtopologies of a topology.

    Args:
        on_error: told about records that cannot be decoded or written; they are dropped.
        emit_interval_ms: the throttle of emit-final operators; 0 turns it off.
        outer_interval_ms: the throttle of stream-stream joins that look for unmatched records; 0 turns it off.
        caching: results are held back until `commit`.
        hides_expired: see `TaskContext`; Kafka Streams' driver does.
        form: ``column`` runs the subtopologies that have a column form in it.

    Attributes:
        outputs: records by topic, in the order they were written, internal topics included.
        results: records of sinks without a topic (push queries).
        errors: what went wrong, in order.
        by_rows: why subtopologies run in row form, by their number, where columns were asked for.
        has_turns: parts write to each other in turn.
    """

    def __init__(
        self,
        topology: Topology,
        on_error: Callable[[str, KappaError], None] | None = None,
        emit_interval_ms: int = 1000,
        form: Form = "row",
        outer_interval_ms: int = 1000,
        caching: bool = False,
        hides_expired: bool = True,
    ) -> None:
        self.topology = topology
        self.outputs: dict[str, list[RawRecord]] = {}
        self.results: list[Record] = []
        self.errors: list[KappaError] = []
        self.by_rows: dict[int, str] = {}
        self.stores = {spec.name: PackedMemoryStore(spec.types) for spec in topology.stores}
        self._on_error = on_error
        self._position = 0
        self._sequence = 0
        self._writes: list[tuple[int, RawRecord]] = []
        self._waiting: dict[str, list[Placed]] = {}
        self._internal = {node.topic for node in topology.repartition_nodes}
        self._intervals = (emit_interval_ms, outer_interval_ms)
        self._caching = caching
        self._hides_expired = hides_expired
        writers = _writers(topology)
        ordered = _upstream_first(topology, writers)
        self.has_turns = _has_turns(ordered, writers)
        self._drivers = [self._driver(sub, form) for sub in ordered]

    def _driver(self, sub: Subtopology, form: Form) -> RowDriver | ColumnDriver:
        emit, outer = self._intervals
        context = TaskContext(lambda _node, _record: None, lambda: 0, emit_interval_ms=emit, outer_interval_ms=outer)
        context.caching = self._caching
        context.hides_expired = self._hides_expired
        if form == "column":
            reason = reason_for_rows(self.topology, sub, caching=self._caching)
            if not reason:
                return ColumnDriver(self.topology, sub, self.stores, context, self._written, self._failed)
            self.by_rows[sub.number] = reason
        return RowDriver(self.topology, sub, self.stores, context, self._written, self.results.append, self._failed)

    def pipe(self, *records: RawRecord, together: bool = False) -> None:
        """Process records and everything that they cause.

        In row form one after the other; in column form all of them as one batch.

        Args:
            together: as one batch in row form, too.
        """
        if together or any(isinstance(driver, ColumnDriver) for driver in self._drivers):
            self._pipe(records)
        else:
            for record in records:
                self._pipe([record])

    def commit(self) -> None:
        """Forward what is held back, and what that causes, part by part."""
        for driver in self._drivers:
            driver.commit()
            self._pipe([])

    def restart(self) -> None:
        """Go on as a task does that was committed, closed and opened again, here or elsewhere."""
        for driver in self._drivers:
            driver.restart()

    def _pipe(self, records: Sequence[RawRecord]) -> None:
        for record in records:
            self._waiting.setdefault(record.topic, []).append(Placed(self._position, 0, record))
            self._position += 1
        while any(self._waiting.values()):
            before, self._waiting = self._waiting, {}
            for driver in self._drivers:
                # Parts may write to each other in turn: what comes back to one that was run waits for the next round.
                inputs = {topic: [*before.get(topic, ()), *self._waiting.pop(topic, ())] for topic in driver.topics}
                if any(inputs.values()):
                    driver.process(inputs)
        # Subtopologies ran one after the other; what they wrote stands in the order of its causes.
        for _, raw in sorted(self._writes, key=lambda write: write[0]):
            self.outputs.setdefault(raw.topic, []).append(raw)
        self._writes.clear()

    def _written(self, position: int, raw: RawRecord) -> None:
        self._writes.append((position, raw))
        if raw.topic in self._internal:
            self._sequence += 1
            self._waiting.setdefault(raw.topic, []).append(Placed(position, self._sequence, raw))

    def _failed(self, topic: str, error: KappaError) -> None:
        self.errors.append(error)
        if self._on_error is not None:
            self._on_error(topic, error)

    def take(self, topic: str) -> list[RawRecord]:
        """Return and forget what was written to a topic."""
        return self.outputs.pop(topic, [])


def _writers(topology: Topology) -> dict[str, set[int]]:
    """Return which subtopologies write each repartition topic."""
    writers: dict[str, set[int]] = {}
    repartition = {node.name: node for node in topology.repartition_nodes}
    for sub in topology.subtopologies:
        members = {node.name for node in sub.nodes}
        for node in sub.nodes:
            if node.name in repartition and any(parent in members for parent in topology.parents[node.name]):
                writers.setdefault(repartition[node.name].topic, set()).add(sub.number)
    return writers


def _has_turns(ordered: Sequence[Subtopology], writers: Mapping[str, set[int]]) -> bool:
    """Tell whether one writes a topic of another that comes before it."""
    place = {sub.number: at for at, sub in enumerate(ordered)}
    return any(
        place[number] >= place[sub.number] for sub in ordered for t in sub.sources for number in writers.get(t, ())
    )


def _upstream_first(topology: Topology, writers: Mapping[str, set[int]]) -> list[Subtopology]:
    """Return the subtopologies so that each comes behind those that write its repartition topics."""
    ordered: list[Subtopology] = []
    placed: set[int] = set()

    def place(sub: Subtopology) -> None:
        if sub.number in placed:
            return
        placed.add(sub.number)
        for topic in sub.sources:
            for number in sorted(writers.get(topic, ())):
                if number != sub.number:
                    place(topology.subtopologies[number])
        ordered.append(sub)

    for sub in topology.subtopologies:
        place(sub)
    return ordered
