"""Results of EMIT FINAL leave a running server with the record that closes their window."""

from __future__ import annotations

from itertools import count

from kappaflow.client.admin import LATEST, Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.database import connect
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

START_MS = 1_700_000_000_000


def test_windows_that_closed_are_emitted() -> None:
    with EmbeddedServer() as server, connect(server.url) as db:
        db.sql("CREATE STREAM s (k INT KEY, v INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        db.sql(
            "CREATE TABLE closed AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 SECONDS, GRACE PERIOD 0 "
            "SECONDS) GROUP BY k EMIT FINAL;"
        )
        seconds = count()
        with Admin(ClientConfig(server.bootstrap_servers)) as admin:
            sink = TopicPartition("CLOSED", 0)

            def emitted() -> int:
                time_ms = START_MS + 1000 * next(seconds)
                db.sql(f"INSERT INTO s (ROWTIME, k, v) VALUES ({time_ms}, 1, 1);")
                return admin.list_offsets({sink: LATEST})[sink].offset

            wait_until(lambda: emitted() >= 5, "five closed windows", 60)


def test_the_record_that_closes_a_window_is_enough() -> None:
    with EmbeddedServer() as server, connect(server.url) as db:
        db.properties["auto.offset.reset"] = "earliest"
        db.sql("CREATE STREAM s (k INT KEY, v INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        windowed = (
            "SELECT k, SUM(v) AS total FROM s WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 5 SECONDS) "
            "GROUP BY k EMIT FINAL"
        )
        rows = ((0, 1), (12_000, 2), (5000, 4), (15_000, 8), (6000, 100), (26_000, 1))
        for offset_ms, value in rows:  # the fifth row comes too late; there is no other after the sixth
            db.sql(f"INSERT INTO s (ROWTIME, k, v) VALUES ({START_MS + offset_ms}, 1, {value});")
        db.sql(f"CREATE TABLE closed AS {windowed};")
        with Admin(ClientConfig(server.bootstrap_servers)) as admin:
            sink = TopicPartition("CLOSED", 0)
            wait_until(lambda: admin.list_offsets({sink: LATEST})[sink].offset >= 2, "both closed windows", 60)
        pushed = db.sql(f"{windowed} LIMIT 2;").rows()
        kept = db.sql("SELECT k, total FROM closed EMIT CHANGES LIMIT 2;").rows()
        assert [row.TOTAL for row in pushed] == [row.TOTAL for row in kept] == [5, 10]


def test_a_gap_that_is_longer_than_the_retention_loses_no_window() -> None:
    arguments = ["--property", "ksql.streams.commit.interval.ms=50"]
    with EmbeddedServer(arguments=arguments) as server, connect(server.url) as db:
        db.properties["auto.offset.reset"] = "earliest"
        db.sql("CREATE STREAM s (k INT KEY, v INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);")
        windowed = (
            "SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD 5 SECONDS) "
            "GROUP BY k EMIT FINAL"
        )
        db.sql(f"CREATE TABLE closed AS {windowed};")
        db.sql(f"INSERT INTO s (ROWTIME, k, v) VALUES ({START_MS}, 1, 1);")
        held = lambda: db.sql("SELECT n FROM closed WHERE k = 1;").rows()  # noqa: E731
        wait_until(held, "a commit, after which the window is in the store alone")
        db.sql(f"INSERT INTO s (ROWTIME, k, v) VALUES ({START_MS + 86_400_000}, 1, 1);")
        pushed = db.sql(f"{windowed} LIMIT 1;").rows()
        kept = db.sql("SELECT k, n FROM closed EMIT CHANGES LIMIT 1;").rows()
        assert [row.N for row in pushed] == [row.N for row in kept] == [1]


def test_the_record_that_ends_the_window_of_an_unmatched_row_is_enough() -> None:
    with EmbeddedServer() as server, connect(server.url) as db:
        db.properties["auto.offset.reset"] = "earliest"
        for name in ("l", "r"):
            columns = f"CREATE STREAM {name} (k INT KEY, v INT)"
            db.sql(f"{columns} WITH (kafka_topic='{name}', value_format='JSON', partitions=1);")
        joined = (
            "SELECT l.k AS k, l.v AS lv, r.v AS rv FROM l LEFT JOIN r WITHIN 10 SECONDS GRACE PERIOD 5 SECONDS "
            "ON l.k = r.k"
        )
        # Each row of l ends the window of the one before it, faster than once a second; the last stays open.
        for name, offset_ms, value in (
            ("l", 0, 1),
            ("r", 3000, 10),
            ("l", 30_000, 2),
            ("l", 60_000, 3),
            ("l", 90_000, 4),
        ):
            db.sql(f"INSERT INTO {name} (ROWTIME, k, v) VALUES ({START_MS + offset_ms}, 1, {value});")
        db.sql(f"CREATE STREAM joined AS {joined};")
        with Admin(ClientConfig(server.bootstrap_servers)) as admin:
            sink = TopicPartition("JOINED", 0)
            wait_until(lambda: admin.list_offsets({sink: LATEST})[sink].offset >= 3, "the match and both unmatched", 60)
        pushed = db.sql(f"{joined} EMIT CHANGES LIMIT 3;").rows()
        kept = db.sql("SELECT lv, rv FROM joined EMIT CHANGES LIMIT 3;").rows()
        assert (
            [(row.LV, row.RV) for row in pushed]
            == [(row.LV, row.RV) for row in kept]
            == [(1, 10), (2, None), (3, None)]
        )
