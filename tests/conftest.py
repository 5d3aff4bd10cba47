"""Rules for all tests: outside tools that are missing skip a test, unless KAPPA_REQUIRE names them."""

from __future__ import annotations

import pytest

from kappaflow.testing.toolchain import missing_toolchains, required_toolchains

TOOLCHAINS_BY_MARKER = {"java": ("java", "maven"), "rust": ("rust",)}


def pytest_runtest_setup(item: pytest.Item) -> None:
    needed = {
        tool for marker, tools in TOOLCHAINS_BY_MARKER.items() if item.get_closest_marker(marker) for tool in tools
    }
    missing = missing_toolchains(sorted(needed))
    if not missing:
        return
    demanded = required_toolchains() & set(missing)
    if demanded:
        pytest.fail(f"needs {', '.join(sorted(demanded))}, which KAPPA_REQUIRE demands and this machine lacks")
    pytest.skip(f"needs {', '.join(missing)}, not found on this machine")
