"""Statements and queries through the REST surface and the Python API."""

from __future__ import annotations

import json
import threading

import httpx
import polars as pl
import pytest

from kappaflow.database import Database, connect_async
from kappaflow.errors import StatementError
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


def test_a_key_that_the_frame_has_not_makes_no_stream(db: Database) -> None:
    with pytest.raises(StatementError, match="no column code"):
        db.write("keyless", pl.DataFrame({"id": [1]}), key="code")
    assert "KEYLESS" not in [stream["name"] for stream in db.sql("SHOW STREAMS;").entities[0]["streams"]]


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


def test_a_pull_query_on_a_stream_reads_what_is_there_and_ends(server: EmbeddedServer, db: Database) -> None:
    db.sql("CREATE STREAM kept " + ORDERS.format("kept"))
    assert db.sql("SELECT * FROM kept;").rows() == []
    frame = pl.DataFrame({"id": list(range(100)), "item": [f"i{n % 3}" for n in range(100)]})
    db.write("kept", frame, key="id")
    db.properties["auto.offset.reset"] = "latest"  # a pull query reads from the beginning whatever this says
    rows = [tuple(row) for row in db.sql("SELECT id, item FROM kept WHERE id < 30;").rows()]
    assert sorted(rows) == [(n, f"i{n % 3}") for n in range(30)]
    assert len(db.sql("SELECT * FROM kept LIMIT 7;").rows()) == 7
    assert len(db.sql("SELECT * FROM kept;").rows()) == 100
    body = {"ksql": "SELECT id FROM kept WHERE id = 5;", "streamsProperties": {}}
    header, row, end = httpx.post(f"{server.url}/query", json=body).json()
    assert "header" in header and row == {"row": {"columns": [5]}} and end == {"finalMessage": "Query Completed"}
    with pytest.raises(StatementError, match="GROUP BY"):
        db.sql("SELECT item, COUNT(*) FROM kept GROUP BY item;").rows()
    assert httpx.get(f"{server.url}/kappa/processes").json()["pushQueries"] == []


def test_push_queries_of_one_text_each_get_all_rows(db: Database) -> None:
    db.sql("CREATE STREAM shared " + ORDERS.format("shared"))
    text = "SELECT id FROM shared EMIT CHANGES LIMIT {};"
    results = [db.sql(text.format(50)) for _ in range(5)]
    db.write("shared", pl.DataFrame({"id": list(range(50)), "item": ["x"] * 50}), key="id")
    late = db.sql(text.format(50))
    for result in [*results, late]:
        assert sorted(row["ID"] for row in result.rows()) == list(range(50))


def test_a_reader_that_stops_reading_misses_nothing_and_holds_nobody_up(db: Database) -> None:
    db.sql("CREATE STREAM wide " + ORDERS.format("wide"))
    count = 40_000
    db.write("wide", pl.DataFrame({"id": list(range(count)), "item": ["x" * 500] * count}), key="id")
    slow = db.sql(f"SELECT id, item FROM wide EMIT CHANGES LIMIT {count};")
    rows = iter(slow)
    first = next(rows)
    quick = db.sql(f"SELECT id, item FROM wide EMIT CHANGES LIMIT {count};")
    assert len(quick.rows()) == count
    assert sorted([first["ID"], *(row["ID"] for row in rows)]) == list(range(count))
