"""What is measured: statements of ours, the mode of the Java program, and the right results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.order_formats import FORMATS
from benchmarks.orders import ITEMS, WINDOW_MS, Orders

OUTPUT = "output"
COMMIT_INTERVAL_MS = 2000
TRANSACTION_INTERVAL_MS = 100
Results = dict[str, dict[str, object]]
Expected = Callable[[Orders], tuple[int, Results]]


@dataclass(frozen=True)
class Workload:
    """One workload.

    Attributes:
        group: its name on the command line and of the Java program's mode.
        title: for people.
        keys: distinct keys of its input.
        statement: the query after CREATE STREAM orders.
        is_aggregation: whether caching matters.
        expected: number of output records with every update, and the last value of each key (hexadecimal key).
        format: of the values of its input.
        exactly_once: whether it runs with `exactly_once_v2` and a commit every 100 ms instead of at least once and 2 s.
    """

    group: str
    title: str
    keys: int
    statement: str
    is_aggregation: bool
    expected: Expected
    exactly_once: bool = False
    format: str = "JSON"

    @property
    def commit_interval_ms(self) -> int:
        """For both sides."""
        return TRANSACTION_INTERVAL_MS if self.exactly_once else COMMIT_INTERVAL_MS

    @property
    def guarantee(self) -> str:
        """The value of `processing.guarantee`."""
        return "exactly_once_v2" if self.exactly_once else "at_least_once"


def source_statement(topic: str, value_format: str = "JSON") -> str:
    """The declaration of the input."""
    return (
        "CREATE STREAM orders (customer VARCHAR KEY, ordertime BIGINT, orderid BIGINT, itemid VARCHAR,"
        " orderunits DOUBLE, address STRUCT<city VARCHAR, state VARCHAR, zipcode INT>)"
        f" WITH (KAFKA_TOPIC='{topic}', KEY_FORMAT='KAFKA', VALUE_FORMAT='{value_format}');"
    )


def _hex(text: str) -> str:
    return text.encode().hex()


def _filter(orders: Orders) -> tuple[int, Results]:
    columns = orders.columns
    kept = np.flatnonzero(columns["units"] > 50)
    last = np.full(orders.keys, -1)
    last[columns["key"][kept]] = kept  # for repeated keys the last one stays
    rows = [(key, row) for key, row in enumerate(last.tolist()) if row >= 0]
    items, units = columns["item"], columns["units"]
    return len(kept), {
        _hex(str(key)): {"ITEMID": f"item_{items[row]}", "X": float(units[row] * 2)} for key, row in rows
    }


def _totals(cells: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # bincount adds in the order of the records, as a fold does, so that sums are equal to the last bit.
    return np.bincount(cells), np.bincount(cells, weights=units)


def _group(orders: Orders) -> tuple[int, Results]:
    counts, sums = _totals(orders.columns["key"], orders.columns["units"])
    return orders.count, {
        _hex(str(key)): {"C": count, "S": total}
        for key, (count, total) in enumerate(zip(counts.tolist(), sums.tolist(), strict=True))
        if count
    }


def _window(orders: Orders) -> tuple[int, Results]:
    start = orders.columns["time"] // WINDOW_MS
    first = int(start[0])
    counts, sums = _totals((start - first) * orders.keys + orders.columns["key"], orders.columns["units"])
    results: Results = {}
    for cell, (count, total) in enumerate(zip(counts.tolist(), sums.tolist(), strict=True)):
        if count:
            window, key = divmod(cell, orders.keys)
            at = ((window + first) * WINDOW_MS).to_bytes(8, "big").hex()
            results[_hex(str(key)) + at] = {"C": count, "S": total}
    return orders.count, results


def _keys(orders: Orders) -> tuple[int, Results]:
    counts = np.bincount(orders.columns["key"])
    return orders.count, {_hex(str(k)): {"C": c} for k, c in enumerate(counts.tolist()) if c}


def _items(orders: Orders) -> tuple[int, Results]:
    # A repartition topic mixes the records of its writers, so only what does not depend on their order is compared.
    columns = orders.columns
    start = columns["time"] // WINDOW_MS
    first = int(start[0])
    cells = (start - first) * ITEMS + columns["item"]
    counts = np.bincount(cells)
    largest = np.zeros(len(counts))
    np.maximum.at(largest, cells, columns["units"])
    results: Results = {}
    for cell, (count, units) in enumerate(zip(counts.tolist(), largest.tolist(), strict=True)):
        if count:
            window, item = divmod(cell, ITEMS)
            at = ((window + first) * WINDOW_MS).to_bytes(8, "big").hex()
            results[_hex(f"item_{item}") + at] = {"C": count, "M": units}
    return orders.count, results


_INTO = f"WITH (KAFKA_TOPIC='{OUTPUT}', PARTITIONS=4)"

WORKLOADS = {
    workload.group: workload
    for workload in (
        Workload(
            "filter",
            "filter + project",
            10_000,
            f"CREATE STREAM result {_INTO} AS SELECT customer, itemid, orderunits * 2 AS x FROM orders"
            " WHERE orderunits > 50;",
            False,
            _filter,
        ),
        Workload(
            "group",
            "count + sum by key",
            10_000,
            f"CREATE TABLE result {_INTO} AS SELECT customer, COUNT(*) AS c, SUM(orderunits) AS s FROM orders"
            " GROUP BY customer;",
            True,
            _group,
        ),
        Workload(
            "window",
            "count + sum by key in 1-hour windows",
            10_000,
            f"CREATE TABLE result {_INTO} AS SELECT customer, COUNT(*) AS c, SUM(orderunits) AS s FROM orders"
            " WINDOW TUMBLING (SIZE 1 HOUR, GRACE PERIOD 1 DAY) GROUP BY customer;",
            True,
            _window,
        ),
        Workload(
            "keys",
            "count over 1,000,000 keys",
            1_000_000,
            f"CREATE TABLE result {_INTO} AS SELECT customer, COUNT(*) AS c FROM orders GROUP BY customer;",
            True,
            _keys,
        ),
        Workload(
            "exactly-once",
            "exactly once: repartition, count + maximum by item in 1-hour windows",
            10_000,
            f"CREATE TABLE result {_INTO} AS SELECT itemid, COUNT(*) AS c, MAX(orderunits) AS m FROM orders"
            " WINDOW TUMBLING (SIZE 1 HOUR, GRACE PERIOD 1 DAY) GROUP BY itemid;",
            True,
            _items,
            exactly_once=True,
        ),
        *(
            Workload(
                f"formats-{name.lower()}",
                f"filter + project, from {name} to JSON",
                10_000,
                f"CREATE STREAM result WITH (KAFKA_TOPIC='{OUTPUT}', PARTITIONS=4, VALUE_FORMAT='JSON')"
                " AS SELECT customer, itemid, orderunits * 2 AS x FROM orders WHERE orderunits > 50;",
                False,
                _filter,
                format=name,
            )
            for name in FORMATS
        ),
    )
}
PARTS = {"formats": [f"formats-{name.lower()}" for name in FORMATS]}
"""Groups of several workloads."""
