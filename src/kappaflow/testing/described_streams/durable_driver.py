"""The topology test driver over RocksDB: commits now and then, as a task does, and fills stores from changelogs."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from kappaflow.client.topic_partition import TopicPartition
from kappaflow.kernel import RecordColumns
from kappaflow.state import Stored, VersionedStore
from kappaflow.state.database import DurableStore, StateDatabase
from kappaflow.streams.dsl.topology import Topology
from kappaflow.streams.execution.changelogs import ChangelogWriter
from kappaflow.streams.execution.restore_rows import pairs_of, put_versions, restored_columns
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.streams.topology import StoreSpec, Subtopology
from kappaflow.testing.topology_test_driver import TopologyTestDriver

TASK, RESTORED = "task", "restored"


class DurableDriver(TopologyTestDriver):
    """Drives a topology over a database.

    Args:
        chance: how often a record is followed by a commit.
        every: changelogs get each change.
    """

    def __init__(self, topology: Topology, folder: Path, seed: int, *, chance: float, every: bool) -> None:
        self.database = StateDatabase(folder)
        self.database.drop_task(TASK)
        self.database.drop_task(RESTORED)
        self._rng = random.Random(seed)
        self._chance, self._every = chance, every
        super().__init__(topology, application_id="app")

    def _make_store(self, spec: StoreSpec) -> Any:
        return self.database.store(TASK, spec.name, spec.types, in_memory=spec.in_memory)

    def _start(self, progress: Mapping[str, int]) -> None:
        super()._start(progress)
        whole = Subtopology(0, tuple(node for part in self._parts for node in part.nodes), {})
        self._writer = ChangelogWriter(self._bound, whole, self._stores, self.context, self, 0, every=self._every)

    def add(self, record: RawRecord, partition: int | None = None) -> None:
        """Take a record of a changelog."""
        assert partition == 0
        self.outputs.setdefault(record.topic, []).append(record)

    def _commit(self) -> None:
        if self._rng.random() < self._chance:
            self.commit()

    def commit(self) -> None:
        """Write changelogs and the database."""
        self._writer.commit()
        self.database.commit(list(self._stores.values()), {})

    def logged(self) -> dict[str, StoreSpec]:
        """Stores with a changelog of their own, by its name."""
        return {self._bound.changelog_topic(spec): spec for spec in self._specs.values() if spec.logged}

    def rows(self, spec: StoreSpec) -> list[tuple[bytes, Stored]]:
        """What a store has now."""
        return list(self._stores[spec.name].range())

    def restored(self, spec: StoreSpec, topic: str, records: list[RawRecord]) -> list[tuple[bytes, Stored]]:
        """What a store has that is filled from a changelog."""
        store: DurableStore = self.database.store(RESTORED, spec.name, spec.types, in_memory=spec.in_memory)
        columns = RecordColumns(
            key=pa.array([record.key for record in records], pa.binary()),
            value=pa.array([record.value for record in records], pa.binary()),
            timestamp=np.array([record.timestamp for record in records], np.int64),
            offset=np.arange(len(records)),
            headers=None,
            next_offset=len(records),
            error=None,
        )
        if spec.history_ms is None:
            rows = restored_columns(columns, len(records), store.codec, spec, TopicPartition(topic, 0))
            self.database.write_restored(store, pairs_of(rows), RESTORED, {})
        else:
            assert spec.objects is not None
            put_versions(VersionedStore(store, spec.objects, spec.history_ms), columns, len(records))
        return list(store.range())
