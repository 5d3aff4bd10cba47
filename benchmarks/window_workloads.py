"""Windows that overlap, and sessions."""

from __future__ import annotations

import numpy as np

from benchmarks.orders import Orders
from benchmarks.workload import INTO, Results, Workload, hex_of

GAP_MS = 120_000
SIZE_MS = 3_600_000
ADVANCE_MS = 1_200_000


def _session(orders: Orders) -> tuple[int, Results]:
    columns = orders.columns
    order = np.argsort(columns["key"], kind="stable")  # each key's orders in the order of their times
    keys, times, units = (columns[name][order] for name in ("key", "time", "units"))
    goes_on = (keys[1:] == keys[:-1]) & (times[1:] - times[:-1] <= GAP_MS)
    starts = np.flatnonzero(np.append(True, ~goes_on))
    ends = np.append(starts[1:], len(keys))
    session = np.repeat(np.arange(len(starts)), ends - starts)
    # bincount adds in the order of the records, as a fold does, so that sums are equal to the last bit.
    sums = np.bincount(session, weights=units)
    rows = zip(
        keys[starts].tolist(),
        times[starts].tolist(),
        times[ends - 1].tolist(),
        (ends - starts).tolist(),
        sums.tolist(),
        strict=True,
    )
    results: Results = {
        hex_of(str(key)) + end.to_bytes(8, "big").hex() + start.to_bytes(8, "big").hex(): {"C": count, "S": total}
        for key, start, end, count, total in rows
    }
    # Who makes a session longer deletes the shorter one first.
    return orders.count + int(goes_on.sum()), results


def _hopping(orders: Orders) -> tuple[int, Results]:
    columns = orders.columns
    number = columns["time"] // ADVANCE_MS
    first = int(number[0]) - SIZE_MS // ADVANCE_MS + 1
    windows = int(number[-1]) - first + 1
    count = 0
    counts, sums = np.zeros(windows * orders.keys, np.int64), np.zeros(windows * orders.keys)
    for back in range(SIZE_MS // ADVANCE_MS):
        cells = (number - back - first) * orders.keys + columns["key"]
        count += len(cells)
        counts += np.bincount(cells, minlength=len(counts))
    # A window's sum goes over all of its records in their order: one pass for each window's own records.
    for window in range(windows):
        begin = np.searchsorted(columns["time"], (first + window) * ADVANCE_MS)
        end = np.searchsorted(columns["time"], (first + window) * ADVANCE_MS + SIZE_MS)
        keys, units = columns["key"][begin:end], columns["units"][begin:end]
        sums[window * orders.keys : (window + 1) * orders.keys] = np.bincount(keys, units, orders.keys)
    results: Results = {}
    for cell in np.flatnonzero(counts).tolist():
        window, key = divmod(cell, orders.keys)
        at = ((first + window) * ADVANCE_MS).to_bytes(8, "big").hex()
        results[hex_of(str(key)) + at] = {"C": int(counts[cell]), "S": float(sums[cell])}
    return count, results


_FOLDS = "customer, COUNT(*) AS c, SUM(orderunits) AS s FROM orders"

WINDOWS = (
    Workload(
        "session",
        "count + sum by key in sessions with a gap of 2 minutes",
        10_000,
        f"CREATE TABLE result {INTO} AS SELECT {_FOLDS} WINDOW SESSION (2 MINUTES, GRACE PERIOD 1 DAY)"
        " GROUP BY customer;",
        True,
        _session,
        styles=("streaming",),
    ),
    Workload(
        "hopping",
        "count + sum by key in 1-hour windows every 20 minutes",
        10_000,
        f"CREATE TABLE result {INTO} AS SELECT {_FOLDS} WINDOW HOPPING"
        " (SIZE 1 HOUR, ADVANCE BY 20 MINUTES, GRACE PERIOD 1 DAY) GROUP BY customer;",
        True,
        _hopping,
        styles=("streaming",),
    ),
)
