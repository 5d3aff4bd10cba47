"""The user functions of one process, kept equal to the files."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kappaflow.serde.arrow_without_pandas import look_again
from kappaflow.server.functions.loader import Loaded, has_entry_points, load, snapshot
from kappaflow.sql.functions.registry import default_registry
from kappaflow.sql.functions.user.declarations import Declaration, UserFunctions, missing

logger = logging.getLogger(__name__)


class FunctionLibrary:
    """Loads functions, and loads them again when a file has changed.

    Attributes:
        functions: the registry that engines of this process use; its content is swapped, it stays the same object.
        version: counts the loads.
    """

    def __init__(self, directory: str, enabled: bool = True) -> None:
        self._directory = Path(directory) if directory and enabled else None
        self._packages = enabled and has_entry_points()
        self.functions = UserFunctions(default_registry())
        self.version = 0
        self._loaded = Loaded()
        self._seen: dict[str, tuple[int, int]] | None = None
        self._lock = threading.Lock()

    @property
    def used(self) -> bool:
        """Whether there is a place to load functions from."""
        return self._directory is not None or self._packages

    def refresh(self) -> bool:
        """Load again if a file was added, changed or removed; tell whether it was so."""
        if not self.used:
            return False
        with self._lock:
            now = snapshot(self._directory)
            if now == self._seen:
                return False
            self._seen = now
            known = set(self._loaded.problems)
            self._loaded = load(self._directory, packages=self._packages)
            look_again()
            self.functions.replace(self._loaded.functions, self._loaded.problems)
            self.version += 1
            for problem in self._loaded.problems:
                if problem not in known:
                    logger.warning("Functions: %s", problem)
            return True

    @property
    def problems(self) -> list[str]:
        """What could not be loaded."""
        return list(self._loaded.problems)

    def describe(self, known_version: str) -> dict[str, Any]:
        """Return the declarations of all functions, or nothing but the version where the asker knows them."""
        version = f"{id(self)}-{self.version}"
        if known_version == version:
            return {"version": version}
        declarations = [function.declaration.to_json() for function in self.functions.users()]
        return {"version": version, "functions": declarations, "problems": self.problems}

    def versions_of(self, recorded: Mapping[str, Declaration]) -> dict[str, str]:
        """Return the versions of the functions that a query uses."""
        return {name: self._loaded.versions.get(name, "") for name in recorded}

    def missing(self, recorded: Mapping[str, Declaration]) -> str | None:
        """Return what a query needs and is not loaded, with what could not be loaded; None where all is there."""
        problem = missing(recorded, self.functions)
        if problem is None or not self._loaded.problems:
            return problem
        return f"{problem} {' '.join(self._loaded.problems)}"
