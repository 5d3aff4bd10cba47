"""The plain (blocking) Python API."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from kappaflow.database.access import Access
from kappaflow.database.protocol import (
    DELIMITED,
    ResultSchema,
    classify,
    decode_line,
    error_from_body,
    ksql_request,
    query_request,
)
from kappaflow.database.result import Result
from kappaflow.errors import ServerError
from kappaflow.runtime.closing import Closing
from kappaflow.runtime.messages import message

if TYPE_CHECKING:
    from kappaflow.server.supervisor import Supervisor

_TIMEOUT = httpx.Timeout(60.0, read=None)


class Database(Closing):
    """A connection to a server.

    Use `connect` to make one.  A database is a context manager; `close` stops the embedded server, if it has one.

    Attributes:
        url: the address of the server.
        access: the same, with the user and what is trusted.
        properties: session properties sent with every statement, such as ``auto.offset.reset``.
        kafka_properties: how `write` reaches the Kafka brokers, such as ``security.protocol``; stays in this process.
    """

    def __init__(self, url: str | Access, *, embedded: Supervisor | None = None, scratch: str | None = None) -> None:
        self.access = url if isinstance(url, Access) else Access.of(url)
        self.url = self.access.url
        self.properties: dict[str, str] = {}
        self.kafka_properties: dict[str, str] = {}
        self._embedded = embedded
        self._scratch = scratch
        self._http = httpx.Client(
            base_url=self.url, timeout=_TIMEOUT, verify=self.access.verify(), auth=self.access.auth
        )

    def sql(self, text: str, **properties: str) -> Result:
        """Run one query, or one or several other statements.

        Args:
            text: SQL.
            properties: session properties of this call; dots are written as underscores
                (``auto_offset_reset="earliest"``).

        Raises:
            StatementError: a statement is wrong.
            ServerError: the server failed or cannot be reached.
        """
        merged = {**self.properties, **{name.replace("_", "."): value for name, value in properties.items()}}
        kind = classify(text)
        if kind.is_query:
            return self._query(text, merged)
        response = self._post("/ksql", ksql_request(text, merged))
        return Result(None, iter(()), lambda: None, response.json())

    def _post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        try:
            response = self._http.post(path, json=body)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        except RuntimeError:
            raise self._ended() from None
        if response.status_code >= 400:
            raise error_from_body(response.status_code, response.content)
        return response

    def _unreachable(self, error: Exception) -> ServerError:
        return ServerError(message("database.unreachable", url=self.url, why=error), 503)

    def _ended(self) -> ServerError:
        """What to raise for the client's RuntimeError, which it has for one mistake only."""
        return ServerError(message("database.closed"), 503)

    def _query(self, text: str, properties: Mapping[str, str]) -> Result:
        request = self._http.build_request(
            "POST", "/query-stream", json=query_request(text, properties), headers={"Accept": DELIMITED}
        )
        try:
            response = self._http.send(request, stream=True)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        except RuntimeError:
            raise self._ended() from None
        if response.status_code >= 400:
            body = response.read()
            response.close()
            raise error_from_body(response.status_code, body)
        if response.headers.get("content-type", "").startswith("text/plain"):
            schema = ResultSchema.from_header({"queryId": "print", "columnNames": ["LINE"], "columnTypes": ["STRING"]})
            return Result(schema, ([line] for line in response.iter_lines()), response.close)
        lines = self._lines(response)
        return Result(ResultSchema.from_header(next(lines)), lines, response.close)

    def _lines(self, response: httpx.Response) -> Iterator[Any]:
        try:
            for line in response.iter_lines():
                if line:
                    yield decode_line(line)
        except httpx.TransportError as error:
            raise ServerError(message("database.broken", url=self.url, why=error), 503) from error

    def write(self, target: str, frame: Any, *, key: str | None = None, timestamp: str | None = None) -> int:
        """Write the rows of a frame into a stream or table, creating the stream when there is none.

        Args:
            target: name of the stream or table; a new stream gets a topic of that name with 4 partitions in JSON.
            frame: a Polars or pandas frame, an Arrow table, or a list of dictionaries.
            key: for a new stream, the column that becomes its key.
            timestamp: the column with the event time (a timestamp, or milliseconds); default is now.

        Returns:
            The number of rows written.

        Raises:
            StatementError: columns do not fit the target.
        """
        from kappaflow.database.write import write_frame

        return write_frame(self, target, frame, key, timestamp)

    def bootstrap_servers(self) -> str:
        """Return the address of the Kafka brokers behind the server."""
        return str(self._http.get("/kappa/processes").json()["bootstrapServers"])

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._http.is_closed

    def close(self) -> None:
        """Close the connection; stop the embedded server and remove its data if it was in memory."""
        self._http.close()
        if self._embedded is not None:
            self._embedded.stop()
            self._embedded = None
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def __repr__(self) -> str:
        return f"Database({self.url!r}{', embedded' if self._embedded is not None else ''})"


def connect(
    url: str | None = None,
    *,
    path: str | Path | None = None,
    workers: int = 1,
    functions: str | Path | None = None,
    user: str | None = None,
    password: str | None = None,
    ca: str | Path | None = None,
) -> Database:
    """Connect to a server, or start an embedded one.

    Args:
        url: address of a running server, such as ``http://127.0.0.1:8088``; None starts an embedded server.
        path: where the embedded server keeps its data; None keeps it in memory until `close`.
        workers: number of engine workers of the embedded server.
        functions: a directory of Python functions (``@udf``) that the embedded server loads.
        user, password: where the server at `url` has users; the URL may hold them instead.
        ca: a PEM file of certificates to trust, for a server whose certificate no authority has signed.

    Raises:
        ServerError: no server answers, or the embedded one did not start.

    Example:
        >>> import kappaflow
        >>> with kappaflow.connect() as db:  # doctest: +SKIP
        ...     db.write("orders", frame, key="id")
        ...     db.sql("SELECT * FROM orders EMIT CHANGES LIMIT 3").to_polars()
    """
    if url is not None:
        database = Database(Access.of(url, user, password, ca))
        try:
            database.sql("SHOW PROPERTIES;")
        except BaseException:
            database.close()
            raise
        return database
    from kappaflow.server.configuration import ServerConfig
    from kappaflow.server.supervisor import Supervisor

    scratch = None
    if path is None:
        memory = Path("/dev/shm")
        scratch = tempfile.mkdtemp(prefix="kappaflow-", dir=memory if memory.is_dir() else None)
    config = ServerConfig(data_dir=str(path or scratch), kafka_port=0, http_port=0, workers=workers)
    config.functions = str(functions) if functions is not None else ""
    supervisor = Supervisor(config)
    try:
        supervisor.start()
    except BaseException:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
        raise
    return Database(supervisor.http_url, embedded=supervisor, scratch=scratch)
