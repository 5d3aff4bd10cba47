"""Statements and queries through the REST surface and the Python API."""

from __future__ import annotations

import json
import threading

import httpx
import polars as pl
import pytest

from kappaflow.database import Database, connect_async
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

ORDERS = (
    "(id INT KEY, item VARCHAR, units INT, price DOUBLE) WITH (kafka_topic='{0}', value_format='JSON', partitions=2);"
)


def rows_of(db: Database, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in db.sql(sql).rows()]


def test_a_stream_a_table_and_a_window_from_inserts_to_pull_queries(db: Database) -> None:
    db.sql("CREATE STREAM orders " + ORDERS.format("orders"))
    db.sql(
        "CREATE TABLE totals AS SELECT item, COUNT(*) AS n, SUM(units) AS units, AVG(price) AS mean "
        "FROM orders GROUP BY item;"
    )
    db.sql("CREATE TABLE hours AS SELECT item, COUNT(*) AS n FROM orders WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY item;")
    db.sql("CREATE STREAM big AS SELECT id, item, units * 2 AS twice FROM orders WHERE units > 2;")
    for rowtime, row in ((0, "1, 'a', 2, 1.5"), (1, "2, 'b', 3, 2.5"), (3_600_000, "1, 'a', 5, 2.5")):
        db.sql(f"INSERT INTO orders (rowtime, id, item, units, price) VALUES ({rowtime}, {row});")
    expected = [("a", 2, 7, 2.0), ("b", 1, 3, 2.5)]
    wait_until(lambda: sorted(rows_of(db, "SELECT * FROM totals;")) == expected, "the totals")
    assert rows_of(db, "SELECT n, item FROM totals WHERE item = 'a';") == [(2, "a")]
    wait_until(lambda: len(rows_of(db, "SELECT * FROM hours;")) == 3, "three windows")
    assert rows_of(db, "SELECT * FROM hours WHERE item = 'a' AND WINDOWSTART >= 3600000;") == [
        ("a", 3_600_000, 7_200_000, 1)
    ]
    frame = db.sql("SELECT * FROM big EMIT CHANGES LIMIT 2;").to_polars()
    assert sorted(frame["TWICE"].to_list()) == [6, 10]


def test_shapes_of_answers(server: EmbeddedServer, db: Database) -> None:
    statement = (
        "CREATE STREAM shapes (id INT KEY, v INT) WITH (kafka_topic='shapes', value_format='json', partitions=1);"
    )
    (entity,) = httpx.post(f"{server.url}/ksql", json={"ksql": statement}).json()
    assert entity["@type"] == "currentStatus"
    assert entity["commandStatus"]["status"] == "SUCCESS"
    assert entity["commandId"] == "stream/`SHAPES`/create"
    db.sql("INSERT INTO shapes VALUES (1, 7);")
    body = {
        "ksql": "SELECT * FROM shapes EMIT CHANGES LIMIT 1;",
        "streamsProperties": {"ksql.streams.auto.offset.reset": "earliest"},
    }
    header, row, end = httpx.post(f"{server.url}/query", json=body).json()
    assert header["header"]["schema"] == "`ID` INTEGER, `V` INTEGER"
    assert row == {"row": {"columns": [1, 7]}}
    assert end == {"finalMessage": "Limit Reached"}
    body = {"sql": "SELECT * FROM shapes EMIT CHANGES LIMIT 1;", "properties": {"auto.offset.reset": "earliest"}}
    first, second = httpx.post(f"{server.url}/query-stream", json=body).text.splitlines()
    assert json.loads(first)["columnNames"] == ["ID", "V"]
    assert json.loads(second) == [1, 7]
    assert httpx.get(f"{server.url}/info").json()["KsqlServerInfo"]["ksqlServiceId"] == "default_"
    assert httpx.get(f"{server.url}/healthcheck").json()["isHealthy"] is True


def test_select_is_sent_to_the_query_endpoint(server: EmbeddedServer) -> None:
    response = httpx.post(f"{server.url}/ksql", json={"ksql": "SELECT * FROM nope;"})
    assert response.status_code == 400
    assert response.json()["error_code"] == 40002


def test_a_wrong_later_statement_stops_the_earlier_ones(server: EmbeddedServer, db: Database) -> None:
    text = "CREATE STREAM first (a INT) WITH (kafka_topic='first', value_format='JSON', partitions=1);"
    text += " DROP STREAM nothing;"
    assert httpx.post(f"{server.url}/ksql", json={"ksql": text}).status_code == 400
    (streams,) = db.sql("SHOW STREAMS;").entities
    assert "FIRST" not in [row["name"] for row in streams["streams"]]


def test_close_query_ends_a_push_query(server: EmbeddedServer, db: Database) -> None:
    db.sql("CREATE STREAM closing " + ORDERS.format("closing"))
    result = db.sql("SELECT * FROM closing EMIT CHANGES;")
    assert result.schema is not None
    query_id = result.schema.query_id
    closer = threading.Timer(0.2, lambda: httpx.post(f"{server.url}/close-query", json={"queryId": query_id}))
    closer.start()
    assert result.rows() == []
    assert httpx.post(f"{server.url}/close-query", json={"queryId": "none"}).status_code == 400


def test_a_client_that_goes_away_ends_its_query(server: EmbeddedServer, db: Database) -> None:
    db.sql("CREATE STREAM leaving " + ORDERS.format("leaving"))
    result = db.sql("SELECT * FROM leaving EMIT CHANGES;")
    running = lambda: httpx.get(f"{server.url}/kappa/processes").json()["pushQueries"]  # noqa: E731
    assert result.schema is not None
    mine = result.schema.query_id
    assert mine in [query["id"] for query in running()]
    result.close()
    wait_until(lambda: mine not in [query["id"] for query in running()], "the end of the query")


def test_frames_are_written_and_read(db: Database) -> None:
    frame = pl.DataFrame({"id": list(range(1000)), "name": [f"n{i % 7}" for i in range(1000)], "v": [0.5] * 1000})
    assert db.write("people", frame, key="id") == 1000
    found = db.sql("SELECT id, name, v FROM people EMIT CHANGES LIMIT 1000;").to_polars()
    assert found.sort("ID")["NAME"].to_list() == frame["name"].to_list()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def _async_round_trip(url: str) -> list[tuple[object, ...]]:
    async with await connect_async(url) as db:
        await db.sql(
            "CREATE STREAM quiet (a INT KEY, b INT) WITH (kafka_topic='quiet', value_format='JSON', partitions=1);"
        )
        await db.sql("INSERT INTO quiet VALUES (1, 2);")
        result = await db.sql("SELECT * FROM quiet EMIT CHANGES LIMIT 1;", auto_offset_reset="earliest")
        return [tuple(row) for row in await result.rows()]


def test_the_asynchronous_twin(server: EmbeddedServer) -> None:
    import asyncio

    assert asyncio.run(_async_round_trip(server.url)) == [(1, 2)]


def test_print_shows_records(db: Database) -> None:
    db.sql("CREATE STREAM shown (a INT KEY, b INT) WITH (kafka_topic='shown', value_format='JSON', partitions=1);")
    db.sql("INSERT INTO shown (rowtime, a, b) VALUES (5, 1, 2);")
    (line,) = db.sql("PRINT shown FROM BEGINNING LIMIT 1;").rows()
    assert line[0] == 'rowtime: 1970/01/01 00:00:00.005 Z, key: 1, value: {"B":2}, partition: 0'
