"""A server under the load of a ledger."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from kappaflow.testing.chaos.world import Parameters, World, world_under_load
from kappaflow.testing.java_tools.tool_runner import ToolRunner
from kappaflow.testing.toolchain import missing_toolchains, required_toolchains


@pytest.fixture(scope="session")
def tools() -> Generator[ToolRunner | None]:
    """A JVM that reads the broker's segments after each round; None without Java, which KAPPA_REQUIRE may forbid."""
    missing = set(missing_toolchains(["java", "maven"]))
    if missing:
        if missing & required_toolchains():
            pytest.fail(f"needs {', '.join(sorted(missing))}, which KAPPA_REQUIRE demands and this machine lacks")
        yield None
        return
    with ToolRunner() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest, tools: ToolRunner | None) -> Generator[World]:
    with world_under_load(tmp_path, getattr(request, "param", Parameters()), tools) as found:
        yield found
