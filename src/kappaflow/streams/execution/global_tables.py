"""Global tables: all partitions of a topic in the memory of every instance, kept current by a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from kappaflow.client.admin import Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.fetch import EARLIEST, LATEST, Fetcher, IsolationLevel
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import KappaError
from kappaflow.state import OrderedStore, PackedMemoryStore
from kappaflow.streams.execution.raw_records import decode_chunk
from kappaflow.streams.execution.row_task import RawRecord, RowTask
from kappaflow.streams.topology import Topology

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.1


class GlobalTables:
    """Fills the stores of a topology's global tables.

    Attributes:
        stores: by name.
    """

    def __init__(self, topology: Topology, client: ClientConfig, *, committed_only: bool) -> None:
        self._topology = topology
        self._client = client
        self._isolation: IsolationLevel = "read_committed" if committed_only else "read_uncommitted"
        parts = [part for part in topology.subtopologies if part.is_global]
        self._memory = {spec.name: PackedMemoryStore(spec.types) for part in parts for spec in part.stores}
        self._tasks = {
            topic: RowTask(topology, part, self._memory, _nothing, _unreadable)
            for part in parts
            for topic in part.sources
        }
        self._stopping = threading.Event()
        self._current = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"global-{topology.application_id}", daemon=True)
        self.error: Exception | None = None

    @property
    def stores(self) -> Mapping[str, OrderedStore]:
        """The stores by name."""
        return self._memory

    def start(self) -> None:
        """Read the topics to their ends, then go on in the background.

        Raises:
            KappaError: they cannot be read.
        """
        if not self._tasks:
            return
        self._thread.start()
        self._current.wait()
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            self._read()
        except KappaError as error:
            self.error = error
            logger.warning(
                "The global tables of %s are no longer kept current: %s", self._topology.application_id, error
            )
        finally:
            self._current.set()

    def _read(self) -> None:
        with (
            Admin(self._client) as admin,
            Fetcher(self._client, isolation_level=self._isolation, offset_reset="earliest") as fetcher,
        ):
            partitions = [
                TopicPartition(topic, number) for topic in self._tasks for number in range(admin.partitions_for(topic))
            ]
            begins = admin.list_offsets(dict.fromkeys(partitions, EARLIEST))
            ends = {p: row.offset for p, row in admin.list_offsets(dict.fromkeys(partitions, LATEST)).items()}
            fetcher.assign({partition: row.offset for partition, row in begins.items()})
            while not self._stopping.is_set():
                behind = [p for p, end in ends.items() if max(fetcher.position(p), fetcher.empty_until(p)) < end]
                if not behind:
                    self._current.set()
                for chunk in fetcher.poll(POLL_SECONDS):
                    for raw in decode_chunk(chunk):
                        self._tasks[raw.topic].process(raw)


def _nothing(_node: object, _record: object) -> None:
    """Global tables write nothing."""


def _unreadable(raw: RawRecord, error: KappaError) -> None:
    logger.warning("%s-%s at %s is left out of its global table: %s", raw.topic, raw.partition, raw.offset, error)
