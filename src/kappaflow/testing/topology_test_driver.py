"""Run a topology in-process, one partition a topic, without a broker.

    driver = TopologyTestDriver(topology)
    driver.pipe(RawRecord("orders", b"k", b"..", 0))
    driver.take("OUT") -> what was written to that topic, in order

Like Kafka Streams' own driver: after each record everything that it caused runs to its end, repartition topics
included, and the wall clock stands still.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from kappaflow.errors import KappaError
from kappaflow.state import MemoryStore
from kappaflow.streams.execution.encode import encode_record
from kappaflow.streams.execution.row_task import RawRecord, RowTask
from kappaflow.streams.processors.base import TaskContext
from kappaflow.streams.record import Record
from kappaflow.streams.topology import Topology
from kappaflow.streams.topology import nodes as n


class TopologyTestDriver:
    """Drives all subtopologies of a topology.

    Args:
        on_error: told about records that cannot be decoded or written; they are dropped.
        emit_interval_ms: the throttle of emit-final operators; 0 turns it off.

    Attributes:
        outputs: records by topic, in the order they were written, internal topics included.
        results: records of sinks without a topic (push queries).
        errors: what went wrong, in order.
    """

    def __init__(
        self,
        topology: Topology,
        on_error: Callable[[str, KappaError], None] | None = None,
        emit_interval_ms: int = 1000,
    ) -> None:
        self.topology = topology
        self.outputs: dict[str, list[RawRecord]] = {}
        self.results: list[Record] = []
        self.errors: list[KappaError] = []
        self.stores = {spec.name: MemoryStore() for spec in topology.stores}
        self._on_error = on_error
        self._queue: deque[RawRecord] = deque()
        self._internal = {node.topic for node in topology.repartition_nodes}
        self._tasks = [
            RowTask(
                topology,
                sub,
                self.stores,
                self._produce,
                lambda raw, error: self._failed(raw.topic, error),
                TaskContext(self._produce, emit_interval_ms=emit_interval_ms),
            )
            for sub in topology.subtopologies
        ]

    def pipe(self, raw: RawRecord) -> None:
        """Process one record and everything that it causes."""
        self._queue.append(raw)
        while self._queue:
            current = self._queue.popleft()
            for task in self._tasks:
                if current.topic in task.subtopology.sources:
                    task.process(current)

    def _produce(self, node: n.Sink | n.Repartition, record: Record) -> None:
        if node.topic is None:
            self.results.append(record)
            return
        try:
            raw = encode_record(node, record)
        except KappaError as error:
            self._failed(node.topic, error)
            return
        self.outputs.setdefault(raw.topic, []).append(raw)
        if raw.topic in self._internal:
            self._queue.append(raw)

    def _failed(self, topic: str, error: KappaError) -> None:
        self.errors.append(error)
        if self._on_error is not None:
            self._on_error(topic, error)

    def take(self, topic: str) -> list[RawRecord]:
        """Return and forget what was written to a topic."""
        return self.outputs.pop(topic, [])
