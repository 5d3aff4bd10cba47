"""Random well-typed SQL: expressions over every type and scalar function, and queries around them.

Everything comes from one random generator, so a seed is a query and its input.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kappaflow.serde import types as t
from kappaflow.sql.functions.registry import Function, Overload, default_registry
from kappaflow.sql.functions.signature import AnyDecimal, AnyStruct, AnyType, Generic, LambdaType, Unit
from kappaflow.streams.execution.row_task import RawRecord

MONEY = t.Decimal(8, 2)
PAIR = t.Struct((t.StructField("X", t.INTEGER), t.StructField("Y", t.STRING)))
COLUMNS: dict[str, t.DataType] = {
    "I": t.INTEGER, "J": t.INTEGER, "L": t.BIGINT, "D": t.DOUBLE, "E": MONEY, "S": t.STRING, "R": t.STRING,
    "B": t.BOOLEAN, "Q": t.BYTES, "TM": t.TIME, "DT": t.DATE, "TS": t.TIMESTAMP, "AI": t.Array(t.INTEGER),
    "AD": t.Array(t.DOUBLE), "TX": t.Array(t.STRING), "M": t.Map(t.STRING, t.INTEGER), "P": PAIR,
}  # fmt: skip
TYPES = list(dict.fromkeys(COLUMNS.values()))
VALUES: dict[str, Sequence[Any]] = {
    "I": [0, 1, -1, 7, 2**31 - 1, -(2**31)],
    "J": [0, 1, 2, 3],
    "L": [0, 1, -1, 10**12, 2**63 - 1, -(2**63)],
    "D": [0.0, 1.5, -2.5, 1e308, 1e-320, "NaN", "Infinity", 3],
    "E": ["0.00", "9999.99", "-0.01", "1.5"],
    "S": [
        "",
        "a",
        "A b",
        "\U0001f600x",
        "ß",
        "1",
        "-5",
        "2020-01-01",
        '{"a": [1, 2]}',
        "https://h:1/p?q=1#f",
        "a=1;b=2",
    ],
    "R": ["", "a", "b", "x", "%a_b", "a.b"],
    "B": [True, False],
    "Q": [base64.b64encode(data).decode() for data in (b"", b"abc", b"\x00\xff\x00\x01", bytes(8))],
    "TM": [0, 36_930_000, 86_399_999],
    "DT": [0, -1, 18_000],
    "TS": [0, -1, 1_600_000_000_123],
    "AI": [[], [1], [3, 1, None, 2]],
    "AD": [[], [1.5, None, "NaN", 0.0]],
    "TX": [[], ["a", None, "b", "a"]],
    "M": [{}, {"a": 1}, {"b": None, "a": 2}],
    "P": [{"X": 1, "Y": "\U0001f600"}, {"X": None}, {}],
}
LITERALS: dict[t.DataType, Sequence[str]] = {
    t.INTEGER: ["0", "1", "2", "-3", "7"],
    t.BIGINT: ["3000000000", "-9000000000"],
    t.DOUBLE: ["0E0", "1.5E0", "-2.5E0", "1E300"],
    MONEY: ["CAST(1.25 AS DECIMAL(8, 2))", "CAST(-7 AS DECIMAL(8, 2))"],
    t.STRING: ["''", "'a'", "'A b'", "'x'", "'2020-01-01'", "'$.a'"],
    t.BOOLEAN: ["TRUE", "FALSE"],
    t.BYTES: ["TO_BYTES('616263', 'hex')"],
    t.TIME: ["CAST('10:15:30' AS TIME)"],
    t.DATE: ["CAST('2020-02-29' AS DATE)"],
    t.TIMESTAMP: ["CAST('2020-02-29T10:15:30' AS TIMESTAMP)"],
    t.Array(t.INTEGER): ["ARRAY[1, 2, 3]"],
    t.Array(t.DOUBLE): ["ARRAY[1.5E0, 0E0]"],
    t.Array(t.STRING): ["ARRAY['a', 'b']"],
    t.Map(t.STRING, t.INTEGER): ["MAP('a' := 1, 'z' := 2)"],
    PAIR: ["STRUCT(x := 1, y := 'a')"],
}
NUMBERS = (t.INTEGER, t.BIGINT, t.DOUBLE, MONEY)
ORDERED = (*NUMBERS, t.STRING, t.BYTES, t.TIME, t.DATE, t.TIMESTAMP)
CASTS: dict[t.DataType, Sequence[t.DataType]] = {
    t.INTEGER: (*NUMBERS, t.STRING),
    t.BIGINT: (*NUMBERS, t.STRING),
    t.DOUBLE: (*NUMBERS, t.STRING),
    MONEY: (*NUMBERS, t.STRING),
    t.STRING: (*NUMBERS, t.BOOLEAN, t.STRING, t.TIME, t.DATE, t.TIMESTAMP, t.Array(t.INTEGER), PAIR),
    t.BOOLEAN: (t.STRING, t.BOOLEAN),
    t.TIME: (t.STRING, t.TIMESTAMP, t.TIME),
    t.DATE: (t.STRING, t.TIMESTAMP, t.DATE),
    t.TIMESTAMP: (t.STRING, t.DATE),
    t.Array(t.DOUBLE): (t.Array(t.INTEGER),),
    t.Array(t.STRING): (t.Array(t.INTEGER), t.Array(t.DOUBLE)),
}
# Functions that give another value each time, and one that is for keys alone.
LEFT_OUT = {"RANDOM", "UUID", "UNIX_TIMESTAMP", "UNIX_DATE", "AS_VALUE"}
# Functions whose result is as long as a number says.
SMALL = {"LPAD", "RPAD", "GENERATE_SERIES"}


@dataclass(frozen=True, slots=True)
class Call:
    """An overload by what it returns."""

    function: Function
    overload: Overload


def _calls() -> list[Call]:
    scalars = (f for f in default_registry() if f.kind == "scalar" and f.name.upper() not in LEFT_OUT)
    return [Call(function, overload) for function in scalars for overload in function.overloads]


CALLS = _calls()


class SqlGenerator:
    """Writes expressions of a wanted type.

    Args:
        chance: where everything comes from.
        prefix: before the names of columns, such as ``A.``.
    """

    def __init__(self, chance: random.Random, prefix: str = "") -> None:
        self.chance = chance
        self.prefix = prefix
        self.extra: list[tuple[str, t.DataType]] = []

    def expression(self, wanted: t.DataType, depth: int) -> str:
        """Return an expression of a type."""
        if depth <= 0 or self.chance.random() < 0.15:
            return self.leaf(wanted)
        makers = [self._call, self._call, self._call, self._case, self._cast, self._access]
        if wanted == t.BOOLEAN:
            makers += [self._compare, self._compare, self._logic, self._test]
        if wanted in NUMBERS:
            makers += [self._arithmetic, self._arithmetic]
        if wanted == t.STRING:
            makers.append(self._join_texts)
        if isinstance(wanted, t.Array | t.Map) or wanted in (t.INTEGER, t.STRING):
            makers.append(self._lambda)
        return self.chance.choice(makers)(wanted, depth - 1) or self.leaf(wanted)

    def leaf(self, wanted: t.DataType) -> str:
        """Return a column or a literal."""
        names = [name for name, data_type in self.extra if data_type == wanted]
        names += [f"{self.prefix}{name}" for name, data_type in COLUMNS.items() if data_type == wanted]
        if names and self.chance.random() < 0.75:
            return self.chance.choice(names)
        literals = LITERALS.get(wanted)
        if literals:
            return self.chance.choice(literals)
        return self.chance.choice(names) if names else f"CAST(NULL AS {wanted})"

    def _call(self, wanted: t.DataType, depth: int) -> str | None:
        for call in self.chance.sample(CALLS, 60):
            bound: dict[str, t.DataType] = {}
            if not self._gives(call.overload, wanted, bound):
                continue
            parts: list[str] = []
            for parameter in call.overload.signature.parameters:
                for _ in range(self.chance.randint(1, 2) if parameter.variadic else 1):
                    is_length = call.function.name.upper() in SMALL and parameter.type in (t.INTEGER, t.BIGINT)
                    part = self.chance.choice(["1", "3"]) if is_length else self._argument(parameter.type, bound, depth)
                    if part is None:
                        break
                    parts.append(part)
                else:
                    continue
                break
            else:
                return f"{call.function.name}({', '.join(parts)})"
        return None

    def _gives(self, overload: Overload, wanted: t.DataType, bound: dict[str, t.DataType]) -> bool:
        declared = overload.signature.returns
        if isinstance(declared, AnyDecimal):
            return wanted == MONEY and overload.returns is not None
        if overload.returns is not None:
            return False
        return _bind(declared, wanted, bound)

    def _argument(self, declared: t.DataType, bound: dict[str, t.DataType], depth: int) -> str | None:
        if isinstance(declared, LambdaType):
            return None
        if isinstance(declared, Unit):
            return self.chance.choice(["DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS"])
        data_type = self._concrete(declared, bound)
        if data_type is None or data_type not in TYPES:
            return None
        return self.expression(data_type, depth)

    def _concrete(self, declared: t.DataType, bound: dict[str, t.DataType]) -> t.DataType | None:
        match declared:
            case Generic(name):
                return bound.setdefault(name, self.chance.choice([t.INTEGER, t.STRING, t.DOUBLE, t.BIGINT]))
            case AnyType():
                return self.chance.choice(TYPES)
            case AnyDecimal():
                return MONEY
            case AnyStruct():
                return PAIR
            case t.Array(element):
                inner = self._concrete(element, bound)
                return None if inner is None else t.Array(inner)
            case t.Map(key, value):
                inner = self._concrete(value, bound)
                return None if inner is None or key != t.STRING else t.Map(key, inner)
            case _:
                return declared

    def _case(self, wanted: t.DataType, depth: int) -> str:
        branches = " ".join(
            f"WHEN {self.expression(t.BOOLEAN, depth)} THEN {self.expression(wanted, depth)}"
            for _ in range(self.chance.randint(1, 2))
        )
        last = f" ELSE {self.expression(wanted, depth)}" if self.chance.random() < 0.7 else ""
        return f"CASE {branches}{last} END"

    def _cast(self, wanted: t.DataType, depth: int) -> str | None:
        sources = CASTS.get(wanted)
        return f"CAST({self.expression(self.chance.choice(sources), depth)} AS {wanted})" if sources else None

    def _access(self, wanted: t.DataType, depth: int) -> str | None:
        if wanted == t.INTEGER:
            index = self.chance.choice(["1", "-1", "J", "2"])
            index = f"{self.prefix}J" if index == "J" else index
            key = self.expression(t.STRING, depth)
            options = [f"{self.leaf(t.Array(t.INTEGER))}[{index}]", f"{self.prefix}M[{key}]", f"{self.prefix}P->X"]
            return self.chance.choice(options)
        if wanted == t.STRING:
            return self.chance.choice([f"{self.prefix}P->Y", f"{self.prefix}TX[1]"])
        return f"{self.prefix}AD[-1]" if wanted == t.DOUBLE else None

    def _arithmetic(self, wanted: t.DataType, depth: int) -> str:
        operator = self.chance.choice(["+", "-", "*", "/", "%"])
        left, right = self.expression(wanted, depth), self.expression(wanted, depth)
        made = f"({left} {operator} {right})"
        return f"CAST({made} AS {wanted})" if wanted == MONEY else made

    def _join_texts(self, _wanted: t.DataType, depth: int) -> str:
        return (
            f"({self.expression(t.STRING, depth)} {self.chance.choice(['+', '||'])} {self.expression(t.STRING, depth)})"
        )

    def _compare(self, _wanted: t.DataType, depth: int) -> str:
        data_type = self.chance.choice(ORDERED)
        left = self.expression(data_type, depth)
        match self.chance.randrange(4):
            case 0:
                low, high = self.expression(data_type, depth), self.expression(data_type, depth)
                return f"({left} {self.chance.choice(['', 'NOT '])}BETWEEN {low} AND {high})"
            case 1:
                others = ", ".join(self.expression(data_type, 0) for _ in range(self.chance.randint(1, 3)))
                return f"({left} {self.chance.choice(['', 'NOT '])}IN ({others}))"
            case _:
                operator = self.chance.choice(["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"])
                return f"({left} {operator} {self.expression(data_type, depth)})"

    def _logic(self, _wanted: t.DataType, depth: int) -> str:
        left, right = self.expression(t.BOOLEAN, depth), self.expression(t.BOOLEAN, depth)
        return self.chance.choice([f"({left} AND {right})", f"({left} OR {right})", f"(NOT {left})"])

    def _test(self, _wanted: t.DataType, depth: int) -> str:
        if self.chance.random() < 0.5:
            pattern = self.chance.choice(["'%a%'", "'_'", "'a%'", "'%b'", "''"])
            return f"({self.expression(t.STRING, depth)} {self.chance.choice(['', 'NOT '])}LIKE {pattern})"
        return f"({self.expression(self.chance.choice(TYPES), depth)} IS {self.chance.choice(['', 'NOT '])}NULL)"

    def _lambda(self, wanted: t.DataType, depth: int) -> str | None:
        source = self.leaf(t.Array(t.INTEGER))
        match wanted:
            case t.Array(element) if element in (t.INTEGER, t.STRING, t.DOUBLE):
                return f"TRANSFORM({source}, x => {self._within({'X': t.INTEGER}, element, depth)})"
            case t.Array(_):
                return None
            case t.Map(_, _):
                body = self._within({"KX": t.STRING, "VX": t.INTEGER}, t.INTEGER, depth)
                return f"TRANSFORM({self.prefix}M, (kx, vx) => UCASE(kx), (kx, vx) => {body})"
            case t.Integer():
                body = self._within({"ACC": t.INTEGER, "X": t.INTEGER}, t.INTEGER, depth)
                return f"REDUCE(FILTER({source}, x => x > 1), {self.expression(t.INTEGER, 0)}, (acc, x) => {body})"
            case _:
                return None

    def _within(self, names: dict[str, t.DataType], wanted: t.DataType, depth: int) -> str:
        before = list(self.extra)
        self.extra += names.items()
        try:
            return self.expression(wanted, min(depth, 1))
        finally:
            self.extra = before


def _bind(declared: t.DataType, wanted: t.DataType, bound: dict[str, t.DataType]) -> bool:
    match declared:
        case Generic(name):
            return bound.setdefault(name, wanted) == wanted
        case t.Array(element):
            return isinstance(wanted, t.Array) and _bind(element, wanted.element, bound)
        case t.Map(_, value):
            return isinstance(wanted, t.Map) and _bind(value, wanted.value, bound)
        case _:
            return declared == wanted


AGGREGATES: Sequence[tuple[str, Sequence[t.DataType]]] = (
    ("COUNT({})", TYPES),
    ("SUM({})", (t.INTEGER, t.BIGINT, t.DOUBLE)),
    ("AVG({})", (t.INTEGER, t.BIGINT, t.DOUBLE)),
    ("MIN({})", ORDERED),
    ("MAX({})", ORDERED),
    ("LATEST_BY_OFFSET({})", TYPES),
    ("EARLIEST_BY_OFFSET({}, 2)", ORDERED),
    ("LATEST_BY_OFFSET({}, 2, false)", ORDERED),
    ("COLLECT_LIST({})", ORDERED),
    ("COLLECT_SET({})", (t.INTEGER, t.STRING)),
    ("TOPK({}, 2)", (*NUMBERS, t.STRING)),
    ("TOPKDISTINCT({}, 2)", (*NUMBERS, t.STRING)),
    ("HISTOGRAM({})", (t.STRING,)),
    ("ATTR({})", (t.INTEGER, t.STRING)),
    ("COUNT_DISTINCT({})", (t.INTEGER, t.STRING)),
    ("SUM_LIST({})", (t.Array(t.INTEGER),)),
    ("STDDEV_SAMPLE({})", (t.INTEGER, t.BIGINT)),
)
WINDOWS = (
    "", "", "WINDOW TUMBLING (SIZE 50 MILLISECONDS, GRACE PERIOD 10 MILLISECONDS)",
    "WINDOW HOPPING (SIZE 60 MILLISECONDS, ADVANCE BY 20 MILLISECONDS, GRACE PERIOD 5 MILLISECONDS)",
    "WINDOW SESSION (20 MILLISECONDS, GRACE PERIOD 30 MILLISECONDS)",
)  # fmt: skip


def declarations() -> list[str]:
    """The sources: two streams and two tables with the same columns."""
    columns = ", ".join(f"{name} {data_type}" for name, data_type in COLUMNS.items())
    columns = columns.replace("`", "")
    head = "(K STRING {}, " + columns + ") WITH (KAFKA_TOPIC='{}', VALUE_FORMAT='JSON', PARTITIONS=1);"
    return [
        "CREATE STREAM A " + head.format("KEY", "a"),
        "CREATE STREAM C " + head.format("KEY", "c"),
        "CREATE TABLE U " + head.format("PRIMARY KEY", "u"),
        "CREATE TABLE V " + head.format("PRIMARY KEY", "v"),
    ]


def random_query(chance: random.Random) -> str:
    """Return a CREATE .. AS statement that writes O."""
    match chance.randrange(6):
        case 0 | 1:
            return _projection(chance)
        case 2 | 3:
            return _aggregation(chance)
        case 4:
            return _join(chance)
        case _:
            return _other(chance)


def _items(make: SqlGenerator, count: int, first: int = 0) -> str:
    chance = make.chance
    return ", ".join(
        f"{make.expression(chance.choice(TYPES), 3)} AS X{n}" for n in range(first, first + chance.randint(1, count))
    )


def _projection(chance: random.Random) -> str:
    make = SqlGenerator(chance)
    where = f" WHERE {make.expression(t.BOOLEAN, 3)}" if chance.random() < 0.5 else ""
    return f"CREATE STREAM O AS SELECT K, {_items(make, 5)} FROM A{where};"


def _aggregation(chance: random.Random) -> str:
    make = SqlGenerator(chance)
    calls = ["COUNT(*)"]
    for _ in range(chance.randint(1, 3)):
        call, types = chance.choice(AGGREGATES)
        calls.append(call.format(make.expression(chance.choice(types), chance.randint(0, 2))))
    items = ", ".join(f"{call} AS X{n}" for n, call in enumerate(calls))
    group = chance.choice(["K", "K", f"{make.expression(t.STRING, 2)}", f"{make.expression(t.INTEGER, 1)}"])
    key = "K" if group == "K" else f"{group} AS G"
    having = " HAVING COUNT(*) > 1" if chance.random() < 0.4 else ""
    where = f" WHERE {make.expression(t.BOOLEAN, 2)}" if chance.random() < 0.4 else ""
    window = chance.choice(WINDOWS)
    return f"CREATE TABLE O AS SELECT {key}, {items} FROM A {window}{where} GROUP BY {group}{having};"


def _join(chance: random.Random) -> str:
    left, right = SqlGenerator(chance, "L."), SqlGenerator(chance, "N.")
    items = f"{_items(left, 2)}, {_items(right, 2, 5)}"
    kind = chance.choice(["JOIN", "LEFT JOIN"])
    if chance.random() < 0.5:
        return f"CREATE STREAM O AS SELECT L.K AS K, {items} FROM A L {kind} U N ON L.K = N.K;"
    within = chance.choice(["WITHIN 30 MILLISECONDS", "WITHIN 20 MILLISECONDS GRACE PERIOD 10 MILLISECONDS"])
    kind = chance.choice([kind, "FULL OUTER JOIN"])
    key = "ROWKEY" if kind == "FULL OUTER JOIN" else "L.K AS K"
    return f"CREATE STREAM O AS SELECT {key}, {items} FROM A L {kind} C N {within} ON L.K = N.K;"


def random_table_join(chance: random.Random) -> str:
    """Return a statement that joins two tables, and perhaps filters the joined rows."""
    left, right, both = SqlGenerator(chance, "L."), SqlGenerator(chance, "N."), SqlGenerator(chance, "L.")
    kind = chance.choice(["JOIN", "LEFT JOIN", "FULL OUTER JOIN"])
    key = "ROWKEY" if kind == "FULL OUTER JOIN" else "L.K AS K"
    where = f" WHERE {both.expression(t.BOOLEAN, 1)}" if chance.random() < 0.4 else ""
    items = f"{_items(left, 2)}, {_items(right, 2, 5)}"
    return f"CREATE TABLE O AS SELECT {key}, {items} FROM U L {kind} V N ON L.K = N.K{where};"


def _other(chance: random.Random) -> str:
    make = SqlGenerator(chance)
    match chance.randrange(3):
        case 0:
            by = make.expression(chance.choice([t.INTEGER, t.STRING, t.BIGINT]), 2)
            return f"CREATE STREAM O AS SELECT {by} AS KK, {_items(make, 3)} FROM A PARTITION BY {by};"
        case 1:
            return (
                f"CREATE STREAM O AS SELECT K, EXPLODE({make.leaf(t.Array(t.INTEGER))}) AS V, {_items(make, 2)} FROM A;"
            )
        case _:
            where = f" WHERE {make.expression(t.BOOLEAN, 2)}" if chance.random() < 0.6 else ""
            return f"CREATE TABLE O AS SELECT K, {_items(make, 3)} FROM U{where};"


def random_records(chance: random.Random, count: int, topics: Sequence[str] = ("a", "a", "c", "u")) -> list[RawRecord]:
    """Return records of sources, with NULLs, extremes and records out of order."""
    made: list[RawRecord] = []
    for number in range(count):
        topic = chance.choice(topics)
        row = {name: None if chance.random() < 0.15 else chance.choice(values) for name, values in VALUES.items()}
        value = None if chance.random() < 0.07 else json.dumps(row).encode()
        at = 1000 + 3 * number + chance.randint(-40, 40)
        key = chance.choice([b"k1", b"k2", b"k3"] if topic in "uv" else [b"k1", b"k2", b"k3", b"", None])
        made.append(RawRecord(topic, key, value, at, (), 0, number))
    return made
