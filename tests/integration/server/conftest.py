"""One server for the tests of its surface."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from kappaflow.database import Database, connect
from kappaflow.testing.embedded_server import EmbeddedServer


@pytest.fixture(scope="module")
def server() -> Generator[EmbeddedServer]:
    with EmbeddedServer(arguments=["--property", "ksql.streams.commit.interval.ms=200"]) as running:
        yield running


@pytest.fixture
def db(server: EmbeddedServer) -> Generator[Database]:
    with connect(server.url) as database:
        database.properties["auto.offset.reset"] = "earliest"
        yield database
