"""One embedded broker for all tests of this directory that do not stop it; topics have names of their own."""

from __future__ import annotations

import uuid
from collections.abc import Generator

import pytest

from kappaflow.testing.embedded_broker import EmbeddedBroker


@pytest.fixture(scope="session")
def broker() -> Generator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture
def topic() -> str:
    return f"topic-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4().hex[:12]}"
