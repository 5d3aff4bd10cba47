"""The topology that a person names: ``package.module:name`` or ``path/to/file.py:name``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from kappaflow.cli.messages import message
from kappaflow.cli.streams import texts as _texts
from kappaflow.errors import ConfigError, KappaError
from kappaflow.streams import StreamsBuilder, Topology

assert _texts
DEFAULT_NAME = "topology"


def load_topology(target: str) -> Topology:
    """Import a module or file and return the topology that it holds under a name.

    Args:
        target: ``module:name`` or ``file.py:name``; without a name it is ``topology``.  It may be a Topology, a
            StreamsBuilder, or a function without parameters that returns one of them.

    Raises:
        ConfigError: there is no such module, file or name, it holds something else, or importing it failed.
    """
    place, _, name = target.partition(":")
    module = _import(place, target)
    found: Any = module
    for part in (name or DEFAULT_NAME).split("."):
        if not hasattr(found, part):
            raise ConfigError(message("streams.no_name", place=place, name=name or DEFAULT_NAME))
        found = getattr(found, part)
    if callable(found) and not isinstance(found, Topology | StreamsBuilder):
        found = _guarded(found, target)
    if isinstance(found, StreamsBuilder):
        found = found.build()
    if not isinstance(found, Topology):
        raise ConfigError(message("streams.no_topology", target=target, kind=type(found).__name__))
    return found


def _import(place: str, target: str) -> ModuleType:
    if not place.endswith(".py"):
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        try:
            known = importlib.util.find_spec(place)
        except (ImportError, ValueError):
            known = None
        if known is None:
            raise ConfigError(message("streams.no_module", place=place))
        return _guarded(lambda: importlib.import_module(place), target)
    path = Path(place).resolve()
    if not path.is_file():
        raise ConfigError(message("streams.no_file", place=place))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    sys.path.insert(0, str(path.parent))
    loader = spec.loader
    _guarded(lambda: loader.exec_module(module), target)
    return module


def _guarded(call: Any, target: str) -> Any:
    """Call code of the user, and say where it failed."""
    try:
        return call()
    except KappaError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        why = f"{type(error).__name__}: {error}"
        raise ConfigError(message("streams.import_failed", target=target, where=where, why=why)) from error
