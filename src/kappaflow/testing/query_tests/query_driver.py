"""One query of a case in a topology test driver."""

from __future__ import annotations

from kappaflow.errors import FunctionError, StreamsError
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.topology import Topology
from kappaflow.testing.batch_driver import BatchTopologyDriver, Form
from kappaflow.testing.query_tests.case_topics import LogRecord

EMIT_INTERVAL = "ksql.streams.__emit.interval.ms.kstreams.windowed.aggregation__"
OUTER_INTERVAL = "ksql.streams.__emit.interval.ms.kstreams.outer.join.spurious.results.fix__"


class QueryDriver:
    """Feeds records to a query one by one and hands back what it writes.

    Args:
        hides_expired: final results are lost where Kafka Streams' driver loses them; servers lose none.
    """

    def __init__(
        self, topology: Topology, form: Form, properties: dict[str, str], *, hides_expired: bool = True
    ) -> None:
        interval = int(properties.get(EMIT_INTERVAL, "1000"))
        outer = int(properties.get(OUTER_INTERVAL, "1000"))
        self._topology = topology
        self._driver = BatchTopologyDriver(
            topology,
            emit_interval_ms=interval,
            form=form,
            outer_interval_ms=outer,
            hides_expired=hides_expired,
        )
        self._offsets: dict[str, int] = {}

    def internal_topics(self) -> set[str]:
        """Return the names of the topics between and behind the operators."""
        changelogs = {self._topology.changelog_topic(store) for store in self._topology.stores if store.logged}
        return changelogs | {node.topic for node in self._topology.repartition_nodes}

    def pipe(self, topic: str, record: LogRecord) -> list[tuple[str, LogRecord]]:
        """Process one record and return what was written to topics that are not internal, in order.

        Raises:
            StreamsError: an operator cannot go on.
        """
        offset = self._offsets.get(topic, 0)
        self._offsets[topic] = offset + 1
        raw = RawRecord(topic, record.key, record.value, record.timestamp, record.headers, 0, offset)
        try:
            self._driver.pipe(raw)
        except FunctionError as error:
            raise StreamsError(f"Exception caught in process. {topic}, offset {offset}: {error}") from error
        internal = {node.topic for node in self._topology.repartition_nodes}
        produced: list[tuple[str, LogRecord]] = []
        for name in list(self._driver.outputs):
            taken = self._driver.take(name)
            if name not in internal:
                produced.extend((name, LogRecord(r.key, r.value, r.timestamp, r.headers)) for r in taken)
        return produced
