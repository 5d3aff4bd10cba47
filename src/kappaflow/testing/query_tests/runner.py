"""Run many cases in parallel, each with a time limit, and report."""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from kappaflow.testing.batch_driver import Form
from kappaflow.testing.query_tests.case_files import TestCase, load_cases
from kappaflow.testing.query_tests.case_runner import CaseResult, run_case
from kappaflow.testing.query_tests.sql_test_runner import run_sql_test
from kappaflow.testing.query_tests.test_functions import register_test_functions

CASE_LIMIT_SECONDS = 20
CHUNK = 24
FORMS: dict[str, tuple[Form, ...]] = {"row": ("row",), "column": ("column",), "both": ("row", "column")}


@dataclass(slots=True)
class Report:
    """The results of a run."""

    failed: list[CaseResult] = field(default_factory=list[CaseResult])
    passed: list[str] = field(default_factory=list[str])
    skipped: list[str] = field(default_factory=list[str])
    crashed: list[str] = field(default_factory=list[str])

    @property
    def summary(self) -> str:
        """The last line of the report."""
        return f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"

    def to_json(self) -> dict[str, Any]:
        """Return the report as a document."""
        return {
            "passed": sorted(self.passed),
            "failed": {result.id: result.problem for result in sorted(self.failed, key=lambda r: r.id)},
            "skipped": sorted(self.skipped),
            "crashed": sorted(self.crashed),
        }

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(self.to_json(), indent=2) + "\n", encoding="utf-8")


class _TimeLimit(BaseException):
    """Raised by the alarm; not an Exception, so that nothing in between swallows it."""


def run_paths(paths: list[Path], form: str = "both", processes: int = 2) -> Report:
    """Run all cases of files and directories.

    Args:
        paths: files or directories.
        form: ``row``, ``column``, or ``both`` (a case passes when both do).
        processes: how many run at once.

    Raises:
        UsageError: a path holds no query tests.
    """
    report = Report()
    enabled: list[TestCase] = []
    for case in load_cases(paths):
        if case.enabled:
            enabled.append(case)
        else:
            report.skipped.append(case.id)
    for result, crashed in _run_all(enabled, FORMS[form], processes):
        if crashed:
            report.crashed.append(result.id)
        if result.passed:
            report.passed.append(result.id)
        else:
            report.failed.append(result)
    return report


def _run_all(cases: list[TestCase], forms: tuple[Form, ...], processes: int) -> Iterator[tuple[CaseResult, bool]]:
    chunks = [cases[start : start + CHUNK] for start in range(0, len(cases), CHUNK)]
    if processes <= 1 or len(chunks) <= 1:
        for chunk in chunks:
            yield from ((result, False) for result in run_chunk(chunk, forms))
        return
    context = multiprocessing.get_context("spawn")
    broken: list[list[TestCase]] = []
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = [(chunk, pool.submit(run_chunk, chunk, forms)) for chunk in chunks]
        for chunk, future in futures:
            try:
                results = future.result()
            except BrokenProcessPool:
                broken.append(chunk)
                continue
            yield from ((result, False) for result in results)
    for chunk in broken:
        yield from _run_alone(chunk, forms, context)


def _run_alone(chunk: list[TestCase], forms: tuple[Form, ...], context: Any) -> Iterator[tuple[CaseResult, bool]]:
    """Run each case in a process of its own, to find the one that ends its process."""
    for case in chunk:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                yield pool.submit(run_chunk, [case], forms).result()[0], False
            except BrokenProcessPool:
                yield CaseResult(case.id, "the process that ran the case died"), True


def run_chunk(cases: list[TestCase], forms: tuple[Form, ...]) -> list[CaseResult]:
    """Run some cases one after the other."""
    return [_run_limited(case, forms) for case in cases]


def _run_limited(case: TestCase, forms: tuple[Form, ...]) -> CaseResult:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _TimeLimit

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(CASE_LIMIT_SECONDS)
    try:
        for form in forms:
            if case.sql is not None:
                result = run_sql_test(case.id, case.sql, form, register_test_functions)
            else:
                result = run_case(case, form, register_test_functions)
            if not result.passed:
                prefix = f"{form} form: " if len(forms) > 1 else ""
                return CaseResult(case.id, f"{prefix}{result.problem}")
        return CaseResult(case.id)
    except _TimeLimit:
        return CaseResult(case.id, f"took longer than {CASE_LIMIT_SECONDS} seconds")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
