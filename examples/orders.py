"""Orders in a frame become a stream; revenue an hour and item comes back as a frame."""

from __future__ import annotations

import datetime as dt
import time

import polars as pl

import kappaflow

START = dt.datetime(2026, 1, 1, 9, 0, tzinfo=dt.UTC)
ORDERS = pl.DataFrame(
    {
        "id": list(range(120)),
        "item": ["pen", "ink", "cap"] * 40,
        "units": [1, 2, 3, 4] * 30,
        "ordered": [START + dt.timedelta(minutes=minute) for minute in range(120)],
    }
)
WINDOWS = 6


def main() -> None:
    with kappaflow.connect() as db:
        db.properties["auto.offset.reset"] = "earliest"
        db.write("orders", ORDERS, key="id", timestamp="ordered")
        db.sql(
            "CREATE TABLE hourly AS SELECT item, COUNT(*) AS orders, SUM(units) AS units FROM orders "
            "WINDOW TUMBLING (SIZE 1 HOUR, RETENTION 10000 DAYS, GRACE PERIOD 1 DAY) GROUP BY item;"
        )
        frame = db.sql("SELECT item, windowstart, orders, units FROM hourly;").to_polars()
        while frame["ORDERS"].sum() < len(ORDERS):  # the query is still reading
            time.sleep(0.1)
            frame = db.sql("SELECT item, windowstart, orders, units FROM hourly;").to_polars()
        print(frame.sort("WINDOWSTART", "ITEM"))
        assert len(frame) == WINDOWS
        assert frame["UNITS"].sum() == ORDERS["units"].sum()


if __name__ == "__main__":
    main()
