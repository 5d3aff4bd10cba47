"""The durable store against a dictionary: changes, packed rows, ranges, commits, expiry, closing and opening again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kappaflow.serde.types import BIGINT, STRING
from kappaflow.state import database as database_module
from kappaflow.state.database import StateDatabase
from kappaflow.state.ordered import Stored
from kappaflow.state.rows import RowCodec

TYPES = (BIGINT, STRING)
TIMES = st.integers(0, 5).map(lambda n: n * 1000)
KEYS = st.tuples(st.sampled_from([b"", b"a", b"ab", b"b\x00", b"\xff"]), TIMES).map(
    lambda pair: pair[0] + pair[1].to_bytes(8, "big")
)
ROWS = st.tuples(st.integers(-5, 5) | st.none(), st.text(max_size=2) | st.none())


class StoreMachine(RuleBasedStateMachine):
    """Two stores of one task, so that neither sees the other's rows."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="kappa-state-"))
        self.database = StateDatabase(self.directory)
        self.codec = RowCodec(TYPES)
        self.rows: dict[bytes, Stored] = {}
        self.committed: dict[bytes, Stored] = {}
        self.expired_before = 0

    @initialize()
    def open(self) -> None:
        self.store = self.database.store("q/0_0", "counts", TYPES)
        self.other = self.database.store("q/0_0", "counts2", TYPES)
        self.other.put(b"a", (1, "other"), 1)

    @rule(key=KEYS, row=ROWS | st.none(), timestamp=TIMES)
    def put(self, key: bytes, row: tuple[int | None, str | None] | None, timestamp: int) -> None:
        self.store.put(key, row, timestamp)
        if row is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = (row, timestamp)

    @rule(low=KEYS, high=KEYS | st.none())
    def read_range(self, low: bytes, high: bytes | None) -> None:
        expected = [(k, self.rows[k]) for k in sorted(self.rows) if k >= low and (high is None or k < high)]
        assert list(self.store.range(low, high)) == expected

    @rule(keys=st.lists(KEYS, max_size=4))
    def read_packed(self, keys: list[bytes]) -> None:
        found = self.store.get_packed(keys)
        # Rows that were put in row form are not asked for in packed form before their commit.
        for key, packed in zip(keys, found, strict=True):
            if key in self.committed and self.committed.get(key) == self.rows.get(key):
                assert packed is not None
                assert self.codec.read(packed) == self.rows[key]

    @rule()
    def commit(self) -> None:
        self.database.commit([self.store, self.other], {"q/0_0": {"t-0": len(self.rows)}})
        self.committed = dict(self.rows)

    @rule(before=TIMES)
    def expire(self, before: int) -> None:
        self.commit()
        self.store.expire(8, before, 1000)
        self.commit()
        if before - self.expired_before >= 1000:
            self.expired_before = before
            self.rows = {k: row for k, row in self.rows.items() if int.from_bytes(k[-8:], "big") >= before}
        self.committed = dict(self.rows)

    @rule()
    def crash(self) -> None:
        """Open again: only what was committed is there."""
        self.database.close()
        self.database = StateDatabase(self.directory)
        self.store = self.database.store("q/0_0", "counts", TYPES)
        self.other = self.database.store("q/0_0", "counts2", TYPES)
        self.rows = dict(self.committed)
        self.expired_before = 0

    @invariant()
    def reads_are_the_models(self) -> None:
        for key in (b"a" + bytes(8), b"ab" + bytes(6) + b"\x03\xe8"):
            assert self.store.get(key) == self.rows.get(key)

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.directory)


TestStore = StoreMachine.TestCase


def test_a_sweep_of_a_large_store_goes_on_with_the_next_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "SWEEP_ROWS", 10)
    database = StateDatabase(tmp_path)
    store = database.store("q/0_0", "counts", TYPES)
    neighbour = database.store("q/0_0", "counts2", TYPES)
    neighbour.put(b"z" + bytes(8), (1, "kept"), 0)
    for number in range(35):
        store.put(b"k%02d" % number + (number % 2 * 5000).to_bytes(8, "big"), (number, None), 0)
    database.commit([store, neighbour], {})
    left: list[int] = []
    for _ in range(4):
        store.expire(8, 5000, 5000)
        database.commit([store, neighbour], {})
        left.append(len(list(store.range())))
    assert left == [30, 25, 20, 17]
    store.expire(8, 6000, 60_000)  # not far enough for another sweep
    database.commit([store, neighbour], {})
    assert len(list(store.range())) == 17
    assert len(list(neighbour.range())) == 1
    database.close()


def test_a_dropped_task_leaves_nothing_and_touches_no_other(tmp_path: Path) -> None:
    database = StateDatabase(tmp_path)
    tasks = ("q/0_0", "q/0_1", "q/0_00")
    stores = [database.store(task, "counts", TYPES) for task in tasks]
    for store in stores:
        store.put(b"k", (1, "x"), 1)
    database.commit(stores, {task: {"t-0": 5} for task in tasks})
    database.drop_task("q/0_0")
    assert [list(store.range()) for store in stores] == [[], [(b"k", ((1, "x"), 1))], [(b"k", ((1, "x"), 1))]]
    assert [database.positions(task) for task in tasks] == [{}, {"t-0": 5}, {"t-0": 5}]
    database.close()
