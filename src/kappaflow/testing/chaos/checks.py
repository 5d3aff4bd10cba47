"""What has to hold when the load has ended and everything was processed."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kappaflow.client.admin import EARLIEST, LATEST, Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.groups import list_groups
from kappaflow.client.offsets import GroupOffsets
from kappaflow.client.records import ConsumedRecord, RecordReader
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.database import connect
from kappaflow.errors import KappaError
from kappaflow.testing.chaos.ledger import Written
from kappaflow.testing.chaos.statements import COPIED, NAMED, TRANSFERS
from kappaflow.testing.embedded_server import wait_until

CATCH_UP_SECONDS = 90.0
Positions = dict[tuple[str, TopicPartition], int]


def check_everything(
    urls: Sequence[str], client: ClientConfig, written: Written, before: Positions, seconds: float = CATCH_UP_SECONDS
) -> Positions:
    """Wait until the tables are what the ledger says, then hold all topics, changelogs and offsets against it.

    Args:
        urls: the servers, each of which has a part of the tables.
        before: the positions of the last check; none may have gone back.
        seconds: how long to wait for each table.

    Returns:
        The positions now.

    Raises:
        KappaError: says what does not hold.
    """

    def balances() -> dict[int, tuple[int, ...]]:
        return _table(urls, "SELECT * FROM balances;", "ACCOUNT", "BALANCE", "N")

    _equal(lambda: _table(urls, "SELECT * FROM sums;", "G", "N", "S"), written.sums(), "sums", seconds)
    _equal(lambda: _windows(urls), written.windows(), "windows", seconds)
    if written.doubtful:
        _total(balances, seconds)
    else:
        _equal(balances, written.balances(), "balances", seconds)
    with Admin(client) as admin:
        for topic in (COPIED, NAMED):
            _arrived(client, admin, topic, len(written.values()), seconds)
        _check_copy(client, admin, written)
        _check_join(client, admin, written)
        _check_bank(client, admin, written)
        _check_changelogs(urls, client, admin)
        after = _positions(client, admin)
    back = {key: (offset, after.get(key)) for key, offset in before.items() if after.get(key, offset) < offset}
    if back:
        raise KappaError(f"Committed offsets went back: {back}")
    return after


def read_all(client: ClientConfig, admin: Admin, topic: str) -> list[ConsumedRecord]:
    """All committed records of a topic."""
    partitions = [TopicPartition(topic, number) for number in range(admin.partitions_for(topic))]
    begins = {p: row.offset for p, row in admin.list_offsets(dict.fromkeys(partitions, EARLIEST)).items()}
    ends = {p: row.offset for p, row in admin.list_offsets(dict.fromkeys(partitions, LATEST)).items()}
    with RecordReader(client, begins, isolation_level="read_committed") as reader:
        return reader.read_to(ends)


def _equal(read: Callable[[], Mapping[Any, Any]], wanted: Mapping[Any, Any], what: str, seconds: float) -> None:
    try:
        wait_until(lambda: read() == wanted, what, seconds)
    except KappaError:
        found = read()
        wrong = {
            key: (found.get(key), wanted.get(key)) for key in {*found, *wanted} if found.get(key) != wanted.get(key)
        }
        first = dict(list(wrong.items())[:5])
        raise KappaError(f"{what}: {len(wrong)} of {len(wanted)} rows differ (found, wanted): {first}") from None


def _arrived(client: ClientConfig, admin: Admin, topic: str, count: int, seconds: float) -> None:
    """Wait for as many records as there should be: each query has its own pace.  What they are is checked later."""
    # Too few after all that time are told by the check, which knows which.
    with contextlib.suppress(KappaError):
        wait_until(lambda: len(read_all(client, admin, topic)) >= count, f"{count} records in {topic}", seconds)


def _total(read: Callable[[], Mapping[int, tuple[int, ...]]], seconds: float) -> None:
    wait_until(lambda: sum(row[0] for row in read().values()) == 0, "a total of zero", seconds)


def _rows(urls: Sequence[str], sql: str) -> list[Any]:
    """The rows of a table: a server answers for the partitions that it has."""
    found: list[Any] = []
    for url in urls:
        with connect(url) as db:
            found += db.sql(sql).rows()
    return found


def _table(urls: Sequence[str], sql: str, key: str, *columns: str) -> dict[int, tuple[int, ...]]:
    return {int(row[key]): tuple(int(row[name]) for name in columns) for row in _rows(urls, sql)}


def _windows(urls: Sequence[str]) -> dict[tuple[int, int], tuple[int, int]]:
    rows = _rows(urls, "SELECT * FROM windows;")
    return {(int(row["G"]), int(row["WINDOWSTART"])): (int(row["N"]), int(row["S"])) for row in rows}


def _check_copy(client: ClientConfig, admin: Admin, written: Written) -> None:
    found: dict[int, list[int]] = {}
    for record in read_all(client, admin, COPIED):
        found.setdefault(int((record.key or b"k0")[1:]), []).append(int(json.loads(record.value or b"{}")["V"]))
    for partition, rows in written.numbers.items():
        wanted = [value for value, _ in rows]
        if found.get(partition, []) != wanted:
            raise KappaError(f"{COPIED}, key k{partition}: {_difference(found.get(partition, []), wanted)}")


def _check_join(client: ClientConfig, admin: Admin, written: Written) -> None:
    found = [json.loads(record.value or b"{}") for record in read_all(client, admin, NAMED)]
    wanted = Counter(written.values())
    if Counter(int(row["V"]) for row in found) != wanted:
        raise KappaError(f"{NAMED}: {_difference([int(row['V']) for row in found], written.values())}")


def _check_bank(client: ClientConfig, admin: Admin, written: Written) -> None:
    rows = [json.loads(record.value or b"{}") for record in read_all(client, admin, TRANSFERS)]
    if sum(int(row["DELTA"]) for row in rows):
        raise KappaError(f"The committed transfers do not add up to zero: {sum(int(row['DELTA']) for row in rows)}")
    found = Counter((int(row["ACCOUNT"]), int(row["DELTA"])) for row in rows)
    missing = Counter(written.transfers) - found
    extra = found - Counter(written.transfers)
    if missing or extra.total() > 2 * written.doubtful:
        raise KappaError(f"{TRANSFERS}: {missing.total()} missing, {extra.total()} that were not committed")


def _check_changelogs(urls: Sequence[str], client: ClientConfig, admin: Admin) -> None:
    """The last value of each key in a changelog is the state that the table shows."""
    for table, key, columns in (("sums", "G", ("N", "S")), ("balances", "ACCOUNT", ("BALANCE", "N"))):
        (topic,) = (t for t in admin.list_topics(internal=True) if f"_CTAS_{table.upper()}_" in t and "changelog" in t)
        last: dict[bytes, bytes] = {}
        for record in read_all(client, admin, topic):
            last[record.key or b""] = record.value or b"{}"
        kept = sorted(sorted(json.loads(value).values()) for value in last.values())
        shown = sorted(sorted(row) for row in _table(urls, f"SELECT * FROM {table};", key, *columns).values())
        if kept != shown:
            raise KappaError(f"The changelog of {table} is not its state: {kept} and {shown}")


def _positions(client: ClientConfig, admin: Admin) -> Positions:
    found: Positions = {}
    for listed in list_groups(admin.connection):
        with GroupOffsets(client, listed.group_id) as offsets:
            for partition, at in offsets.fetch(require_stable=True).items():
                found[listed.group_id, partition] = at.offset
    return found


def _difference(found: list[int], wanted: list[int]) -> str:
    lost, more = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
    order = "" if lost or more else ", out of order"
    return f"{lost.total()} lost {sorted(lost)[:5]}, {more.total()} too many {sorted(more)[:5]}{order}"
