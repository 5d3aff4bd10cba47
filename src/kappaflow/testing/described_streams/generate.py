"""Random programs over all operators, and random records for them."""

from __future__ import annotations

import random
from typing import Any

from kappaflow.streams.dsl.builder import OPTIMIZATIONS
from kappaflow.streams.execution.row_task import RawRecord
from kappaflow.testing.described_streams.program import Program

Op = dict[str, Any]
STREAM, TABLE, WINDOWED, GROUPED, REGROUPED, GLOBAL = "stream", "table", "windowed", "grouped", "regrouped", "global"
STREAM_OPERATORS = (
    "filter",
    "filter_not",
    "map_values",
    "flat_map_values",
    "map",
    "flat_map",
    "select_key",
    "peek",
    "merge",
    "branch",
    "repartition",
    "process",
    "process_values",
    "versions",
    "to_table",
    "group_by_key",
    "group_by",
    "join_streams",
    "join_table",
    "join_global",
)
TABLE_OPERATORS = (
    "table_filter",
    "table_map_values",
    "to_stream",
    "suppress",
    "table_group_by",
    "join_tables",
    "join_foreign",
)
WINDOWED_OPERATORS = ("table_filter", "table_map_values", "to_stream", "suppress", "table_group_by")
OPERATORS = (
    "stream",
    "table",
    "global_table",
    "to",
    *STREAM_OPERATORS,
    *TABLE_OPERATORS,
    "aggregate",
    "cogroup",
    "table_aggregate",
    "with_keys",
)
STREAM_TOPICS = ("in0", "in1", "in2")
TABLE_TOPICS = ("t0", "t1")
GLOBAL_TOPIC = "g0"


def random_program(seed: int) -> Program:
    """Return the program of a seed."""
    making = _Making(random.Random(f"dsl {seed}"))
    making.run()
    optimize = making.rng.choice(("", "", "", *OPTIMIZATIONS, ",".join(OPTIMIZATIONS)))
    return Program(tuple(making.ops), tuple(making.records()), tuple(making.outputs), optimize)


class _Making:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.ops: list[Op] = []
        self.kinds: dict[str, str] = {}
        self.topics: set[str] = set()
        self.outputs: list[str] = []
        self.used: set[str] = set()
        self.versioned: set[str] = set()
        self.final: set[str] = set()  # windowed tables that may be suppressed until their windows close

    def run(self) -> None:
        """Make sources, operators and sinks."""
        for topic in self.rng.sample(STREAM_TOPICS, self.rng.randint(1, 3)):
            self.source(topic)
        for topic in self.rng.sample(TABLE_TOPICS, self.rng.randint(0, 2)):
            self.topics.add(topic)
            op = self.add("table", (), TABLE, topic=topic)
            self.maybe_name(op)
            self.maybe_store(op)
            self.maybe_versions(op)
        if self.rng.random() < 0.3:
            self.topics.add(GLOBAL_TOPIC)
            self.add("global_table", (), GLOBAL, topic=GLOBAL_TOPIC)
        for _ in range(self.rng.randint(2, 9)):
            self.step()
        for identity in [each for each in self.kinds if each not in self.used]:
            self.end(identity)

    def source(self, topic: str) -> None:
        """Read a topic, sometimes once more."""
        self.topics.add(topic)
        self.maybe_name(self.add("stream", (), STREAM, topics=[topic]))
        if self.rng.random() < 0.1:
            self.add("stream", (), STREAM, topics=[topic])

    def add(self, name: str, inputs: tuple[str, ...], gives: str, **parameters: Any) -> Op:
        """Add an operator."""
        op: Op = {"id": f"o{len(self.ops)}", "op": name, "in": list(inputs), **parameters}
        self.ops.append(op)
        self.kinds[op["id"]] = gives
        self.used.update(inputs)
        return op

    def maybe_name(self, op: Op, chance: float = 0.2) -> None:
        """Name an operator now and then."""
        if self.rng.random() < chance:
            op["name"] = f"name-{op['id']}"

    def maybe_store(self, op: Op, chance: float = 0.3) -> None:
        """Name a store now and then."""
        if self.rng.random() < chance:
            op["store"] = f"store-{op['id']}"

    def maybe_versions(self, op: Op, chance: float = 0.4) -> None:
        """Keep earlier versions in a named store now and then."""
        if "store" in op and self.rng.random() < chance:
            op["history"] = self.rng.choice((0, 5, 20, 100))
            self.versioned.add(op["id"])

    def pick(self, kind: str) -> str | None:
        """Return the id of something of a kind, later ones more often."""
        found = [identity for identity, known in self.kinds.items() if known == kind]
        return found[-1 - min(len(found) - 1, int(self.rng.expovariate(0.7)))] if found else None

    def step(self) -> None:
        """Add an operator behind something."""
        kind = self.rng.choice((STREAM, STREAM, STREAM, TABLE, TABLE, WINDOWED, GROUPED, GROUPED, REGROUPED))
        identity = self.pick(kind)
        if identity is None:
            kind, identity = STREAM, self.pick(STREAM)
        assert identity is not None
        names = {STREAM: STREAM_OPERATORS, TABLE: TABLE_OPERATORS, WINDOWED: WINDOWED_OPERATORS}.get(kind)
        if names is not None:
            getattr(self, f"_{kind}")(self.rng.choice(names), identity)
        elif kind == GROUPED:
            self.fold(identity)
        else:
            op = self.add("table_aggregate", (identity,), TABLE, how=self.rng.choice(("count", "reduce", "aggregate")))
            self.maybe_store(op)
            self.maybe_versions(op, 0.2)
            if op["how"] != "reduce" or "store" in op:
                self.maybe_name(op)

    def modulus(self, *, nulls: float = 0.3) -> Op:
        """Return the parameters of functions of a value's length."""
        return {"mod": self.rng.randint(2, 4), "nulls": self.rng.random() < nulls, "add": self.rng.choice("xyz")}

    def _stream(self, name: str, identity: str) -> None:
        rng = self.rng
        match name:
            case "merge":
                op = self.add(name, (identity, self.pick(STREAM) or identity), STREAM)
            case "branch":
                op = self.add(
                    name, (identity,), STREAM, branch=rng.choice(("first", "second", "rest")), mod=rng.randint(2, 4)
                )
            case "process" | "process_values":
                op = self.add(name, (identity,), STREAM, interval=rng.choice((0, 0, 7, 40)))
                op["store"] = f"store-{op['id']}"
            case "versions":
                op = self.add(name, (identity,), STREAM, back=rng.choice((0, 3, 15)), history=rng.choice((0, 10, 40)))
                op["store"] = f"store-{op['id']}"
            case "to_table":
                op = self.add(name, (identity,), TABLE)
                self.maybe_store(op)
                self.maybe_versions(op)
            case "group_by_key" | "group_by":
                op = self.add(name, (identity,), GROUPED, **self.modulus(nulls=0.1))
            case "join_streams":
                op = self.join_streams(identity)
            case "join_table":
                table = self.pick(TABLE)
                if table is None:
                    return
                op = self.join_table(identity, table)
            case "join_global":
                table = self.pick(GLOBAL)
                if table is None:
                    return
                parameters = self.modulus()
                self.add(name, (identity, table), STREAM, kind=rng.choice(("inner", "left")), **parameters)
                return
            case _:
                op = self.add(name, (identity,), STREAM, **self.modulus())
        self.maybe_name(op)

    def join_table(self, identity: str, table: str) -> Op:
        """Join a stream with a table, and let records wait where it is versioned."""
        versioned = [each for each in self.versioned if self.kinds[each] == TABLE]
        if versioned and self.rng.random() < 0.6:
            table = self.rng.choice(sorted(versioned))
        waits = table in self.versioned and self.rng.random() < 0.6
        if waits:
            # Kafka Streams fails on records without a key that would have to wait.
            identity = self.add("with_keys", (identity,), STREAM)["id"]
        op = self.add("join_table", (identity, table), STREAM, kind=self.rng.choice(("inner", "left")))
        if waits:
            op["grace"] = self.rng.choice((0, 2, 10, 30))
        return op

    def join_streams(self, identity: str) -> Op:
        """Join two streams."""
        rng = self.rng
        other = identity if rng.random() < 0.3 else self.pick(STREAM) or identity
        op = self.add(
            "join_streams",
            (identity, other),
            STREAM,
            kind=rng.choice(("inner", "left", "outer")),
            before=rng.choice((0, 5, 20)),
            after=rng.choice((0, 5, 20)),
            grace=rng.choice((0, 3, 15)),
        )
        self.maybe_store(op)
        return op

    def _table(self, name: str, identity: str) -> None:
        rng = self.rng
        match name:
            case "to_stream":
                op = self.add(name, (identity,), STREAM)
            case "suppress":
                op = self.add(name, (identity,), TABLE, wait=rng.choice((0, 5, 25)))
                if rng.random() < 0.4:
                    op["records"] = rng.randint(1, 3)
            case "table_group_by":
                op = self.add(name, (identity,), REGROUPED, **self.modulus())
            case "join_tables":
                kinds = ("inner", "left", "outer")
                op = self.add(name, (identity, self.pick(TABLE) or identity), TABLE, kind=rng.choice(kinds))
                self.keep(op)
            case "join_foreign":
                other, kind = self.pick(TABLE) or identity, rng.choice(("inner", "left"))
                op = self.add(name, (identity, other), TABLE, kind=kind, **self.modulus())
                self.maybe_store(op)
                self.maybe_versions(op, 0.2)
            case _:
                op = self.add(name, (identity,), TABLE, **self.modulus(nulls=0))
                self.keep(op)
        self.maybe_name(op)

    def keep(self, op: Op) -> None:
        """Keep a table in a store, named or not, now and then."""
        self.maybe_store(op, 0.25)
        self.maybe_versions(op, 0.25)
        if "store" not in op and self.rng.random() < 0.15:
            op["materialized"] = True

    def _windowed(self, name: str, identity: str) -> None:
        rng = self.rng
        match name:
            case "to_stream":
                op = self.add(name, (identity,), STREAM, windowed=True)
            case "suppress":
                final = identity in self.final
                op = self.add(name, (identity,), WINDOWED, wait=rng.choice((0, 5, 25)))
                if final and rng.random() < 0.8:
                    op["final"] = True
                elif rng.random() < 0.4:
                    op["records"] = rng.randint(1, 3)
            case "table_group_by":
                op = self.add(name, (identity,), REGROUPED, **self.modulus())
            case _:
                op = self.add(name, (identity,), WINDOWED, windowed=True, **self.modulus(nulls=0))
                if identity in self.final:
                    self.final.add(op["id"])
        self.maybe_name(op)

    def fold(self, identity: str) -> None:
        """Fold a grouped stream, alone or with others, with or without windows."""
        rng = self.rng
        window = rng.choice(("", "", "time", "time", "session", "sliding", "unlimited"))
        cogrouped = rng.random() < 0.25
        if cogrouped and window == "unlimited":
            window = ""
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
        if cogrouped:
            others = {identity, *(each for each in (self.pick(GROUPED),) if each is not None)}
            op = self.add("cogroup", tuple(sorted(others)), kind, **parameters)
        else:
            op = self.add(
                "aggregate", (identity,), kind, how=rng.choice(("count", "reduce", "aggregate")), **parameters
            )
            if window not in ("", "unlimited") and rng.random() < 0.3:
                op["final"] = True
        self.maybe_store(op)
        if not window:
            self.maybe_versions(op, 0.2)
        if cogrouped or window or op["how"] != "reduce" or "store" in op:
            self.maybe_name(op)
        if window and window != "unlimited":
            self.final.add(op["id"])

    def end(self, identity: str) -> None:
        """Write what something gives to a topic."""
        kind = self.kinds[identity]
        if kind == GROUPED:
            self.add("aggregate", (identity,), TABLE, how="count")
        elif kind == REGROUPED:
            self.add("table_aggregate", (identity,), TABLE, how="count")
        elif kind in (TABLE, WINDOWED):
            self.add("to_stream", (identity,), STREAM, windowed=kind == WINDOWED)
        elif kind == STREAM:
            topic = f"out{len(self.outputs)}"
            self.outputs.append(topic)
            self.maybe_name(self.add("to", (identity,), "", topic=topic))
            return
        else:
            return
        self.end(self.ops[-1]["id"])

    def records(self) -> list[RawRecord]:
        """Return records for all topics that are read."""
        rng, now, found = self.rng, rng_start(self.rng), list[RawRecord]()
        topics = sorted(self.topics)
        for _ in range(rng.randint(5, 40)):
            now = max(0, now + rng.choice((0, 0, 1, 1, 3, 6, 15, -2, -10, 60 if rng.random() < 0.1 else 2)))
            topic = rng.choice(topics)
            no_key = rng.random() < 0.06 and topic not in (*TABLE_TOPICS, GLOBAL_TOPIC)
            key = None if no_key else rng.choice((b"a", b"b", b"c", b"k0", b"k1", b"k2"))
            value = None if rng.random() < 0.12 else "".join(rng.choices("abcd", k=rng.randint(1, 6))).encode()
            headers = (("h", rng.choice((b"1", None))),) if rng.random() < 0.15 else ()
            found.append(RawRecord(topic, key, value, now, headers))
        return found


def rng_start(rng: random.Random) -> int:
    """Return the time of the first record: often early, where windows would begin before 0."""
    return rng.choice((0, 0, 3, 20, 1000))
