"""What is measured: the workloads by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.join_workloads import JOINS
from benchmarks.order_formats import FORMATS
from benchmarks.orders import ITEMS, WINDOW_MS, Orders
from benchmarks.window_workloads import WINDOWS
from benchmarks.workload import INTO, OUTPUT, Results, Workload, hex_of


def _filter(orders: Orders) -> tuple[int, Results]:
    columns = orders.columns
    kept = np.flatnonzero(columns["units"] > 50)
    last = np.full(orders.keys, -1)
    last[columns["key"][kept]] = kept  # for repeated keys the last one stays
    rows = [(key, row) for key, row in enumerate(last.tolist()) if row >= 0]
    items, units = columns["item"], columns["units"]
    return len(kept), {
        hex_of(str(key)): {"ITEMID": f"item_{items[row]}", "X": float(units[row] * 2)} for key, row in rows
    }


def _totals(cells: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # bincount adds in the order of the records, as a fold does, so that sums are equal to the last bit.
    return np.bincount(cells), np.bincount(cells, weights=units)


def _group(orders: Orders) -> tuple[int, Results]:
    counts, sums = _totals(orders.columns["key"], orders.columns["units"])
    return orders.count, {
        hex_of(str(key)): {"C": count, "S": total}
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
            results[hex_of(str(key)) + at] = {"C": count, "S": total}
    return orders.count, results


def _keys(orders: Orders) -> tuple[int, Results]:
    counts = np.bincount(orders.columns["key"])
    return orders.count, {hex_of(str(k)): {"C": c} for k, c in enumerate(counts.tolist()) if c}


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
            results[hex_of(f"item_{item}") + at] = {"C": count, "M": units}
    return orders.count, results


WORKLOADS = {
    workload.group: workload
    for workload in (
        Workload(
            "filter",
            "filter + project",
            10_000,
            f"CREATE STREAM result {INTO} AS SELECT customer, itemid, orderunits * 2 AS x FROM orders"
            " WHERE orderunits > 50;",
            False,
            _filter,
        ),
        Workload(
            "group",
            "count + sum by key",
            10_000,
            f"CREATE TABLE result {INTO} AS SELECT customer, COUNT(*) AS c, SUM(orderunits) AS s FROM orders"
            " GROUP BY customer;",
            True,
            _group,
        ),
        Workload(
            "window",
            "count + sum by key in 1-hour windows",
            10_000,
            f"CREATE TABLE result {INTO} AS SELECT customer, COUNT(*) AS c, SUM(orderunits) AS s FROM orders"
            " WINDOW TUMBLING (SIZE 1 HOUR, GRACE PERIOD 1 DAY) GROUP BY customer;",
            True,
            _window,
        ),
        Workload(
            "keys",
            "count over 1,000,000 keys",
            1_000_000,
            f"CREATE TABLE result {INTO} AS SELECT customer, COUNT(*) AS c FROM orders GROUP BY customer;",
            True,
            _keys,
        ),
        Workload(
            "exactly-once",
            "exactly once: repartition, count + maximum by item in 1-hour windows",
            10_000,
            f"CREATE TABLE result {INTO} AS SELECT itemid, COUNT(*) AS c, MAX(orderunits) AS m FROM orders"
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
QUIX_RECORDS = 300_000
_QUIX = [
    replace(
        WORKLOADS[name],
        group=f"quix-{name}",
        title=f"{WORKLOADS[name].title}, beside Quix Streams",
        is_aggregation=False,
        styles=("quix",),
        records=QUIX_RECORDS,
    )
    for name in ("filter", "group")
]
"""Every update is written: Quix Streams has no cache of results."""

WORKLOADS |= {workload.group: workload for workload in (*JOINS, *WINDOWS, *_QUIX)}
PARTS = {
    "formats": [f"formats-{name.lower()}" for name in FORMATS],
    "joins": [workload.group for workload in JOINS],
    "windows": [workload.group for workload in WINDOWS],
    "quix": [workload.group for workload in _QUIX],
}
"""Groups of several workloads."""

ALL = [name for name in WORKLOADS if name not in PARTS["quix"]]
"""What runs where nothing is named: no environment has to be made for it."""
