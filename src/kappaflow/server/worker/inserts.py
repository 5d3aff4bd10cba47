"""Rows that clients insert as lines of JSON: parsed, fitted to the columns, written, acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from kappaflow.client.connection import ClientConfig
from kappaflow.client.records import RecordWriter
from kappaflow.errors import KappaError, StatementError
from kappaflow.sql.engine import Engine

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
BAD_REQUEST = 40000
SERVER_ERROR = 50000
Ack = dict[str, Any]


class Inserts:
    """Writes rows for clients.

    Args:
        lock: guards the engine.
    """

    def __init__(self, client: ClientConfig, engine: Engine, lock: threading.RLock) -> None:
        self._client = client
        self._engine = engine
        self._lock = lock
        self._writer: RecordWriter | None = None
        self._starting = threading.Lock()

    def insert(self, target: str, properties: dict[str, str], lines: Sequence[bytes]) -> list[Ack]:
        """Write the rows in order and return for each an acknowledgement, or what is wrong with it.

        Raises:
            StatementError: the target does not exist or cannot be written.
            BrokerError: its topic does not exist.
        """
        with self._lock:
            inserter = self._engine.inserter(target, properties)
        acks: list[Ack] = []
        places: list[int] = []
        records: list[tuple[bytes | None, bytes | None]] = []
        topic = ""
        for place, line in enumerate(lines):
            acks.append({"status": "ok"})
            try:
                record = inserter.record(_row(line))
            except StatementError as error:
                acks[place] = _failed(BAD_REQUEST, error)
                continue
            topic = record.topic
            places.append(place)
            records.append((record.key, record.value))
        if records:
            for place, error in zip(places, self._write(topic, records), strict=True):
                if error is not None:
                    acks[place] = _failed(SERVER_ERROR, error)
        return acks

    def _write(self, topic: str, records: Sequence[tuple[bytes | None, bytes | None]]) -> list[KappaError | None]:
        with self._starting:
            if self._writer is None:
                self._writer = RecordWriter(self._client)
        self._writer.forget(topic)  # it may have been made anew, with fewer partitions
        return self._writer.send_all(topic, records)

    def close(self) -> None:
        """Close the connections."""
        if self._writer is not None:
            self._writer.close()


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StatementError(f"Invalid JSON in inserts stream: {error}") from None
    if not isinstance(row, dict):
        raise StatementError("A row of an inserts stream must be a JSON object.")
    return row


def _failed(code: int, error: KappaError) -> Ack:
    return {"status": "error", "error_code": code, "message": str(error)}
