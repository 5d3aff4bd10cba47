"""The Python API for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any

import httpx

from kappaflow.database.access import Access
from kappaflow.database.database import Database, connect
from kappaflow.database.protocol import (
    DELIMITED,
    ResultSchema,
    classify,
    decode_line,
    error_from_body,
    ksql_request,
    query_request,
)
from kappaflow.database.result import Row, row_type
from kappaflow.errors import ServerError
from kappaflow.runtime.messages import message

_TIMEOUT = httpx.Timeout(60.0, read=None)


class AsyncResult:
    """The answer to one statement: iterate it with ``async for``, or await `rows`."""

    def __init__(
        self, schema: ResultSchema | None, response: httpx.Response | None, lines: AsyncIterator[Any] | None
    ) -> None:
        self.schema = schema
        self.entities: list[dict[str, Any]] = []
        self._response = response
        self._lines = lines

    async def __aiter__(self) -> AsyncIterator[Row]:
        if self.schema is None or self._lines is None:
            return
        make, read = row_type(self.schema.names), self.schema.row_reader()
        try:
            async for line in self._lines:
                yield make(read(line))
        finally:
            await self.close()

    async def rows(self) -> list[Row]:
        """Return all rows; a push query without LIMIT never ends."""
        return [row async for row in self]

    async def close(self) -> None:
        """End the query; harmless when it has ended."""
        if self._response is not None:
            await self._response.aclose()
            self._response = None


class AsyncDatabase:
    """A connection to a server for asyncio; see `kappaflow.database.Database`."""

    def __init__(self, url: str | Access, *, embedded: Database | None = None) -> None:
        access = url if isinstance(url, Access) else Access.of(url)
        self.url = access.url
        self.properties: dict[str, str] = {}
        self.kafka_properties: dict[str, str] = {}
        self._embedded = embedded
        self._http = httpx.AsyncClient(base_url=self.url, timeout=_TIMEOUT, verify=access.verify(), auth=access.auth)

    async def sql(self, text: str, **properties: str) -> AsyncResult:
        """Run one query, or one or several other statements.

        Raises:
            StatementError: a statement is wrong.
            ServerError: the server failed or cannot be reached.
        """
        merged = {**self.properties, **{name.replace("_", "."): value for name, value in properties.items()}}
        try:
            if classify(text).is_query:
                return await self._query(text, merged)
            response = await self._http.post("/ksql", json=ksql_request(text, merged))
        except httpx.TransportError as error:
            raise ServerError(message("database.unreachable", url=self.url, why=error), 503) from error
        if response.status_code >= 400:
            raise error_from_body(response.status_code, response.content)
        result = AsyncResult(None, None, None)
        result.entities = response.json()
        return result

    async def _query(self, text: str, properties: Mapping[str, str]) -> AsyncResult:
        request = self._http.build_request(
            "POST", "/query-stream", json=query_request(text, properties), headers={"Accept": DELIMITED}
        )
        response = await self._http.send(request, stream=True)
        if response.status_code >= 400:
            body = await response.aread()
            await response.aclose()
            raise error_from_body(response.status_code, body)
        lines = self._decoded(response)
        return AsyncResult(ResultSchema.from_header(await anext(lines)), response, lines)

    async def _decoded(self, response: httpx.Response) -> AsyncIterator[Any]:
        async for line in response.aiter_lines():
            if line:
                yield decode_line(line)

    async def write(self, target: str, frame: Any, *, key: str | None = None, timestamp: str | None = None) -> int:
        """Write the rows of a frame; see `Database.write`."""
        with Database(self.url) as plain:
            plain.kafka_properties = self.kafka_properties
            return await asyncio.to_thread(plain.write, target, frame, key=key, timestamp=timestamp)

    async def close(self) -> None:
        """Close the connection; stop the embedded server."""
        await self._http.aclose()
        if self._embedded is not None:
            await asyncio.to_thread(self._embedded.close)
            self._embedded = None

    async def __aenter__(self) -> AsyncDatabase:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def connect_async(url: str | None = None, **options: Any) -> AsyncDatabase:
    """Connect to a server, or start an embedded one; the options are those of `kappaflow.database.connect`."""
    plain = await asyncio.to_thread(connect, url, **options)
    if url is not None:
        plain.close()
        return AsyncDatabase(plain.access)
    return AsyncDatabase(plain.url, embedded=plain)
