"""What parsing and planning of typical statements takes: ``make bench GROUP=planning``."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median

from benchmarks import report
from kappaflow.sql.engine import Engine
from kappaflow.sql.statement_plan import TopicInfo

_JSON = "VALUE_FORMAT='JSON', PARTITIONS=1"
SOURCES = (
    f"""CREATE STREAM orders (id STRING KEY, amount INT, price DOUBLE, item STRING, city STRUCT<name STRING, zip INT>)
        WITH (KAFKA_TOPIC='orders', {_JSON});""",
    f"CREATE TABLE users (id STRING PRIMARY KEY, name STRING) WITH (KAFKA_TOPIC='users', {_JSON});",
)
STATEMENTS = {
    "filter": "CREATE STREAM o AS SELECT id, UCASE(item) AS item, amount * 2 AS twice FROM orders WHERE amount > 3;",
    "aggregation": """CREATE TABLE o AS SELECT item, COUNT(*) AS n, SUM(amount * 2) AS total FROM orders
        WINDOW TUMBLING (SIZE 1 HOUR) WHERE amount > 3 AND item LIKE 'a%' GROUP BY item HAVING COUNT(*) > 1;""",
    "join": """CREATE STREAM o AS SELECT o.id AS id, name, CASE WHEN amount > 3 THEN 'many' ELSE 'few' END AS size,
        city->zip + 1 AS z FROM orders o JOIN users u ON o.id = u.id WHERE price > 1.5 EMIT CHANGES;""",
}
ROUNDS = 30


class OnePartition:
    """All topics have one partition."""

    def describe(self, _name: str) -> TopicInfo:
        """Return the facts about any topic."""
        return TopicInfo(1, 1)


def measure(rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Return the median milliseconds of parsing and of planning, and of both in CPU time, by statement.

    The first round is not counted.
    """
    engine = Engine("default_", {}, OnePartition())
    for number, text in enumerate(SOURCES):
        (parsed,) = engine.parse(text)
        engine.apply(engine.plan(parsed, {}, number))
    found: dict[str, dict[str, float]] = {}
    for name, text in STATEMENTS.items():
        times: list[tuple[float, float, float]] = []
        for _ in range(rounds + 1):
            started, cpu = time.perf_counter(), time.thread_time()
            (parsed,) = engine.parse(text)
            between = time.perf_counter()
            engine.plan(parsed, {}, 9)
            times.append((between - started, time.perf_counter() - between, time.thread_time() - cpu))
        parse_ms, plan_ms, cpu_ms = (median(part) * 1000 for part in zip(*times[1:], strict=True))
        found[name] = {"parse_ms": round(parse_ms, 2), "plan_ms": round(plan_ms, 2), "cpu_ms": round(cpu_ms, 2)}
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--group", default="planning")
    parser.add_argument("--results", type=Path, help="the directory that keeps the results; none are kept without")
    parser.add_argument("--note", default="", help="what to know of this run")
    options = parser.parse_args()
    found = measure()
    print(json.dumps(found, indent=1))
    if options.results is not None:
        kept = [
            {"workload": f"planning-{name}", "title": f"statement: {name}", **figures}
            for name, figures in found.items()
        ]
        if options.note:
            kept[0]["note"] = options.note
        print("written:", report.write(options.results, "planning", kept))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
