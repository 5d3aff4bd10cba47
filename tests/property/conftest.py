"""The two kernels that property tests hold equal."""

from __future__ import annotations

import os

import pytest

from kappaflow.kernel.selection import native_available


@pytest.fixture(scope="session", params=["python", "native"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each kernel in turn; the native one is skipped where it is not built, unless KAPPA_REQUIRE names rust."""
    if request.param == "native" and not native_available():
        reason = "the native kernel is not built: the Python twins run alone"
        if "rust" in os.environ.get("KAPPA_REQUIRE", "").split(","):
            pytest.fail(reason)
        pytest.skip(reason)
    return request.param
