"""DDL, inserts, a pull query and a push query by the PyPI client ksqldb; prints what came as one line of JSON.

A program of its own: the client leaves its connections open, which the tests' process would complain about.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import ksqldb

EARLIEST = {"ksql.streams.auto.offset.reset": "earliest"}


def main() -> None:
    client = ksqldb.KSQLdbClient(sys.argv[1])
    created = client.ksql(
        "CREATE STREAM pypi (id INT KEY, name VARCHAR, v DOUBLE, ok BOOLEAN) "
        "WITH (kafka_topic='pypi', value_format='JSON', partitions=1);"
    )
    client.ksql("CREATE TABLE pypi_counts AS SELECT id, COUNT(*) AS n FROM pypi GROUP BY id;", EARLIEST)
    rows: list[dict[str, Any]] = [
        {"id": 1, "name": "a", "v": 2.5, "ok": True},
        {"ID": 1, "NAME": "b", "V": 3},
        {"id": "x"},
        {"id": 2},
    ]
    acks = client.inserts_stream("PYPI", rows)

    async def push() -> tuple[list[Any], bool]:
        text = "select id, name, v, ok from pypi emit changes;"
        found: list[Any] = []
        closed = False
        async for line in client.query_async(text, stream_properties=EARLIEST, timeout=30):
            found.append(line)
            if len(found) == 4:  # the header and three rows
                closed = await asyncio.to_thread(client.close_query, found[0]["queryId"])
        return found, closed

    pushed, closed = asyncio.run(push())
    deadline = time.monotonic() + 30
    pulled: list[Any] = []
    while len(pulled) < 3 and time.monotonic() < deadline:
        pulled = client.query_sync("select id, n from pypi_counts;")
    document = {
        "created": created[0]["commandStatus"]["status"],
        "properties": len(client.get_properties()),
        "acks": acks,
        "pushed": pushed,
        "closed": closed,
        "pulled": pulled,
        "refused": client.inserts_stream("NOTHING", [{"a": 1}]),
    }
    sys.stdout.write(json.dumps(document) + "\n")


main()
