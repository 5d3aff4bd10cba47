"""Names of a package that are imported when somebody first asks for them, as PEP 562 allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package that has these names.

    Args:
        package: its ``__name__``.
        homes: the module of each name, within the package.

    >>> lazy_names("kappaflow.runtime", {"SystemClock": "clock"})("SystemClock").__name__
    'SystemClock'
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return find
