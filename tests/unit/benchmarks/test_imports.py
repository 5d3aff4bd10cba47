"""Every module of the benchmarks finds what it imports: most of them run seldom, and one of them in a process apart."""

from __future__ import annotations

import importlib
from pathlib import Path

import benchmarks
import pytest

MODULES = sorted(path.stem for path in Path(benchmarks.__path__[0]).glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", MODULES)
def test_finds_its_imports(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")
