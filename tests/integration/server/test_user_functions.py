"""Functions in Python on a real server: run in workers, loaded without a restart, alive after kill -9."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from kappaflow.database import Database, connect
from kappaflow.errors import KappaError
from kappaflow.testing.embedded_server import EmbeddedServer, wait_until

SOURCE = "CREATE STREAM s (k INT KEY, v DOUBLE, t STRING) WITH (kafka_topic='s', value_format='JSON', partitions=2);"
WHERE = '''
import os

from kappaflow import udaf, udf, udtf


@udf
def where(value: float) -> int:
    """The process that runs this.

    Examples:
        WHERE_AM_I(1.0) -> 4711
    """
    print("printed by a function")
    return os.getpid()


@udtf
def words(text: str) -> list[str]:
    return text.split()


@udaf
class Joined:
    """All texts."""

    def initialize(self) -> str:
        return ""

    def aggregate(self, state: str, text: str) -> str:
        return state + text

    def merge(self, left: str, right: str) -> str:
        return left + right
'''.replace("def where(", "def where_am_i(")


def plus(number: int) -> str:
    return f"from kappaflow import udf\n\n@udf\ndef plus(value: float) -> float:\n    return value + {number}\n"


def place(directory: Path, name: str, text: str) -> None:
    """Put a file where it is seen whole or not at all."""
    made = directory / f".{name}.new"
    made.write_text(text, encoding="utf-8")
    made.replace(directory / name)


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    directory = tmp_path / "functions"
    directory.mkdir()
    place(directory, "where.py", WHERE)
    return directory


@pytest.fixture
def server(tmp_path: Path, functions: Path) -> Generator[EmbeddedServer]:
    arguments = ["--property", "ksql.streams.commit.interval.ms=100", "--functions", str(functions)]
    with EmbeddedServer(tmp_path / "data", arguments=arguments, workers=2) as running:
        yield running


@pytest.fixture
def db(db: Database) -> Database:
    db.sql(SOURCE)
    return db


def rows(db: Database, text: str) -> list[tuple[object, ...]]:
    return sorted(tuple(row) for row in db.sql(text).rows())


def test_functions_run_in_workers_only(server: EmbeddedServer, db: Database) -> None:
    workers = {process["pid"] for process in server.processes() if process["name"].startswith("worker")}
    db.sql("CREATE STREAM o AS SELECT k, WHERE_AM_I(v) AS pid FROM s;")
    db.sql("CREATE TABLE j AS SELECT k, JOINED(t) AS t FROM s GROUP BY k;")
    db.sql("CREATE STREAM w AS SELECT k, WORDS(t) AS w FROM s;")
    db.sql("INSERT INTO s (k, v, t) VALUES (1, 1.0, 'a b');")
    # A constant with a user's function is evaluated in a worker too.
    db.sql("INSERT INTO s (k, v, t) VALUES (2, WHERE_AM_I(1.0), 'c');")
    wait_until(lambda: len(rows(db, "SELECT * FROM o;")) == 2, "both rows")
    assert {pid for _, pid in rows(db, "SELECT * FROM o;")} <= workers
    assert {int(v) for k, v in rows(db, "SELECT k, v FROM s;") if k == 2} <= workers
    wait_until(lambda: rows(db, "SELECT * FROM j;") == [(1, "a b"), (2, "c")], "the aggregates")
    wait_until(lambda: rows(db, "SELECT * FROM w;") == [(1, "a"), (1, "b"), (2, "c")], "the words")
    assert {pid for (pid,) in rows(db, "SELECT WHERE_AM_I(1.0) FROM j WHERE k = 1;")} <= workers


def test_functions_are_shown_and_described(server: EmbeddedServer, db: Database, functions: Path) -> None:
    shown = {function["name"] for function in db.sql("SHOW FUNCTIONS;").entities[0]["functions"]}
    assert {"WHERE_AM_I", "WORDS", "JOINED"} <= shown
    described = db.sql("DESCRIBE FUNCTION where_am_i;").entities[0]
    assert described["description"] == "The process that runs this."
    assert described["examples"] == ["WHERE_AM_I(1.0) -> 4711"]
    assert described["path"] == str(functions / "where.py")
    assert [(f["signature"], f["returnType"]) for f in described["functions"]] == [
        ("WHERE_AM_I(DOUBLE value)", "BIGINT")
    ]


def installed(directory: Path) -> Path:
    """Install a distribution that declares functions by entry points, with pip and without network; return where."""
    project = directory / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n"
        "[project]\nname = 'tax-functions'\nversion = '2.5'\n"
        "[project.entry-points.'kappaflow.functions']\nall = 'tax_functions'\none = 'tax_more:rounded'\n"
        "[tool.setuptools]\npy-modules = ['tax_functions', 'tax_more']\n"
    )
    (project / "tax_functions.py").write_text(
        "from kappaflow import udf\n\n@udf\ndef with_tax(value: float) -> float:\n    return value * 1.25\n"
    )
    (project / "tax_more.py").write_text(
        "from kappaflow import udf\n\n@udf\ndef rounded(value: float) -> int:\n    return round(value)\n\n"
        "@udf\ndef left_out(value: float) -> int:\n    return 0\n"
    )
    target = directory / "installed"
    flags = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, "--target", target, project], check=True)
    return target


def test_functions_of_an_installed_distribution(tmp_path: Path) -> None:
    path = os.pathsep.join([str(installed(tmp_path)), *filter(None, [os.environ.get("PYTHONPATH")])])
    arguments = ["--property", "ksql.streams.commit.interval.ms=100"]
    with (
        EmbeddedServer(tmp_path / "data", arguments=arguments, environment={"PYTHONPATH": path}) as server,
        connect(server.url) as db,
    ):
        db.properties["auto.offset.reset"] = "earliest"
        db.sql(SOURCE)
        db.sql("CREATE STREAM o AS SELECT k, ROUNDED(WITH_TAX(v)) AS r FROM s;")
        db.sql("INSERT INTO s (k, v) VALUES (1, 8.0);")
        wait_until(lambda: rows(db, "SELECT * FROM o;") == [(1, 10)], "the row")
        described = db.sql("DESCRIBE FUNCTION with_tax;").entities[0]
        assert described["path"] == "tax_functions"
        assert described["functions"][0]["arguments"] == [
            {"name": "value", "type": "DOUBLE", "description": "", "isVariadic": False}
        ]
        with pytest.raises(KappaError, match="Can't find any functions with the name 'LEFT_OUT'"):
            db.sql("CREATE STREAM p AS SELECT k, LEFT_OUT(v) AS r FROM s;")


def test_new_and_changed_files_are_picked_up(server: EmbeddedServer, db: Database, functions: Path) -> None:
    with pytest.raises(KappaError, match="Can't find any functions with the name 'PLUS'"):
        db.sql("CREATE STREAM o AS SELECT k, PLUS(v) AS p FROM s;")
    place(functions, "plus.py", plus(1))
    db.sql("CREATE STREAM o AS SELECT k, PLUS(v) AS p FROM s;")
    db.sql("INSERT INTO s (k, v) VALUES (1, 1.0);")
    wait_until(lambda: rows(db, "SELECT * FROM o;") == [(1, 2.0)], "the first version")
    place(functions, "plus.py", plus(100))

    def new_code_runs() -> bool:
        db.sql("INSERT INTO s (k, v) VALUES (2, 1.0);")
        return (2, 101.0) in rows(db, "SELECT * FROM o;")

    wait_until(new_code_runs, "the second version")
    assert rows(db, "SELECT PLUS(v) FROM s WHERE k = 1;") == [(101.0,)]


def test_a_broken_file_leaves_running_queries_alone(server: EmbeddedServer, db: Database, functions: Path) -> None:
    place(functions, "plus.py", plus(1))
    db.sql("CREATE STREAM o AS SELECT k, PLUS(v) AS p FROM s;")
    place(functions, "plus.py", "def broken(:\n")
    with pytest.raises(KappaError, match=r"plus\.py, line 1: invalid syntax"):
        db.sql("CREATE STREAM p AS SELECT k, PLUS(v) AS p FROM s;")
    db.sql("INSERT INTO s (k, v) VALUES (1, 1.0);")
    wait_until(lambda: rows(db, "SELECT * FROM o;") == [(1, 2.0)], "the query going on")


def test_functions_go_on_after_kill_9_and_a_restart(server: EmbeddedServer, db: Database, functions: Path) -> None:
    db.sql("CREATE TABLE j AS SELECT k, JOINED(t) AS t FROM s GROUP BY k;")
    db.sql("INSERT INTO s (k, t) VALUES (1, 'a');")
    wait_until(lambda: rows(db, "SELECT * FROM j;") == [(1, "a")], "the first text")
    server.kill_child("worker-0")
    server.kill_child("worker-1")
    db.sql("INSERT INTO s (k, t) VALUES (1, 'b');")
    wait_until(lambda: rows(db, "SELECT * FROM j;") == [(1, "ab")], "the text after the kill")
    (functions / "where.py").unlink()
    server.stop()
    server.start()
    with connect(server.url) as again:
        wait_until(lambda: server.figures().get("CTAS_J_1", {}).get("state") == "ERROR", "a query without its function")
        assert "JOINED is not loaded here" in server.figures()["CTAS_J_1"]["error"]
        place(functions, "where.py", WHERE)
        wait_until(
            lambda: server.figures().get("CTAS_J_1", {}).get("state") == "RUNNING", "the function that came back"
        )
        again.sql("INSERT INTO s (k, t) VALUES (1, 'c');")
        wait_until(lambda: rows(again, "SELECT * FROM j;") == [(1, "abc")], "the text after the restart")
