"""What a workload is: statements of ours, the mode of the Java program, and the right results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.orders import Orders
from benchmarks.partners import PARTNER_COLUMNS, Partner

OUTPUT = "output"
INTO = f"WITH (KAFKA_TOPIC='{OUTPUT}', PARTITIONS=4)"
COMMIT_INTERVAL_MS = 2000
TRANSACTION_INTERVAL_MS = 100
Results = dict[str, dict[str, object]]
Expected = Callable[[Orders], tuple[int, Results]]


@dataclass(frozen=True)
class Workload:
    """One workload.

    Attributes:
        group: its name on the command line and of the Java program's mode.
        title: for people.
        keys: distinct keys of its input.
        statement: the query after the declarations of its inputs.
        is_aggregation: whether caching matters.
        expected: number of output records with every update, and the last value of each key (hexadecimal key).
        format: of the values of its input.
        exactly_once: whether it runs with `exactly_once_v2` and a commit every 100 ms instead of at least once and 2 s.
        partner: its second input, by the name that it has in the statement.
        tables: those of its inputs that are tables.
        styles: in which the Java program is there, or "quix".
        records: of orders, where nothing else is asked for.
    """

    group: str
    title: str
    keys: int
    statement: str
    is_aggregation: bool
    expected: Expected
    exactly_once: bool = False
    format: str = "JSON"
    partner: str = ""
    tables: tuple[str, ...] = ()
    styles: tuple[str, ...] = ("trees", "streaming")
    records: int = 5_000_000

    def partner_of(self, orders: Orders) -> Partner | None:
        """The second input beside a first one."""
        return Partner(self.partner, orders) if self.partner else None

    @property
    def commit_interval_ms(self) -> int:
        """For both sides."""
        return TRANSACTION_INTERVAL_MS if self.exactly_once else COMMIT_INTERVAL_MS

    @property
    def guarantee(self) -> str:
        """The value of `processing.guarantee`."""
        return "exactly_once_v2" if self.exactly_once else "at_least_once"


def source_statements(workload: Workload, topics: Sequence[str]) -> list[str]:
    """The declarations of the inputs."""
    columns = {
        "orders": "ordertime BIGINT, orderid BIGINT, itemid VARCHAR, orderunits DOUBLE,"
        " address STRUCT<city VARCHAR, state VARCHAR, zipcode INT>",
        **PARTNER_COLUMNS,
    }
    statements: list[str] = []
    for name, topic in zip(filter(None, ("orders", workload.partner)), topics, strict=True):
        kind, key = ("TABLE", "PRIMARY KEY") if name in workload.tables else ("STREAM", "KEY")
        statements.append(
            f"CREATE {kind} {name} (customer VARCHAR {key}, {columns[name]})"
            f" WITH (KAFKA_TOPIC='{topic}', KEY_FORMAT='KAFKA', VALUE_FORMAT='{workload.format}');"
        )
    return statements


def hex_of(text: str) -> str:
    """A key as `TopicDigest` writes it."""
    return text.encode().hex()
