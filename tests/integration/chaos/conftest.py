"""A server under the load of a ledger."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from kappaflow.testing.chaos.world import Parameters, World, world_under_load


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Generator[World]:
    with world_under_load(tmp_path, getattr(request, "param", Parameters())) as found:
        yield found
