"""Rules for all tests: outside tools that are missing skip a test, unless KAPPA_REQUIRE names them; xdist groups."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from kappaflow.testing.toolchain import missing_toolchains, required_toolchains

# How long examples take says something about the machine, not about the code.
settings.register_profile("kappaflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kappaflow")
TOOLCHAINS_BY_MARKER = {"java": ("java", "maven"), "rust": ("rust",)}
TESTS = Path(__file__).parent
LONG_FOLDERS = ("conformance", "integration")
PAIR_FIXTURES = {"pair", "fresh_pair"}
CLUSTER_FIXTURES = {"kafka", "kafka_three", "kafka_all_running", "config"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long folders first; a file stays in one process, and all that needs the same real cluster in one and the same."""
    items.sort(key=lambda item: _folder(item) not in LONG_FOLDERS)
    for item in items:
        real = CLUSTER_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        both = PAIR_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        item.add_marker(pytest.mark.xdist_group("kafka" if real else "pair" if both else item.path.stem))


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or fail where the tool is demanded."""
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have to tell besides having passed: the property ``told``."""
    reports = (each for outcome in ("passed", "failed") for each in terminalreporter.stats.get(outcome, ()))
    told = [value for each in reports for name, value in getattr(each, "user_properties", ()) if name == "told"]
    for text in told:
        terminalreporter.section("told", sep="-")
        terminalreporter.write_line(str(text))
