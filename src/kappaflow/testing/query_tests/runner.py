"""Run many cases in parallel, each with a time limit, and report."""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from kappaflow.server.functions.library import FunctionLibrary
from kappaflow.sql.engine import Engine
from kappaflow.testing.batch_driver import Form
from kappaflow.testing.query_tests.case_files import TestCase, load_cases
from kappaflow.testing.query_tests.case_runner import CaseResult, run_case
from kappaflow.testing.query_tests.sql_test_runner import run_sql_test
from kappaflow.testing.query_tests.test_functions import register_test_functions

CASE_LIMIT_SECONDS = 20
CHUNK = 24
FORMS: dict[str, tuple[Form, ...]] = {"row": ("row",), "column": ("column",), "both": ("row", "column")}


@dataclass(frozen=True, slots=True)
class Setting:
    """How cases run.

    Attributes:
        functions: a directory of Python functions.
        seconds: how long a case may take, in all its forms.
    """

    forms: tuple[Form, ...]
    functions: Path | None = None
    seconds: int = CASE_LIMIT_SECONDS


@dataclass(slots=True)
class Report:
    """The results of a run.

    Attributes:
        problems: functions that could not be loaded.
    """

    failed: list[CaseResult] = field(default_factory=list[CaseResult])
    passed: list[str] = field(default_factory=list[str])
    skipped: list[str] = field(default_factory=list[str])
    crashed: list[str] = field(default_factory=list[str])
    problems: list[str] = field(default_factory=list[str])

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


def run_paths(
    paths: list[Path],
    form: str = "both",
    processes: int = 2,
    functions: Path | None = None,
    seconds: int = CASE_LIMIT_SECONDS,
) -> Report:
    """Run all cases of files and directories.

    Args:
        paths: files or directories.
        form: ``row``, ``column``, or ``both`` (a case passes when both do).
        processes: how many run at once.
        functions: a directory of Python functions that the cases may call.
        seconds: how long a case may take.

    Raises:
        UsageError: a path holds no query tests.
    """
    report = Report(problems=_library(functions).problems)
    enabled: list[TestCase] = []
    for case in load_cases(paths):
        if case.enabled:
            enabled.append(case)
        else:
            report.skipped.append(case.id)
    for result, crashed in _run_all(enabled, Setting(FORMS[form], functions, seconds), processes):
        if crashed:
            report.crashed.append(result.id)
        if result.passed:
            report.passed.append(result.id)
        else:
            report.failed.append(result)
    return report


def _run_all(cases: list[TestCase], setting: Setting, processes: int) -> Iterator[tuple[CaseResult, bool]]:
    chunks = [cases[start : start + CHUNK] for start in range(0, len(cases), CHUNK)]
    if processes <= 1 or len(chunks) <= 1:
        for chunk in chunks:
            yield from ((result, False) for result in run_chunk(chunk, setting))
        return
    context = multiprocessing.get_context("spawn")
    broken: list[list[TestCase]] = []
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = [(chunk, pool.submit(run_chunk, chunk, setting)) for chunk in chunks]
        for chunk, future in futures:
            try:
                results = future.result()
            except BrokenProcessPool:
                broken.append(chunk)
                continue
            yield from ((result, False) for result in results)
    for chunk in broken:
        yield from _run_alone(chunk, setting, context)


def _run_alone(chunk: list[TestCase], setting: Setting, context: Any) -> Iterator[tuple[CaseResult, bool]]:
    """Run each case in a process of its own, to find the one that ends its process."""
    for case in chunk:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                yield pool.submit(run_chunk, [case], setting).result()[0], False
            except BrokenProcessPool:
                yield CaseResult(case.id, "the process that ran the case died"), True


def run_chunk(cases: list[TestCase], setting: Setting) -> list[CaseResult]:
    """Run some cases one after the other."""
    return [_run_limited(case, setting) for case in cases]


@cache
def _library(directory: Path | None) -> FunctionLibrary:
    library = FunctionLibrary("" if directory is None else str(directory))
    library.refresh()
    return library


def _run_limited(case: TestCase, setting: Setting) -> CaseResult:
    def register(engine: Engine) -> None:
        engine.functions = _library(setting.functions).functions
        register_test_functions(engine)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _TimeLimit

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(setting.seconds)
    try:
        for form in setting.forms:
            if case.sql is not None:
                result = run_sql_test(case.id, case.sql, form, register)
            else:
                result = run_case(case, form, register)
            if not result.passed:
                prefix = f"{form} form: " if len(setting.forms) > 1 else ""
                return CaseResult(case.id, f"{prefix}{result.problem}")
        return CaseResult(case.id)
    except _TimeLimit:
        return CaseResult(case.id, f"took longer than {setting.seconds} seconds")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
