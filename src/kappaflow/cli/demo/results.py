"""What the queries answered, as Parquet files for the check, and the check itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from kappaflow.cli.demo import check_flights, flights_sql
from kappaflow.cli.demo.flights_data import FlightLoader
from kappaflow.cli.demo.waiting import wait_until
from kappaflow.client.admin import EARLIEST, LATEST, Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordReader
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.database import Database
from kappaflow.errors import KappaError, ServerError, StatementError


def write_inputs(directory: Path, loader: FlightLoader) -> None:
    """Tell the check how the frames were written."""
    inputs = {
        "rows": loader.rows,
        "seed": loader.seed,
        "partitions": dict(loader.partitions),
        "delayed_minutes": flights_sql.DELAYED_MINUTES,
        "window_ms": flights_sql.WINDOW_MS,
        "grace_ms": flights_sql.GRACE_MS,
    }
    (directory / "inputs.json").write_text(json.dumps(inputs), encoding="utf-8")


def read_joined(client: ClientConfig) -> pl.DataFrame:
    """Read the topic of delayed flights."""
    with Admin(client) as admin:
        partitions = [TopicPartition("delayed_flights", n) for n in range(admin.partitions_for("delayed_flights"))]
        ends = {p: found.offset for p, found in admin.list_offsets(dict.fromkeys(partitions, LATEST)).items()}
    with RecordReader(client, dict.fromkeys(partitions, EARLIEST), isolation_level="read_committed") as reader:
        records = reader.read_to(ends)
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    rows: list[dict[str, Any]] = []
    for record in records:
        values = {name.lower(): value for name, value in decode(record.value or b"{}").items()}
        rows.append({"carrier": (record.key or b"").decode(), **values, "time_ms": record.timestamp})
    texts, numbers = ("carrier", "airline", "origin", "dest"), ("flight", "dep_delay", "time_ms")
    schema: list[tuple[str, type[pl.String | pl.Int64]]] = [(name, pl.String) for name in texts]
    schema += [(name, pl.Int64) for name in numbers]
    return pl.DataFrame(rows, schema=schema)


def read_query(database: Database, sql: str) -> pl.DataFrame:
    """Read all rows of a pull query, as soon as the workers have settled who owns what; names in lower case."""
    refusals: list[str] = []

    def answer() -> pl.DataFrame | None:
        try:
            return database.sql(sql).to_polars()
        except (ServerError, StatementError) as error:  # a query that rebalances refuses as a statement
            refusals.append(str(error))
            return None

    frame = wait_until(answer, sql, why=lambda: refusals[-1])
    return frame.rename({name: name.lower() for name in frame.columns})


def save(directory: Path, name: str, frame: pl.DataFrame) -> None:
    """Keep what a query answered for the check of that name."""
    frame.write_parquet(directory / f"{name}.parquet")


def run_checks(directory: Path) -> list[dict[str, Any]]:
    """Run the check as a process of its own and return its outcomes.

    Raises:
        KappaError: the check itself failed.
    """
    command = [sys.executable, "-I", str(Path(check_flights.__file__)), str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        raise KappaError(f"The check did not run: {done.stderr.strip()[-500:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]
