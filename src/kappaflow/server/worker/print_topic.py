"""PRINT: the records of a topic as text, with their formats guessed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kappaflow.client.admin import EARLIEST, LATEST, Admin
from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import ConsumedRecord, RecordReader
from kappaflow.client.topic_partition import TopicPartition
from kappaflow.errors import StatementError
from kappaflow.sql.ast.statements import Print


def _text(data: bytes | None) -> str:
    """Return bytes as people read them: text where it is text, a number where it has a number's size, else hex."""
    if data is None:
        return "<null>"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if text and text.isprintable():
        return text
    if len(data) in {4, 8}:
        return str(int.from_bytes(data, "big", signed=True))
    return "0x" + data.hex() if data else ""


def line_of(record: ConsumedRecord) -> str:
    """Return one line of PRINT's answer."""
    moment = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    when = f"{moment.strftime('%Y/%m/%d %H:%M:%S')}.{record.timestamp % 1000:03d} Z"
    key, value = _text(record.key), _text(record.value)
    return f"rowtime: {when}, key: {key}, value: {value}, partition: {record.partition.partition}"


def print_topic(
    client: ClientConfig, statement: Print, deliver: Callable[[dict[str, Any] | None], None], stop: threading.Event
) -> None:
    """Deliver lines until LIMIT or `stop`.

    Raises:
        StatementError: there is no such topic.
    """
    with Admin(client) as admin:
        description = admin.describe_topics([statement.topic]).get(statement.topic)
        if description is None:
            known = ", ".join(admin.list_topics()[:10])
            raise StatementError(f"Could not find topic '{statement.topic}'. Topics that exist: {known}.")
        partitions = [TopicPartition(statement.topic, p.partition) for p in description.partitions]
        which = EARLIEST if statement.from_beginning else LATEST
        positions = {p: o.offset for p, o in admin.list_offsets(dict.fromkeys(partitions, which)).items()}
    deliver({"header": {"schema": "", "names": ["LINE"], "types": ["STRING"]}})
    shown = seen = 0
    with RecordReader(client, positions) as reader:
        while not stop.is_set():
            lines: list[str] = []
            for record in reader.poll(0.2):
                seen += 1
                if (seen - 1) % statement.interval == 0 and (statement.limit is None or shown < statement.limit):
                    shown += 1
                    lines.append(line_of(record))
            if lines:
                deliver({"rows": lines})
            if statement.limit is not None and shown >= statement.limit:
                deliver({"end": "Limit Reached"})
                break
    deliver(None)
