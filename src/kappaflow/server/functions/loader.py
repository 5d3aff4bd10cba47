"""Import functions from a directory, or from the entry points ``kappaflow.functions`` of installed packages.

Every ``*.py`` of the directory is a module of one package, so files may share code by relative imports; those whose
names begin with ``_`` are only imported by others.  A file that cannot be imported is told about with its line, and
the others load.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.metadata
import sys
import traceback
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kappaflow.errors import KappaError
from kappaflow.sql.functions.registry import Function, default_registry
from kappaflow.sql.functions.user.arrow_form import difference
from kappaflow.sql.functions.user.declarations import implemented
from kappaflow.sql.functions.user.decorators import UserFunction, Variant, defined_in, forget

PACKAGE = "kappaflow_user_functions"
ENTRY_POINTS = "kappaflow.functions"


@dataclass(slots=True)
class Loaded:
    """What was found.

    Attributes:
        functions: with their code.
        versions: of each function by upper-case name: changes when the code may have changed.
        problems: what could not be loaded, each naming file and line.
    """

    functions: list[Function] = field(default_factory=list[Function])
    versions: dict[str, str] = field(default_factory=dict[str, str])
    problems: list[str] = field(default_factory=list[str])

    def add(self, functions: Iterable[UserFunction], source: str, version: str) -> None:
        """Take in the functions of one file or package."""
        for function in functions:
            place = f"{source}, line {function.line}" if function.line else source
            name = function.name.upper()
            if default_registry().get(name) is not None:
                self.problems.append(f"{place}: {name} is a built-in function; choose another name.")
                continue
            if name in self.versions:
                self.problems.append(f"{place}: {name} is defined a second time; the first one stays.")
                continue
            self.functions.append(implemented(function, source, self._row_only(function, place)))
            self.versions[name] = version

    def _row_only(self, function: UserFunction, place: str) -> list[Variant]:
        """Return the signatures whose column form gives something else than their row form."""
        refused: list[Variant] = []
        for variant in function.variants:
            if variant.arrow is None:
                continue
            problem = difference(function, variant)
            if problem is not None:
                refused.append(variant)
                self.problems.append(
                    f"{place}: the column form of {function.name.upper()}{variant.signature} is not used: {problem}."
                )
        return refused


def snapshot(directory: Path | None) -> dict[str, tuple[int, int]]:
    """Return time and size of every Python file below a directory: what tells that something changed."""
    found: dict[str, tuple[int, int]] = {}
    for path in sorted(directory.rglob("*.py")) if directory is not None and directory.is_dir() else []:
        with contextlib.suppress(OSError):
            status = path.stat()
            found[str(path)] = (status.st_mtime_ns, status.st_size)
    return found


def load(directory: Path | None, *, packages: bool = True) -> Loaded:
    """Import everything anew.

    Args:
        directory: holds the files; None where there is none.
        packages: also the entry points of installed packages.
    """
    loaded = Loaded()
    if packages:
        _load_entry_points(loaded)
    if directory is not None:
        if directory.is_dir():
            _load_directory(loaded, directory)
        else:
            loaded.problems.append(f"{directory}: there is no such directory of functions.")
    return loaded


def has_entry_points() -> bool:
    """Tell whether an installed package declares functions; nothing is imported."""
    return bool(importlib.metadata.entry_points(group=ENTRY_POINTS))


def _load_entry_points(loaded: Loaded) -> None:
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        version = entry.dist.version if entry.dist is not None else ""
        try:
            with _output_to_stderr():
                importlib.import_module(entry.module)
        except (Exception, SystemExit) as error:
            loaded.problems.append(f"{entry.value}: {_told(error)}")
            continue
        functions = defined_in(entry.module)
        wanted = [f for f in functions if not entry.attr or f.target.__qualname__ == entry.attr]
        loaded.add(wanted, entry.value, version)


def _load_directory(loaded: Loaded, directory: Path) -> None:
    for name in [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]
    forget(PACKAGE)
    importlib.invalidate_caches()
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(directory)]
    sys.modules[PACKAGE] = package
    whole = _digest({path: Path(path).read_bytes() for path in snapshot(directory)})
    for path in sorted(directory.glob("*.py")):
        if path.name.startswith("_"):
            continue
        if not path.stem.isidentifier():
            loaded.problems.append(f"{path}: the name of the file has to be a Python name.")
            continue
        name = f"{PACKAGE}.{path.stem}"
        try:
            source = path.read_bytes()
            with _output_to_stderr(), _without_bytecode():
                importlib.import_module(name)
        except (Exception, SystemExit) as error:
            sys.modules.pop(name, None)
            loaded.problems.append(_place(path, error))
            continue
        version = whole if _shares_code(source) else _digest({path.name: source})
        loaded.add([f for f in defined_in(name) if f.module == name], str(path), version)


@contextlib.contextmanager
def _output_to_stderr():
    with contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def _without_bytecode():
    # A cached file is told from its source by seconds: an edit within one second would not be seen.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _digest(contents: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _shares_code(source: bytes) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.level > 0 for node in ast.walk(ast.parse(source)))


def _place(path: Path, error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.filename or path}, line {error.lineno}: {error.msg}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent == path.parent]
    line = f", line {frames[-1].lineno}" if frames else ""
    return f"{frames[-1].filename if frames else path}{line}: {_told(error)}"


def _told(error: BaseException) -> str:
    return str(error) if isinstance(error, KappaError) else f"{type(error).__name__}: {error}"
