"""Have pyarrow do without pandas until something needs it.

Where pandas is installed, pyarrow imports it with the first array that is made of Python values, to see whether the
values are a series: half a second of a processor and 45 MB, in the middle of the start of the first query.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

import pyarrow as pa


class _Hidden(MetaPathFinder):
    """Finds that there is no pandas."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ImportError(fullname)
        return None


def look_without_pandas() -> None:
    """Let pyarrow look for pandas while it is hidden; it looks again when it is told to make something of pandas.

    To be called where nothing else imports at the same time.
    """
    if "pandas" in sys.modules:
        return
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(hidden)


def look_again() -> None:
    """Let pyarrow take a series for what it is where code of users has imported pandas."""
    if "pandas" in sys.modules:
        pa.array([0]).to_pandas()
