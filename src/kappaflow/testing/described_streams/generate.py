"""Random programs over all operators, and random records for them.

Each seed puts some pairs of adjacent operators into its program, one after the other of all there are, so that the
programs of a few hundred seeds in a row have every pair.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from kappaflow.streams.dsl.builder import OPTIMIZATIONS
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing.described_streams.coverage import (
    FILLED,
    GLOBAL,
    GROUPED,
    KINDS,
    PAIRS,
    REGROUPED,
    STREAM,
    TABLE,
    WINDOWED,
)
from kappaflow.testing.described_streams.program import Program

Op = dict[str, Any]
PAIRS_A_PROGRAM = 4
STREAM_TOPICS = ("in0", "in1", "in2")
TABLE_TOPICS = ("t0", "t1")
GLOBAL_TOPIC, FILLING_TOPIC = "g0", "g1"
LOOK_UPS = {"join_table": TABLE, "join_global": GLOBAL, "look_up": FILLED}
"""Operators of a stream and of something that is looked up."""
BEHIND = {
    kind: tuple(
        label for label, (kinds, _) in KINDS.items() if kinds[:1] == (kind,) and label not in ("to", "foreach", "print")
    )
    for kind in (STREAM, TABLE, WINDOWED, GROUPED, REGROUPED)
}


def random_program(seed: int) -> Program:
    """Return the program of a seed."""
    making = _Making(random.Random(f"dsl {seed}"))
    making.run([PAIRS[(seed * PAIRS_A_PROGRAM + each) % len(PAIRS)] for each in range(PAIRS_A_PROGRAM)])
    optimize = making.optimize or making.rng.choice(("", "", "", *OPTIMIZATIONS, ",".join(OPTIMIZATIONS)))
    records = tuple(making.records())
    memory = random.Random(f"memory {seed}")  # of its own: whatever else a seed has stays as it is
    # Java's stores in memory forget a window before it closes, so that nothing is emitted then; ours emit it.
    ops = [
        {**op, "memory": True} if "history" not in op and memory.random() < 0.25 and not op.get("final") else op
        for op in making.ops
    ]
    return Program(tuple(ops), records, tuple(making.outputs), optimize, ticks=making.ticks(len(records)))


def caching_program(seed: int) -> Program:
    """Return the program of a seed with results that wait for commits, but for those of some named stores."""
    program, rng = random_program(seed), random.Random(f"caching {seed}")
    ops = [{**op, "uncached": True} if "store" in op and rng.random() < 0.2 else op for op in program.ops]
    return replace(program, ops=tuple(ops), ticks=(), commit_every=rng.choice((1, 1, 2, 3, 5, 12)))


def bounded_program(seed: int) -> Program:
    """Return a program of `caching_program` whose results do not all find room in the cache."""
    program, rng = caching_program(seed), random.Random(f"bounded {seed}")
    return replace(program, cache_bytes=rng.choice((150, 300, 600)), commit_every=rng.choice((5, 12, 30)))


class _Making:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.ops: list[Op] = []
        self.kinds: dict[str, str] = {}
        self.weights: dict[str, float] = {}
        self.optimize = ""
        self.topics: set[str] = set()
        self.outputs: list[str] = []
        self.used: set[str] = set()
        self.history: dict[str, int] = {}  # of tables whose rows can be looked up by time, also if computed
        self.final: set[str] = set()  # windowed tables that may be suppressed until their windows close

    def run(self, pairs: list[tuple[str, str]]) -> None:
        """Make sources, operators and sinks; pairs of them are wanted."""
        self.stream("stream", None)
        for _ in range(self.rng.choice((0, 0, 0, 1, 1, 2))):
            self.stream("stream", None)
        for _ in range(self.rng.choice((0, 0, 1, 2))):
            self.table("table", None)
        if self.rng.random() < 0.25:
            self.rare()
        for before, after in pairs:
            self.behind(after, self.made(before), before)
        for _ in range(self.rng.randint(0, 3)):
            kind = self.rng.choice((STREAM, STREAM, STREAM, TABLE, TABLE, WINDOWED, GROUPED, GROUPED, REGROUPED))
            identity = self.pick(kind)
            if identity is None:
                kind, identity = STREAM, self.some(STREAM)
            self.behind(self.rng.choice(BEHIND[kind]), identity)
        for identity in [each for each in self.kinds if each not in self.used]:
            self.end(identity)

    def rare(self) -> None:
        """Make what neighbours seldom give: groups and foreign keys of versioned tables, self joins."""
        what = self.rng.choice(("table_group_by", "join_foreign", "self join"))
        if what == "self join":
            stream = self.some(STREAM)
            self.add("join_streams", (stream, stream), STREAM, kind="inner", before=5, after=20, grace=3)
            self.optimize = "single.store.self.join"
            return
        op = self.table("table", None)
        if op["id"] in self.used:
            return
        op["store"] = f"store-{op['id']}"
        op["history"] = self.history[op["id"]] = 100
        self.behind(what, op["id"])

    # ---- wanted operators ----

    def some(self, kind: str) -> str:
        """Return the id of something of a kind, made where there is none."""
        found = self.pick(kind)
        if found is not None:
            return found
        first = {
            STREAM: "stream",
            TABLE: "table",
            GLOBAL: "global_table",
            FILLED: "global_store",
            GROUPED: "group_by_key",
            REGROUPED: "table_group_by",
            WINDOWED: "aggregate time",
        }
        return self.made(first[kind])

    def made(self, label: str) -> str:
        """Make an operator behind something, and return its id."""
        kinds, _ = KINDS[label]
        return self.behind(label, self.some(kinds[0]) if kinds else None)

    def behind(self, label: str, identity: str | None, before: str = "") -> str:
        """Make an operator behind another one, or, where that is a table to look up, behind a stream as well.

        Args:
            before: the label of the other one, where it is wanted as neighbour.
        """
        kind = None if identity is None else self.kinds[identity]
        if label in LOOK_UPS:
            looked_up = kind != STREAM
            stream = self.some(STREAM) if looked_up else identity
            table = identity if looked_up else self.some(LOOK_UPS[label])
            assert stream is not None and table is not None
            wanted = "" if not before else TABLE if looked_up else STREAM
            return getattr(self, label)(stream, table, wanted)["id"]
        name, *window = label.removeprefix("windowed ").split(" ")
        method = getattr(self, name, None)
        if window or name in ("aggregate", "cogroup"):
            op = self.fold(name, "".join(window), identity or "")
        elif method is not None:
            op = method(label, identity)
        else:
            op = self.simple(label, identity)
        return op["id"]

    def add(self, name: str, inputs: tuple[str, ...], gives: str, **parameters: Any) -> Op:
        """Add an operator."""
        for each in inputs:
            if self.kinds[each] in (GROUPED, REGROUPED) and each in self.used:
                # Two aggregations behind it would give their repartition topics one name.
                self.ops[int(each[1:])].pop("name", None)
        op: Op = {"id": f"o{len(self.ops)}", "op": name, "in": list(inputs), **parameters}
        self.ops.append(op)
        self.kinds[op["id"]] = gives
        self.weights[op["id"]] = self.weight(name, [self.weights[each] for each in inputs])
        self.used.update(inputs)
        return op

    @staticmethod
    def weight(name: str, inputs: list[float]) -> float:
        """Return about how many records an operator makes of each that is read."""
        match name:
            case "join_streams":
                return 2 * inputs[0] * inputs[1]
            case "merge" | "cogroup":
                return sum(inputs)
            case "process" | "table_group_by" | "aggregate":
                return 2 * inputs[0]
            case "join_tables" | "join_foreign":
                return 2 * max(inputs)
            case _:
                return max(inputs, default=1.0)

    def maybe_name(self, op: Op, chance: float = 0.2) -> Op:
        """Name an operator now and then."""
        if self.rng.random() < chance:
            op["name"] = f"name-{op['id']}"
        return op

    def maybe_store(self, op: Op, chance: float = 0.3) -> None:
        """Name a store now and then."""
        if self.rng.random() < chance:
            op["store"] = f"store-{op['id']}"

    def maybe_versions(self, op: Op, chance: float = 0.3) -> None:
        """Keep earlier versions in a named store now and then."""
        if "store" in op and self.rng.random() < chance:
            op["history"] = self.history[op["id"]] = self.rng.choice((0, 5, 20, 100))

    def pick(self, kind: str) -> str | None:
        """Return the id of something of a kind, later ones more often."""
        found = [identity for identity, known in self.kinds.items() if known == kind]
        return found[-1 - min(len(found) - 1, int(self.rng.expovariate(0.7)))] if found else None

    def modulus(self, *, nulls: float = 0.3) -> Op:
        """Return the parameters of functions of a value's length."""
        return {"mod": self.rng.randint(2, 4), "nulls": self.rng.random() < nulls, "add": self.rng.choice("xyz")}

    # ---- sources ----

    def stream(self, _label: str, _identity: str | None) -> Op:
        """Read a topic, sometimes once more, or several."""
        free = [topic for topic in STREAM_TOPICS if topic not in self.topics]
        read = [op["topics"] for op in self.ops if op["op"] == "stream"]
        if not free or (read and self.rng.random() < 0.1):
            topics = self.rng.choice(read)
        else:
            topics = self.rng.sample(free, 2 if len(free) > 2 and self.rng.random() < 0.1 else 1)
        self.topics.update(topics)
        op = self.maybe_name(self.add("stream", (), STREAM, topics=topics))
        if topics not in read and self.rng.random() < 0.03:
            op["shift"] = self.rng.choice((0, 3))
        return op

    def table(self, _label: str, _identity: str | None) -> Op:
        """Read a topic as a table; each topic once."""
        free = [topic for topic in TABLE_TOPICS if topic not in self.topics]
        if not free:
            return next(op for op in reversed(self.ops) if op["op"] == "table")
        self.topics.add(topic := self.rng.choice(free))
        op = self.maybe_name(self.add("table", (), TABLE, topic=topic))
        self.maybe_store(op, 0.5)
        self.maybe_versions(op, 0.5)
        return op

    def global_table(self, _label: str, _identity: str | None) -> Op:
        """Read a topic as a global table, once."""
        if GLOBAL_TOPIC in self.topics:
            return next(op for op in self.ops if op["op"] == "global_table")
        self.topics.add(GLOBAL_TOPIC)
        return self.add("global_table", (), GLOBAL, topic=GLOBAL_TOPIC)

    def global_store(self, _label: str, _identity: str | None) -> Op:
        """Fill a global store by a processor, once."""
        if FILLING_TOPIC in self.topics:
            return next(op for op in self.ops if op["op"] == "global_store")
        self.topics.add(FILLING_TOPIC)
        op = self.add("global_store", (), FILLED, topic=FILLING_TOPIC)
        op["store"] = f"store-{op['id']}"
        return op

    # ---- streams ----

    def simple(self, label: str, identity: str | None) -> Op:
        """An operator with the parameters of functions and nothing else."""
        name = label.removeprefix("windowed ")
        _, gives = KINDS[label]
        op = self.add(name, (identity or "",), gives, **self.modulus(nulls=0.1 if gives == GROUPED else 0.3))
        if label != name:
            op["windowed"] = True
        return self.maybe_name(op)

    def merge(self, label: str, identity: str) -> Op:
        """Put two streams together."""
        return self.maybe_name(self.add(label, (identity, self.pick(STREAM) or identity), STREAM))

    def branch(self, label: str, identity: str) -> Op:
        """Take one of three branches."""
        branch = self.rng.choice(("first", "second", "rest"))
        return self.maybe_name(self.add(label, (identity,), STREAM, branch=branch, mod=self.rng.randint(2, 4)))

    def process(self, label: str, identity: str) -> Op:
        """A processor with a store."""
        op = self.add(label, (identity,), STREAM, interval=self.rng.choice((0, 7, 40)))
        op["store"] = f"store-{op['id']}"
        if op["interval"] and self.rng.random() < 0.4:
            op["wall"] = True
        if op["interval"] and self.rng.random() < 0.3:
            op["times"] = self.rng.randint(1, 2)
        return self.maybe_name(op)

    process_values = process

    def versions(self, label: str, identity: str) -> Op:
        """A processor with a versioned store."""
        back, history = self.rng.choice((0, 3, 15)), self.rng.choice((0, 10, 40))
        op = self.add(label, (identity,), STREAM, back=back, history=history)
        op["store"] = f"store-{op['id']}"
        return self.maybe_name(op)

    def windows(self, label: str, identity: str) -> Op:
        """A processor with stores of windows, sessions and few keys."""
        op = self.add(label, (identity,), STREAM, retention=self.rng.choice((5, 20, 1_000)))
        op["store"] = f"store-{op['id']}"
        return self.maybe_name(op)

    def to_table(self, label: str, identity: str) -> Op:
        """Read a stream as a table."""
        op = self.maybe_name(self.add(label, (identity,), TABLE))
        self.maybe_store(op)
        self.maybe_versions(op)
        return op

    def to(self, label: str, identity: str) -> Op:
        """Write a topic, now and then one chosen by record."""
        topic = f"out{len(self.outputs)}"
        self.outputs.append(topic)
        op = self.maybe_name(self.add(label, (identity,), "", topic=topic))
        if self.rng.random() < 0.15:
            op["chosen"] = True
        elif self.rng.random() < 0.03:
            op["drops"] = self.rng.randint(2, 3)
        return op

    def join_streams(self, label: str, identity: str) -> Op:
        """Join two streams."""
        rng = self.rng
        other = identity if rng.random() < 0.3 else self.pick(STREAM) or identity
        op = self.add(
            label,
            (identity, other),
            STREAM,
            kind=rng.choice(("inner", "left", "outer")),
            before=rng.choice((0, 5, 20)),
            after=rng.choice((0, 5, 20)),
            grace=rng.choice((0, 3, 15)),
        )
        self.maybe_store(op)
        return self.maybe_name(op)

    def join_table(self, stream: str, table: str, wanted: str) -> Op:
        """Join a stream with a table, and let records wait where it is versioned.

        Args:
            wanted: which of both is to be its neighbour.
        """
        rng = self.rng
        versioned = [each for each in self.history if self.kinds[each] == TABLE]
        if versioned and wanted != TABLE and rng.random() < 0.6:
            table = rng.choice(versioned)
        waits = table in self.history and wanted != STREAM and rng.random() < 0.6
        if waits:
            # Kafka Streams fails on records without a key that would have to wait.
            stream = self.simple("with_keys", stream)["id"]
        op = self.add("join_table", (stream, table), STREAM, kind=rng.choice(("inner", "left")))
        if waits:
            history = self.history[table]
            op["grace"] = rng.choice([each for each in (0, 2, 10, 30) if each <= history or rng.random() < 0.05] or [0])
        return self.maybe_name(op)

    def join_global(self, stream: str, table: str, _wanted: str) -> Op:
        """Join a stream with a global table."""
        kind = self.rng.choice(("inner", "left"))
        return self.maybe_name(self.add("join_global", (stream, table), STREAM, kind=kind, **self.modulus()))

    def look_up(self, stream: str, store: str, _wanted: str) -> Op:
        """Look each record up in a global store, by a processor."""
        return self.maybe_name(self.add("look_up", (stream, store), STREAM, **self.modulus()))

    # ---- tables ----

    def table_filter(self, label: str, identity: str) -> Op:
        """Compute a table row by row; transformers make something of deletions, too."""
        name = label.removeprefix("windowed ")
        parameters = self.modulus(nulls=0.3 if name == "transform_values" else 0)
        if name != label:
            op = self.add(name, (identity,), WINDOWED, windowed=True, **parameters)
            if identity in self.final:
                self.final.add(op["id"])
            return self.maybe_name(op)
        op = self.add(name, (identity,), TABLE, **parameters)
        self.keep(op)
        if "store" not in op and not op.get("materialized") and identity in self.history:
            self.history[op["id"]] = self.history[identity]
        return self.maybe_name(op)

    table_filter_not = table_map_values = transform_values = table_filter

    def keep(self, op: Op) -> None:
        """Keep a table in a store, named or not, now and then."""
        self.maybe_store(op, 0.25)
        self.maybe_versions(op)
        if "store" not in op and self.rng.random() < 0.15:
            op["materialized"] = True

    def suppress(self, label: str, identity: str) -> Op:
        """Hold changes back; versioned tables are passed on without, but for a try now and then."""
        rng = self.rng
        if identity in self.history and rng.random() < 0.97:
            identity = self.table_filter("table_map_values", identity)["id"]
            if identity in self.history:
                self.history.pop(identity)
                self.ops[-1].pop("history", None)
                self.ops[-1]["store"] = f"store-{identity}"
        windowed = label != "suppress"
        op = self.add("suppress", (identity,), WINDOWED if windowed else TABLE, wait=rng.choice((0, 5, 25)))
        if windowed:
            op["windowed"] = True
        if windowed and identity in self.final and rng.random() < 0.8:
            op["final"] = True
        elif rng.random() < 0.4:
            op["records"] = rng.randint(1, 3)
        elif rng.random() < 0.3:
            op["bytes"] = rng.choice((100, 180, 300))
        return self.maybe_name(op)

    def join_tables(self, label: str, identity: str) -> Op:
        """Join two tables by key."""
        kind = self.rng.choice(("inner", "left", "outer"))
        op = self.add(label, (identity, self.pick(TABLE) or identity), TABLE, kind=kind)
        self.keep(op)
        return self.maybe_name(op)

    def join_foreign(self, label: str, identity: str) -> Op:
        """Join two tables by foreign key."""
        other, kind = self.pick(TABLE) or identity, self.rng.choice(("inner", "left"))
        op = self.add(label, (identity, other), TABLE, kind=kind, **self.modulus())
        self.maybe_store(op)
        self.maybe_versions(op)
        return self.maybe_name(op)

    # ---- aggregates ----

    def table_aggregate(self, label: str, identity: str) -> Op:
        """Fold a regrouped table."""
        op = self.add(label, (identity,), TABLE, how=self.rng.choice(("count", "reduce", "aggregate")))
        self.maybe_store(op)
        self.maybe_versions(op)
        return self.maybe_name(op) if op["how"] != "reduce" or "store" in op else op

    def fold(self, name: str, window: str, identity: str) -> Op:
        """Fold a grouped stream, alone or with others, with or without windows."""
        rng = self.rng
        parameters: Op = {"window": window, "grace": rng.choice((0, 4, 20))}
        if window == "time":
            size = rng.choice((5, 10, 30))
            parameters |= {"size": size, "advance": rng.choice((size, size, max(1, size // 2), max(1, size // 3)))}
        elif window == "sliding":
            parameters["size"] = rng.choice((3, 10, 25))
        elif window == "session":
            parameters["gap"] = rng.choice((2, 5, 12))
        elif window:
            parameters["start"] = rng.choice((0, 10))
        kind = WINDOWED if window else TABLE
        if name == "cogroup":
            others = {identity, *(each for each in (self.pick(GROUPED),) if each is not None)}
            op = self.add(name, tuple(sorted(others)), kind, **parameters)
        else:
            op = self.add(name, (identity,), kind, how=rng.choice(("count", "reduce", "aggregate")), **parameters)
            if window not in ("", "unlimited") and rng.random() < 0.3:
                op["final"] = True
        self.maybe_store(op)
        if not window:
            self.maybe_versions(op)
        if name == "cogroup" or window or op["how"] != "reduce" or "store" in op:
            self.maybe_name(op)
        if window and window != "unlimited":
            self.final.add(op["id"])
        return op

    # ---- ends ----

    def end(self, identity: str) -> None:
        """Write what something gives to a topic."""
        kind = self.kinds[identity]
        if kind == STREAM:
            self.behind("to" if self.rng.random() < 0.95 else self.rng.choice(("foreach", "print")), identity)
        elif kind in (TABLE, WINDOWED):
            self.end(self.behind("to_stream" if kind == TABLE else "windowed to_stream", identity))
        elif kind in (GROUPED, REGROUPED):
            self.end(self.behind("aggregate" if kind == GROUPED else "table_aggregate", identity))

    def ticks(self, records: int) -> tuple[tuple[int, int], ...]:
        """Let the clock on the wall go on now and then, where a processor looks at it."""
        if not any(op.get("wall") for op in self.ops):
            return ()
        times = self.rng.randint(1, 5)
        return tuple(sorted((self.rng.randrange(records), self.rng.choice((3, 7, 20, 80))) for _ in range(times)))

    def number_of_records(self) -> tuple[int, int]:
        """Return bounds: joins of joins multiply, and then fewer records say as much, in less time."""
        heaviest = max(self.weights.values())
        bounds = ((30, (5, 40)), (300, (5, 16)), (3_000, (5, 8)), (30_000, (4, 6)))
        return next((each for limit, each in bounds if heaviest < limit), (2, 3))

    def records(self) -> list[RawRecord]:
        """Return records for all topics that are read."""
        rng, now, found = self.rng, rng_start(self.rng), list[RawRecord]()
        topics = sorted(self.topics)
        tables = (*TABLE_TOPICS, GLOBAL_TOPIC, FILLING_TOPIC)
        for _ in range(rng.randint(*self.number_of_records())):
            now = max(0, now + rng.choice((0, 0, 1, 1, 3, 6, 15, -2, -10, 60 if rng.random() < 0.1 else 2)))
            topic = rng.choice(topics)
            no_key = rng.random() < 0.06 and topic not in tables
            key = None if no_key else rng.choice((b"a", b"b", b"c", b"k0", b"k1", b"k2"))
            value = None if rng.random() < 0.12 else "".join(rng.choices("abcd", k=rng.randint(1, 6))).encode()
            headers = (("h", rng.choice((b"1", None))),) if rng.random() < 0.15 else ()
            found.append(RawRecord(topic, key, value, now, headers))
        return found


def rng_start(rng: random.Random) -> int:
    """Return the time of the first record: often early, where windows would begin before 0."""
    return rng.choice((0, 0, 3, 20, 1000))
