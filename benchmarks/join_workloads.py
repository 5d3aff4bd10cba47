"""Joins: orders with their customers, with payments near them, and the last order with the last payment."""

from __future__ import annotations

import numpy as np

from benchmarks.orders import Orders
from benchmarks.partners import Partner
from benchmarks.workload import INTO, Results, Workload, hex_of

NEAR_MS = 60_000


def _last_rows(keys: np.ndarray, count: int) -> np.ndarray:
    """The last row of each key; -1 where it has none."""
    last = np.full(count, -1)
    last[keys] = np.arange(len(keys))  # for repeated keys the last one stays
    return last


def _stream_table(orders: Orders) -> tuple[int, Results]:
    items = orders.columns["item"]
    return orders.count, {
        hex_of(str(key)): {"ITEMID": f"item_{items[row]}", "NAME": f"customer {key}"}
        for key, row in enumerate(_last_rows(orders.columns["key"], orders.keys).tolist())
        if row >= 0
    }


def _stream_stream(orders: Orders) -> tuple[int, Results]:
    payments = Partner("payments", orders)
    mine, theirs = orders.columns, payments.columns
    by_key = np.lexsort((theirs["time"], theirs["key"]))
    begin_ms = int(mine["time"][0]) - NEAR_MS
    width = int(mine["time"][-1]) + 2 * NEAR_MS - begin_ms
    places = theirs["key"][by_key] * width + theirs["time"][by_key] - begin_ms
    at = mine["key"] * width + mine["time"] - begin_ms
    first = np.searchsorted(places, at - NEAR_MS, "left")
    counts = np.searchsorted(places, at + NEAR_MS, "right") - first
    pairs = int(counts.sum())
    order = np.repeat(np.arange(orders.count), counts)
    nth = np.arange(pairs) - np.repeat(np.cumsum(counts) - counts, counts)
    payment = by_key[np.repeat(first, counts) + nth]
    # A pair comes when its later record comes; of several, those with the later partner come last.
    times = mine["time"][order], theirs["time"][payment]
    sequence = np.lexsort((np.minimum(*times), np.maximum(*times)))
    results: Results = {}
    for key, row in enumerate(_last_rows(mine["key"][order[sequence]], orders.keys).tolist()):
        if row >= 0:
            pair = sequence[row]
            item, amount = mine["item"][order[pair]], float(theirs["amount"][payment[pair]])
            results[hex_of(str(key))] = {"ITEMID": f"item_{item}", "AMOUNT": amount}
    return pairs, results


def _table_table(orders: Orders) -> tuple[int, Results]:
    mine, theirs = orders.columns, Partner("payments", orders).columns
    never = np.iinfo(np.int64).max

    def first_times(columns: dict[str, np.ndarray]) -> np.ndarray:
        first = np.full(orders.keys, never)
        np.minimum.at(first, columns["key"], columns["time"])
        return first

    count = sum(
        int((columns["time"] > first_times(other)[columns["key"]]).sum())
        for columns, other in ((mine, theirs), (theirs, mine))
    )
    last = zip(*(_last_rows(columns["key"], orders.keys).tolist() for columns in (mine, theirs)), strict=True)
    return count, {
        hex_of(str(key)): {"ITEMID": f"item_{mine['item'][order]}", "AMOUNT": float(theirs["amount"][payment])}
        for key, (order, payment) in enumerate(last)
        if order >= 0 and payment >= 0
    }


JOINS = (
    Workload(
        "stream-table",
        "stream-table join",
        10_000,
        f"CREATE STREAM result {INTO} AS SELECT o.customer AS customer, o.itemid AS itemid, c.name AS name"
        " FROM orders o JOIN customers c ON o.customer = c.customer;",
        False,
        _stream_table,
        partner="customers",
        tables=("customers",),
        styles=("streaming",),
    ),
    Workload(
        "stream-stream",
        "stream-stream join within 1 minute",
        10_000,
        f"CREATE STREAM result {INTO} AS SELECT o.customer AS customer, o.itemid AS itemid, p.amount AS amount"
        " FROM orders o JOIN payments p WITHIN 1 MINUTES GRACE PERIOD 1 MINUTES ON o.customer = p.customer;",
        False,
        _stream_stream,
        partner="payments",
        styles=("streaming",),
    ),
    Workload(
        "table-table",
        "table-table join",
        10_000,
        f"CREATE TABLE result {INTO} AS SELECT o.customer AS customer, o.itemid AS itemid, p.amount AS amount"
        " FROM orders o JOIN payments p ON o.customer = p.customer;",
        False,
        _table_table,
        partner="payments",
        tables=("orders", "payments"),
        styles=("streaming",),
    ),
)
