"""A user's mistakes: a clear error that says what to do, nothing lost, no stack trace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordWriter
from kappaflow.database import Database, connect
from kappaflow.errors import KappaError, ParseError, StatementError
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until
from kappaflow.testing.ports import free_port


def kappa(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kappaflow.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_malformed_sql_names_the_position_and_the_nearest_word(server: EmbeddedServer) -> None:
    done = kappa("sql", "--server", server.url, "-e", "SELET * FROM a;")
    assert done.returncode == 1
    assert "line 1:1" in done.stderr and "Did you mean 'SELECT'?" in done.stderr
    assert "Traceback" not in done.stderr
    response = httpx.post(f"{server.url}/ksql", json={"ksql": "DROP TABEL a;"})
    assert response.status_code == 400 and "line 1:6" in response.json()["message"]


def test_unknown_names(db: Database) -> None:
    db.sql(
        "CREATE STREAM known (id INT KEY, item VARCHAR) WITH (kafka_topic='known', value_format='JSON', partitions=1);"
    )
    with pytest.raises(StatementError, match="KNOWM"):
        db.sql("SELECT * FROM knowm EMIT CHANGES;")
    with pytest.raises(StatementError, match="ITEN"):
        db.sql("SELECT iten FROM known EMIT CHANGES;")
    with pytest.raises(StatementError, match="UCASEE"):
        db.sql("SELECT ucasee(item) FROM known EMIT CHANGES;")
    with pytest.raises(StatementError, match=r"Could not find STREAM/TABLE 'NOTHING'"):
        db.sql("DESCRIBE nothing;")


def test_wrong_types(db: Database) -> None:
    db.sql(
        "CREATE STREAM typed (id INT KEY, item VARCHAR) WITH (kafka_topic='typed', value_format='JSON', partitions=1);"
    )
    with pytest.raises(StatementError):
        db.sql("SELECT item * 2 FROM typed EMIT CHANGES;")
    with pytest.raises(StatementError):
        db.sql("INSERT INTO typed VALUES ('not a number', 'x');")


def test_a_missing_topic_needs_partitions(db: Database) -> None:
    with pytest.raises(StatementError, match=r"(?i)partitions"):
        db.sql("CREATE STREAM lost (a INT) WITH (kafka_topic='lost', value_format='JSON');")


def test_another_partition_count_is_refused(db: Database) -> None:
    db.sql("CREATE STREAM two (a INT) WITH (kafka_topic='two', value_format='JSON', partitions=2);")
    with pytest.raises(StatementError, match=r"(?i)partition"):
        db.sql("CREATE STREAM again (a INT) WITH (kafka_topic='two', value_format='JSON', partitions=5);")


def test_undecodable_records_are_dropped_and_counted(server: EmbeddedServer, db: Database) -> None:
    db.sql("CREATE STREAM dirty (id INT KEY, v INT) WITH (kafka_topic='dirty', value_format='JSON', partitions=1);")
    db.sql("CREATE STREAM clean AS SELECT id, v FROM dirty;")
    with RecordWriter(ClientConfig(server.bootstrap_servers)) as writer:
        writer.send("dirty", b"\0\0\0\1", b'{"v":1}')
        writer.send("dirty", b"\0\0\0\2", b"{not json")
        writer.send("dirty", b"\0\0\0\3", b'{"v":3}')
    rows = [tuple(row) for row in db.sql("SELECT * FROM clean EMIT CHANGES LIMIT 2;").rows()]
    assert rows == [(1, 1), (3, 3)]
    figures = wait_until(
        lambda: next((f for q, f in server.figures().items() if "CLEAN" in q and f["dropped_records"] == 1), None),
        "the count of dropped records",
    )
    assert any("dirty-0@1" in problem for problem in figures["problems"])


def test_a_second_process_on_the_data_directory(server: EmbeddedServer) -> None:
    done = kappa("up", "--data-dir", str(server.data_dir), "--kafka-port", "0", "--http-port", "0")
    assert done.returncode == 1
    assert str(server.data_dir) in done.stderr and "--data-dir" in done.stderr
    assert "Traceback" not in done.stderr
    assert httpx.get(f"{server.url}/healthcheck").json()["isHealthy"] is True


def test_a_port_that_is_taken(server: EmbeddedServer, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    done = kappa("up", "--data-dir", str(tmp_path), "--kafka-port", "0", "--http-port", port)
    assert done.returncode == 1
    assert "--http-port" in done.stderr and "Traceback" not in done.stderr


def test_an_unreachable_broker(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    done = kappa("server", "--bootstrap-servers", address, "--data-dir", str(tmp_path), "--http-port", "0")
    assert done.returncode == 1
    assert address in done.stderr and "Traceback" not in done.stderr


def test_off_loopback_is_refused(tmp_path: Path) -> None:
    done = kappa("up", "--host", "0.0.0.0", "--data-dir", str(tmp_path))
    assert done.returncode == 3
    assert "loopback" in done.stderr and "Traceback" not in done.stderr


def test_no_server_to_connect_to() -> None:
    with pytest.raises(KappaError, match="kappa up"):
        connect(f"http://127.0.0.1:{free_port()}")


def test_bodies_that_are_no_requests(server: EmbeddedServer) -> None:
    for body in (b"{not json", b"[]", b"{}", b'{"ksql": 5}'):
        response = httpx.post(f"{server.url}/ksql", content=body)
        assert response.status_code == 400
        assert response.json()["@type"] == "generic_error"


def test_bad_flags_and_files(tmp_path: Path) -> None:
    assert kappa("up", "--workers", "0", "--data-dir", str(tmp_path)).returncode == 1
    assert kappa("up", "--property", "novalue", "--data-dir", str(tmp_path)).returncode == 2
    assert kappa("nonsense").returncode == 2
    config = tmp_path / "bad.toml"
    config.write_text("workers = [")
    done = kappa("up", "--config", str(config))
    assert done.returncode == 1 and "TOML" in done.stderr and "Traceback" not in done.stderr


def test_parse_errors_carry_positions_in_the_python_api() -> None:
    from kappaflow.sql.grammar.parser import parse

    with pytest.raises(ParseError) as caught:
        parse("SHOW STREAMS;\nSELECT FROM a;")
    assert (caught.value.line, caught.value.column) == (2, 8)
