"""Run the REST tests of files and directories against a live server, and report."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from kappaflow.testing.embedded_server import EmbeddedServer
from kappaflow.testing.query_tests.case_files import load_cases
from kappaflow.testing.query_tests.case_runner import CaseResult
from kappaflow.testing.query_tests.runner import Report
from kappaflow.testing.rest_tests.case_run import run_rest_case
from kappaflow.testing.rest_tests.case_subjects import chooses_ids
from kappaflow.testing.rest_tests.live_server import LiveServer
from kappaflow.testing.rest_tests.rest_case import RestCase

Told = Callable[[CaseResult], None]


def run_rest_paths(paths: list[Path], url: str | None = None, told: Told = lambda _: None) -> Report:
    """Run all cases one after the other.

    Args:
        paths: files or directories.
        url: of a server that is used for nothing else: whatever it holds is dropped.  None starts servers of the
            runner's own: one for most cases, and one for each case that chooses the ids of its schemas.
        told: gets each result as it comes.

    Raises:
        UsageError: a path holds no REST tests.
        ServerError: no server answers.
    """
    report = Report()
    shared: list[RestCase] = []
    apart: list[RestCase] = []
    for case in load_cases(paths):
        if not case.enabled:
            report.skipped.append(case.id)
        elif chooses_ids(case):
            apart.append(RestCase(case))
        else:
            shared.append(RestCase(case))
    groups = [[*apart, *shared]] if url else [shared, *([case] for case in apart)]
    for group in groups:
        if not group:
            continue
        with _server(url) as server:
            server.clear()
            for case in group:
                result = run_rest_case(case, server)
                told(result)
                if result.passed:
                    report.passed.append(result.id)
                else:
                    report.failed.append(result)
    return report


@contextmanager
def _server(url: str | None) -> Generator[LiveServer]:
    if url is not None:
        server = LiveServer(url)
        try:
            yield server
        finally:
            server.close()
        return
    with EmbeddedServer() as started:
        server = LiveServer(started.url)
        try:
            yield server
        finally:
            server.close()
