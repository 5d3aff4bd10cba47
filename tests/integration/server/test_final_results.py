"""Results of EMIT FINAL leave a running server when time has passed and a later record comes."""

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
