"""The processing log on a real server: a topic, and a stream over it that SQL reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator
from pathlib import Path

import pytest

from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordWriter
from kappaflow.database import Database, connect
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

SOURCE = "CREATE STREAM s (k STRING KEY, t STRING, n INT) WITH (kafka_topic='s', value_format='JSON', partitions=1);"
ENTRIES = "SELECT logger, message->type AS type, message FROM KSQL_PROCESSING_LOG;"
BAD = (
    "from kappaflow import udf\n\n@udf\ndef odd(n: int) -> int:\n"
    "    if n % 2 == 0:\n        raise ValueError(f'{n} is even')\n    return n\n"
)


@pytest.fixture
def server(tmp_path: Path) -> Generator[EmbeddedServer]:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "odd.py").write_text(BAD)
    properties = {
        "ksql.streams.commit.interval.ms": "100",
        "ksql.logging.processing.stream.auto.create": "true",
        "ksql.logging.processing.rows.include": "true",
    }
    arguments = [part for name, value in properties.items() for part in ("--property", f"{name}={value}")]
    arguments += ["--functions", str(tmp_path / "functions")]
    with EmbeddedServer(tmp_path / "data", arguments=arguments) as running:
        yield running


@pytest.fixture
def db(db: Database) -> Database:
    db.sql(SOURCE)
    return db


def entries(db: Database, logger: str) -> list[dict[str, object]]:
    rows = [row.as_dict() for row in db.sql(ENTRIES).rows()]
    return [row for row in rows if str(row["LOGGER"]).startswith(f"processing.{logger}")]


def test_errors_of_records_are_rows_of_the_stream(server: EmbeddedServer, db: Database) -> None:
    db.sql("CREATE STREAM o AS SELECT k, CAST(t AS INT) AS i, ODD(n) AS n FROM s;")
    db.sql("INSERT INTO s VALUES ('a', 'seven', 2); INSERT INTO s VALUES ('b', '8', 3);")
    with RecordWriter(ClientConfig(server.bootstrap_servers)) as writer:
        writer.send("s", b"c", b"{ no json")
    found = wait_until(lambda: (rows := entries(db, "CSAS_O_")) and len(rows) >= 3 and rows, "three entries")
    assert len(found) == 3
    by_type = {}
    for row in found:
        by_type.setdefault(row["TYPE"], []).append(row)
    (reading,) = by_type[0]
    told = reading["MESSAGE"]["DESERIALIZATIONERROR"]
    assert told["topic"] == "s"
    assert base64.b64decode(told["RECORDB64"]) == b"{ no json"
    texts = sorted(row["MESSAGE"]["RECORDPROCESSINGERROR"]["ERRORMESSAGE"] for row in by_type[1])
    assert texts[0].startswith("Error computing expression I: ")
    assert texts[1] == "Error computing expression N: ODD failed: ValueError: 2 is even (odd.py:6)"
    assert '"value":["seven",2]' in by_type[1][0]["MESSAGE"]["RECORDPROCESSINGERROR"]["RECORD"]
    assert sorted(tuple(row) for row in db.sql("SELECT * FROM o;").rows()) == [("a", None, None), ("b", 8, 3)]


def test_of_a_record_is_told_which_part_cannot_be_read(server: EmbeddedServer, db: Database) -> None:
    db.sql("CREATE STREAM n (k INT KEY, a INT) WITH (kafka_topic='n', value_format='JSON', partitions=1);")
    db.sql("CREATE STREAM o AS SELECT * FROM n;")
    with RecordWriter(ClientConfig(server.bootstrap_servers)) as writer:
        writer.send("n", b"no int", b'{"A": 1}')
        writer.send("n", bytes(4), b"{ no json")
    found = wait_until(lambda: (rows := entries(db, "CSAS_O_")) and len(rows) >= 2 and rows, "two entries")
    told = [row["MESSAGE"]["DESERIALIZATIONERROR"] for row in found]
    assert [(each["TARGET"], base64.b64decode(each["RECORDB64"])) for each in told] == [
        ("key", b"no int"),
        ("value", b"{ no json"),
    ]


def test_a_query_over_the_log_makes_no_entries_about_itself(server: EmbeddedServer, db: Database) -> None:
    db.sql("CREATE STREAM e AS SELECT logger, CAST(logger AS INT) AS bad FROM KSQL_PROCESSING_LOG;")
    db.sql("CREATE STREAM o AS SELECT k, CAST(t AS INT) AS i FROM s;")
    db.sql("INSERT INTO s VALUES ('a', 'seven', 2);")
    wait_until(lambda: len(db.sql("SELECT * FROM e;").rows()) == 1, "the entry in the other stream")
    db.sql("INSERT INTO s VALUES ('a', 'eight', 2);")
    wait_until(lambda: len(db.sql("SELECT * FROM e;").rows()) == 2, "the second entry")
    assert entries(db, "CSAS_E_") == []


def test_the_topic_is_made_with_the_first_entry(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server, connect(server.url) as db:
        db.properties["auto.offset.reset"] = "earliest"
        topics = lambda: [t["name"] for t in db.sql("SHOW TOPICS;").entities[0]["topics"]]  # noqa: E731
        db.sql(SOURCE)
        db.sql("CREATE STREAM o AS SELECT k, CAST(t AS INT) AS i FROM s;")
        assert "default_ksql_processing_log" not in topics()
        db.sql("INSERT INTO s VALUES ('a', 'seven', 2);")
        wait_until(lambda: "default_ksql_processing_log" in topics(), "the topic of the log")
        read = db.sql("PRINT default_ksql_processing_log FROM BEGINNING LIMIT 1;").rows()
        (line,) = [str(row[0]) for row in read if "value: " in str(row[0])]
        entry = json.loads(line.partition("value: ")[2].rpartition(", partition:")[0])
        assert entry["message"]["recordProcessingError"]["record"] is None  # rows are private unless asked for
        assert wait_until(lambda: server.figures()["CSAS_O_1"]["problems"], "the problem among the figures")
